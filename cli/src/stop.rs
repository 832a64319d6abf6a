//! When a server is to stop, and when to read its files again.

/// Ends when standard input does. On a thread of its own: a blocked read must not keep the runtime
/// from shutting down.
pub(crate) async fn stdin_closed() {
    let (closed, waiting) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whether it ends or fails, nobody is there any more.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = waiting.await;
}

/// Ctrl-C and SIGTERM, heeded from when it is made.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupted: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminated: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{signal, SignalKind};

        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Ends with the next of them.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }

    /// Ends with Ctrl-C.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// SIGHUP, heeded from when it is made: it never ends a server.
pub(crate) struct Hangups {
    #[cfg(unix)]
    hung_up: tokio::signal::unix::Signal,
}

impl Hangups {
    #[cfg(unix)]
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{signal, SignalKind};

        Ok(Self {
            hung_up: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Ends with the next of them; never where there are none.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.hung_up.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
