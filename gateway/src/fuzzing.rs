//! Requests to the gateway, as bytes on a connection: what libFuzzer calls (`fuzz/`), and the test below,
//! which plays the seeds of `fuzz/seeds` with it. See `relaypass::fuzzing`.
//!
//! It is compiled for tests, and where `tests/fuzz` sets `--cfg relaypass_fuzzing`. No release has any of it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use relaypass::transport::{
    BoxFuture, Connection, FailureCause, Request, Response, SendFailure, Sent, Transport,
};
use relaypass::Secret;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::app::App;
use crate::options::{OperatorToken, Options};
use crate::server::{handlers, serve_stream, Handlers};

/// Stands for whatever a caller sends: no answer repeats it.
const SECRET: &str = "Kq7ZcanaryX9w";

/// Opens the endpoints of the operator.
const TOKEN: &str = "operators-token-of-the-seeds";

/// So many requests see one gateway: what it stores stays in memory.
const REQUESTS: u32 = 256;

/// Longer than anything takes. Nobody waits: time passes by itself.
const LONG: Duration = Duration::from_secs(600);

/// A Persona who cannot be reached.
struct Nobody;

impl Transport for Nobody {
    fn send<'a>(
        &'a self,
        _: &'a str,
        _: &'a Request,
        _: Connection,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        Box::pin(std::future::ready(Err(SendFailure {
            sent: Sent::Nothing,
            cause: FailureCause::Network,
            description: "nobody answers".to_owned(),
        })))
    }
}

/// A gateway without its sockets.
struct Served {
    app: Arc<App>,
    handlers: Handlers,
    runtime: Runtime,
    requests: u32,
}

impl Served {
    fn new() -> Self {
        let options = Options {
            api_key: Some(Secret::new("persona_sandbox_of_the_operator".to_owned())),
            token: Some(OperatorToken::parse(TOKEN).expect("it is long enough")),
            retries: Some(0),
            ..Options::default()
        };
        let app = App::by_way_of(options, |_| Arc::new(Nobody)).expect("sound options");
        let app = Arc::new(app);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        Self {
            handlers: handlers(&app),
            app,
            runtime: runtime.expect("a runtime of one thread"),
            requests: 0,
        }
    }

    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.requests += 1;
        let (app, handlers) = (Arc::clone(&self.app), self.handlers.clone());
        self.runtime.block_on(exchange(app, handlers, bytes))
    }
}

/// Bytes of a client on its connection. Whatever they are, the first answer is one of ours or says that it was no HTTP,
/// repeats no secret, and is no defect.
///
/// A head without `content-length` gets the right one.
pub fn gateway(bytes: &[u8]) {
    thread_local! {
        static SERVED: RefCell<Served> = RefCell::new(Served::new());
    }
    let answer = SERVED.with_borrow_mut(|served| {
        if served.requests == REQUESTS {
            *served = Served::new();
        }
        served.answer(bytes)
    });
    is_ours(&answer);
}

/// The gateway ends the connection: what does not come to its end in time, and what nobody uses.
async fn exchange(app: Arc<App>, handlers: Handlers, bytes: &[u8]) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(serve_stream(app, handlers, server));
    let mut answer = Vec::new();
    let exchanged = async {
        // What the gateway does not take any more is not read.
        let _ = client.write_all(&with_length(bytes)).await;
        client.read_to_end(&mut answer).await
    };
    let read = tokio::time::timeout(LONG, exchanged).await;
    let read = read.expect("the gateway ends it");
    read.expect("a stream in memory");
    serving.await.expect("no connection panics");
    answer
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    const END: &[u8] = b"\r\n\r\n";
    let end = bytes.windows(END.len()).position(|some| some == END);
    let Some(end) = end else {
        return bytes.to_vec();
    };
    let (head, body) = bytes.split_at(end);
    let is_said = String::from_utf8_lossy(head).to_ascii_lowercase();
    if is_said.contains("content-length") || is_said.contains("transfer-encoding") {
        return bytes.to_vec();
    }
    let length = body.len() - END.len();
    [
        head,
        format!("\r\ncontent-length: {length}").as_bytes(),
        body,
    ]
    .concat()
}

/// The first answer: whole, in one of our forms, and without what was sent.
fn is_ours(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    assert!(!text.contains(SECRET), "what was sent is repeated: {text}");
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        assert!(answer.is_empty(), "half an answer: {text}");
        return;
    };
    let status: u16 = head
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| head.strip_prefix("HTTP/1.0 "))
        .and_then(|line| line.get(..3))
        .and_then(|status| status.parse().ok())
        .expect("a status line");
    assert!(status != 500, "a defect: {text}");
    let head = head.to_ascii_lowercase();
    // hyper refuses by itself what is not HTTP.
    let Some(length) = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
    else {
        return;
    };
    if length == "0" {
        return;
    }
    assert!(head.contains("cache-control: no-store"), "{text}");
    let length: usize = length.parse().expect("a number");
    // To HEAD there is no body.
    if status >= 400 && body.len() >= length {
        let problem: Value = serde_json::from_str(&body[..length]).expect("a problem is JSON");
        let error = &problem["errors"][0];
        assert!(
            error["code"].is_string() && error["title"].is_string(),
            "{text}"
        );
        assert!(error["meta"]["retryable"].is_boolean(), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_played_whole_cut_and_changed() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/gateway");
        let mut played = 0;
        for entry in std::fs::read_dir(seeds).expect("seeds") {
            let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
            gateway(&seed);
            gateway(&seed[..seed.len() / 2]);
            let mut changed = seed.clone();
            let place = changed.len() / 3;
            changed[place] ^= 1;
            gateway(&changed);
            played += 1;
        }
        assert!(played > 0);
        gateway(b"");
    }

    #[test]
    fn the_operators_endpoints_are_reached() {
        let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/gateway/start");
        let seed = std::fs::read_to_string(seed).expect("a seed");
        assert!(seed.contains(TOKEN));
        let answer = Served::new().answer(seed.as_bytes());
        // Past credentials and body: nobody answers there.
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }

    #[test]
    #[should_panic = "what was sent is repeated"]
    fn an_answer_that_repeats_what_was_sent_is_found() {
        is_ours(format!("HTTP/1.1 200 OK\r\n\r\n{SECRET}").as_bytes());
    }

    #[test]
    #[should_panic = "a defect"]
    fn a_defect_is_found() {
        is_ours(b"HTTP/1.1 500 Internal Server Error\r\n\r\n");
    }
}
