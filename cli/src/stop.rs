//! When a server is to stop.

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

/// Ends with Ctrl-C or SIGTERM.
pub(crate) async fn asked_to() {
    let interrupted = async {
        // Where there is no such signal, this never ends.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{signal, SignalKind};

    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            terminated.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
