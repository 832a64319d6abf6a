//! The accept loop, and what happens to a request between the socket and its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{to_bytes, Body};
use axum::Router;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::{http1, http2};
use hyper::service::{service_fn, Service as _};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::delivery::{Delivery, Dropped, Outgoing};
use crate::requests::{Entry, Handshake, Head};
use crate::tap::{Tap, Tapped};
use crate::tls::HTTP_2;
use crate::wire::{Answer, Received, Refusal};
use crate::world::{Sandboxed, World};
use crate::{api, control, hosted};

/// No request of the protocol comes near it.
const LONGEST_BODY: usize = 1024 * 1024;

/// Serves until it is dropped, and all connections with it.
pub(crate) async fn run(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    sandboxed: Arc<Sandboxed>,
) {
    let pages = pages(&sandboxed);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: let some connections end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let number = sandboxed.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let origin = Origin {
            sandboxed: Arc::clone(&sandboxed),
            pages: pages.clone(),
            tap: Arc::default(),
            number,
            handshake: None,
        };
        connections.spawn(connection(stream, acceptor.clone(), origin));
    }
}

/// Serves what comes by one stream, until it ends. For [`crate::fuzzing`].
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin>(
    sandboxed: Arc<Sandboxed>,
    stream: S,
) {
    let origin = Origin {
        pages: pages(&sandboxed),
        sandboxed,
        tap: Arc::default(),
        number: 1,
        handshake: None,
    };
    serve(stream, origin).await;
}

/// What is no call of the protocol: the control API, and the page for visitors.
fn pages(sandboxed: &Arc<Sandboxed>) -> TowerToHyperService<Router> {
    TowerToHyperService::new(
        Router::new()
            .merge(control::routes())
            .merge(hosted::routes())
            .with_state(Arc::clone(sandboxed)),
    )
}

/// Where a request comes from and what it needs.
struct Origin {
    sandboxed: Arc<Sandboxed>,
    pages: TowerToHyperService<Router>,
    tap: Arc<Tap>,
    number: u64,
    handshake: Option<Handshake>,
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, mut origin: Origin) {
    // Without it, a small answer may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return serve(stream, origin).await;
    };
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    origin.handshake = Some(match stream.get_ref().1.handshake_kind() {
        Some(HandshakeKind::Resumed) => Handshake::Resumed,
        _ => Handshake::Full,
    });
    if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
        serve_http2(stream, origin).await;
    } else {
        serve(stream, origin).await;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, origin: Origin) {
    let stream = Tapped::new(stream, Arc::clone(&origin.tap));
    let origin = Arc::new(origin);
    let service = service_fn(|request| respond(Arc::clone(&origin), request));
    // An error is a client that went away, or a fault that wanted just that.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Without a tap: on the wire, headers are lower-case and compressed.
async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin>(stream: S, origin: Origin) {
    let origin = Arc::new(origin);
    let service = service_fn(move |request| respond(Arc::clone(&origin), request));
    let _ = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    origin: Arc<Origin>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Dropped> {
    let world = origin.sandboxed.world();
    let (parts, body) = request.into_parts();
    if parts.uri.path().starts_with("/_sandbox/") {
        let request = Request::from_parts(parts, Body::new(body));
        let answer = page(&origin.pages, request).await;
        origin.tap.clear();
        return Delivery::Whole(answer).into_response().await;
    }

    let head = (world.recording()).then(|| Head::of(&parts, &origin.tap));
    let body = to_bytes(Body::new(body), LONGEST_BODY).await;
    origin.tap.clear();
    let at = world.clock.now_milliseconds();

    let Ok(body) = body else {
        let refusal = Refusal::with_status(413, "The body is longer than 1 MiB");
        return api::refused(&world, refusal).0.into_response().await;
    };
    let unanswered = Unanswered::default();
    let entry = head.map(|head| Entry {
        at,
        connection: origin.number,
        handshake: origin.handshake,
        head,
        body: body.clone(),
        answer: None,
        fault: None,
        abandoned: unanswered.abandoned(),
    });
    // In a task of its own: a client that goes away undoes nothing, and is in the log.
    let delivery = tokio::spawn(exchange(origin, world, parts, body, entry))
        .await
        .expect("a call that panics is caught in its own task");
    let response = delivery.into_response().await;
    unanswered.answered();
    response
}

/// Answers a request, and records it as soon as it is executed.
async fn exchange(
    origin: Arc<Origin>,
    world: Arc<World>,
    parts: Parts,
    body: Bytes,
    entry: Option<Entry>,
) -> Delivery {
    let path = parts.uri.path().to_owned();
    let (delivery, fault) = if path == "/relay" {
        let request = Request::from_parts(parts, Body::from(body));
        (Delivery::Whole(page(&origin.pages, request).await), None)
    } else {
        let received = Received {
            method: parts.method,
            path,
            headers: parts.headers,
            body,
        };
        api(&origin.sandboxed, &world, received).await
    };
    if let Some(entry) = entry {
        world.requests.record(Entry {
            answer: delivery.recorded(),
            fault,
            ..entry
        });
    }
    delivery
}

/// Executes a call; one that panics is answered too.
async fn api(
    sandboxed: &Arc<Sandboxed>,
    world: &Arc<World>,
    received: Received,
) -> (Delivery, Option<String>) {
    let sandboxed = Arc::clone(sandboxed);
    let its_world = Arc::clone(world);
    tokio::spawn(async move { api::answer(&sandboxed, &its_world, &received).await })
        .await
        .unwrap_or_else(|_| {
            let defect = "The sandbox has a defect: a call panicked";
            api::refused(world, Refusal::with_status(500, defect))
        })
}

/// Tells the log if the request is given up, which happens when the client has gone away.
#[derive(Default)]
struct Unanswered {
    abandoned: Arc<AtomicBool>,
    answered: bool,
}

impl Unanswered {
    fn abandoned(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.abandoned)
    }

    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if !self.answered {
            self.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

async fn page(pages: &TowerToHyperService<Router>, request: Request<Body>) -> Answer {
    let response = match pages.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .expect("our own pages are made in memory");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
