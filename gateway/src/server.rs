//! Sockets, and the bounds that keep one client from taking everything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{service_fn, Service as _};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{watch, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::observe::observe;
use crate::openapi;
use crate::options::Limits;
use crate::problem::Problem;

/// What hyper takes at least.
const SMALLEST_HEAD: usize = 8192;

/// How long a client may leave an answer unread.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// How long a stop waits for the first head of a connection.
const HEAD_GRACE: Duration = Duration::from_secs(2);

/// A gateway without file descriptors says so, but not for each connection.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

pub(crate) type Handlers = TowerToHyperService<Router>;

/// Serves until `stopped` says so, and then until nothing is in flight.
pub(crate) async fn run(
    listener: TcpListener,
    accepting: Option<watch::Receiver<TlsAcceptor>>,
    app: Arc<App>,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let handlers = handlers(&app);
    let connections = Arc::new(Semaphore::new(limits.connections));
    let shutdown = GracefulShutdown::new();
    let mut warned: Option<Instant> = None;
    loop {
        let slot = Arc::clone(&connections).acquire_owned();
        let (slot, accepted) = tokio::select! {
            both = async { (slot.await, listener.accept().await) } => both,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let (slot, stream) = match (slot, accepted) {
            (Ok(slot), Ok((stream, _))) => (slot, stream),
            (_, accepted) => {
                // Out of file descriptors, most likely: let some connections end first.
                let is_news = warned.is_none_or(|warned| warned.elapsed() > BETWEEN_WARNINGS);
                if let (Err(error), true) = (accepted, is_news) {
                    tracing::warn!("connections cannot be accepted: {error}");
                    warned = Some(Instant::now());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let connection = Connection {
            handlers: handlers.clone(),
            acceptor: accepting.as_ref().map(|tls| tls.borrow().clone()),
            app: Arc::clone(&app),
            limits: limits.clone(),
        };
        let (watcher, stopped) = (shutdown.watcher(), stopped.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let _counted = connection.app.metrics.begin_connection();
            connection.serve(stream, watcher, stopped).await;
        });
    }
    drop(listener);
    app.begin_stopping();
    app.working.close();
    let finished = async {
        shutdown.shutdown().await;
        app.working.wait().await;
    };
    let stopping = Instant::now();
    let finished = tokio::time::timeout(limits.shutdown_grace, finished).await;
    let left = limits.shutdown_grace.saturating_sub(stopping.elapsed());
    let closed = app.client.close(Some(left)).await;
    if finished.is_err() || closed.is_err() {
        tracing::warn!("some calls were still in flight when the time to stop was up");
    }
}

/// Serves what comes by one stream, until it ends. For [`crate::fuzzing`].
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) async fn serve_stream(
    app: Arc<App>,
    handlers: Handlers,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let connection = Connection {
        handlers,
        acceptor: None,
        limits: app.limits.clone(),
        app,
    };
    let (_running, stopped) = watch::channel(false);
    let shutdown = GracefulShutdown::new();
    connection.speak(stream, shutdown.watcher(), stopped).await;
}

struct Connection {
    handlers: Handlers,
    acceptor: Option<TlsAcceptor>,
    app: Arc<App>,
    limits: Limits,
}

impl Connection {
    async fn serve(&self, stream: TcpStream, watcher: Watcher, mut stopped: watch::Receiver<bool>) {
        // Without it, a small answer may wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.acceptor else {
            return self.speak(stream, watcher, stopped).await;
        };
        let handshake = tokio::time::timeout(self.limits.head_time, acceptor.accept(stream));
        let stream = tokio::select! {
            stream = handshake => stream.ok().and_then(Result::ok),
            // Nothing is in flight yet: a stop need not wait for it.
            _ = stopped.wait_for(|stopped| *stopped) => None,
        };
        if let Some(stream) = stream {
            self.speak(stream, watcher, stopped).await;
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        watcher: Watcher,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(self.limits.head.max(SMALLEST_HEAD))
            .max_headers(64);
        // Answers that nobody reads would hold the connection for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let stream = TokioIo::new(Box::pin(stream));
        let has_asked = AtomicBool::new(false);
        let service = service_fn(|request| {
            has_asked.store(true, Ordering::Relaxed);
            self.handlers.call(request)
        });
        let connection = watcher.watch(http.serve_connection(stream, service));
        let dawdles = async {
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(HEAD_GRACE).await;
            if has_asked.load(Ordering::Relaxed) {
                // It ends with its answer.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            // An error is a client that went away or did not speak HTTP.
            _ = connection => {}
            // Its first request is still on the way, if it ever comes whole.
            () = dawdles => {}
        }
    }
}

/// What answers requests.
pub(crate) fn handlers(app: &Arc<App>) -> Handlers {
    TowerToHyperService::new(router(Arc::clone(app)))
}

fn router(app: Arc<App>) -> Router {
    openapi::routes()
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&app), observe))
        // Answers hold secrets.
        .layer(SetResponseHeaderLayer::overriding(
            CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .with_state(app)
}

async fn unknown() -> Problem {
    let details = "There is nothing here; /openapi.json describes what there is.";
    Problem::new(StatusCode::NOT_FOUND, "not_found", details)
}

async fn wrong_method() -> Problem {
    let details = "This endpoint takes another method; /openapi.json says which.";
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        details,
    )
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::defect().into_response()
}
