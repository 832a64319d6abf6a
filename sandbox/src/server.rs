//! The accept loop, and what happens to a request between the socket and its answer.

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{to_bytes, Body};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{service_fn, Service as _};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::delivery::{Delivery, Dropped, Outgoing};
use crate::requests::{Entry, Handshake};
use crate::tap::{Tap, Tapped};
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
    let pages = TowerToHyperService::new(
        Router::new()
            .merge(control::routes())
            .merge(hosted::routes())
            .with_state(Arc::clone(&sandboxed)),
    );
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
    serve(stream, origin).await;
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

async fn respond(
    origin: Arc<Origin>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Dropped> {
    let world = origin.sandboxed.world();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if path.starts_with("/_sandbox/") {
        let request = Request::from_parts(parts, Body::new(body));
        let answer = page(&origin.pages, request).await;
        origin.tap.clear();
        return Delivery::Whole(answer).into_response();
    }

    let method = parts.method.as_str().to_owned();
    let path_and_query = parts.uri.to_string();
    let headers = world.recording().then(|| {
        (origin.tap.headers(&method, &path_and_query)).unwrap_or_else(|| {
            (parts.headers.iter())
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str().to_owned(), value)
                })
                .collect()
        })
    });
    let body = to_bytes(Body::new(body), LONGEST_BODY).await;
    origin.tap.clear();
    let at = world.clock.now_milliseconds();

    let Ok(body) = body else {
        let refusal = Refusal::with_status(413, "The body is longer than 1 MiB");
        return api::refused(&world, refusal).0.into_response();
    };
    let (delivery, fault) = if path == "/relay" {
        let request = Request::from_parts(parts, Body::from(body.clone()));
        (Delivery::Whole(page(&origin.pages, request).await), None)
    } else {
        let received = Received {
            method: parts.method,
            path,
            headers: parts.headers,
            body: body.clone(),
        };
        api(&origin.sandboxed, &world, received).await
    };

    if let Some(headers) = headers {
        world.requests.record(Entry {
            at,
            connection: origin.number,
            handshake: origin.handshake,
            method,
            path: path_and_query,
            headers,
            body,
            answer: delivery.recorded(),
            fault,
        });
    }
    delivery.into_response()
}

/// Executes a call in a task of its own: a client that goes away does not undo it.
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
