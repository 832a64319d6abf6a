//! Requests to the sandbox, as bytes on a connection: what libFuzzer calls (`fuzz/`), and the test below,
//! which plays the seeds of `fuzz/seeds` with it.
//!
//! It is compiled for tests, and where `tests/fuzz` sets `--cfg relaypass_fuzzing`. No release has any of it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::server::serve_stream;
use crate::world::Sandboxed;

/// In a request, this stands for the API key, which is another one in each sandbox.
const API_KEY: &str = "API-KEY";

/// So many requests see one sandbox: it keeps the keys of all claim types.
const REQUESTS: u32 = 256;

/// Nobody waits for slow answers: time passes by itself.
const LONG: Duration = Duration::from_secs(60);

/// Of an answer that is too large on purpose, no more is read.
const ENOUGH: usize = 1 << 20;

/// A sandbox without its sockets.
struct Served {
    sandboxed: Arc<Sandboxed>,
    /// With it ends what sleeps longer than anybody waits.
    runtime: Runtime,
    requests: u32,
}

impl Served {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        Self {
            sandboxed: Sandboxed::new(2048),
            runtime: runtime.expect("a runtime of one thread"),
            requests: 0,
        }
    }

    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.requests += 1;
        let bytes = written(&self.sandboxed, bytes);
        self.runtime.block_on(exchange(&self.sandboxed, &bytes))
    }
}

/// Bytes of a client on its connection: one request or several. Whatever they are, no call has a defect, and
/// the sandbox still says afterwards what time it is.
///
/// A head without `content-length` gets the right one.
pub fn sandbox(bytes: &[u8]) {
    thread_local! {
        static SERVED: RefCell<Served> = RefCell::new(Served::new());
    }
    SERVED.with_borrow_mut(|served| {
        if served.requests >= REQUESTS {
            *served = Served::new();
        }
        served.sandboxed.reset();
        is_whole(&served.answer(bytes));
        let clock = served.answer(b"GET /_sandbox/clock HTTP/1.1\r\nhost: s\r\n\r\n");
        let clock = String::from_utf8_lossy(&clock);
        assert!(
            clock.starts_with("HTTP/1.1 200 ") && clock.contains("\"now\""),
            "{clock}"
        );
    });
}

async fn exchange(sandboxed: &Arc<Sandboxed>, bytes: &[u8]) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(serve_stream(Arc::clone(sandboxed), server));
    // What the sandbox does not take any more is not read.
    let _ = tokio::time::timeout(LONG, client.write_all(bytes)).await;
    let mut answer = Vec::new();
    // It leaves a connection open. Whoever hears nothing for long goes away.
    while let Ok(Ok(1..)) = tokio::time::timeout(LONG, client.read_buf(&mut answer)).await {
        if answer.len() > ENOUGH {
            break;
        }
    }
    drop(client);
    serving.await.expect("no connection panics");
    answer
}

fn written(sandboxed: &Sandboxed, bytes: &[u8]) -> Vec<u8> {
    const END: &[u8] = b"\r\n\r\n";
    let mut request = bytes.to_vec();
    let place = request
        .windows(API_KEY.len())
        .position(|some| some == API_KEY.as_bytes());
    if let Some(place) = place {
        let key = sandboxed.production_api_key.bytes();
        request.splice(place..place + API_KEY.len(), key);
    }
    let end = request.windows(END.len()).position(|some| some == END);
    if let Some(end) = end {
        let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
        if !head.contains("content-length") && !head.contains("transfer-encoding") {
            let length = request.len() - end - END.len();
            let header = format!("\r\ncontent-length: {length}");
            request.splice(end..end, header.into_bytes());
        }
    }
    request
}

fn is_whole(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    assert!(!text.contains("The sandbox has a defect"), "{text}");
    let is_http = text.starts_with("HTTP/1.1 ") || text.starts_with("HTTP/1.0 ");
    assert!(answer.is_empty() || is_http, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_played_whole_cut_and_changed() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/sandbox");
        let mut played = 0;
        for entry in std::fs::read_dir(seeds).expect("seeds") {
            let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
            sandbox(&seed);
            sandbox(&seed[..seed.len() / 2]);
            let mut changed = seed.clone();
            let place = changed.len() / 3;
            changed[place] ^= 1;
            sandbox(&changed);
            played += 1;
        }
        assert!(played > 0);
        sandbox(b"");
    }

    #[test]
    fn a_call_with_the_key_is_past_the_door() {
        let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/sandbox/sign");
        let seed = std::fs::read(seed).expect("a seed");
        let answer = Served::new().answer(&seed);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with("HTTP/1.1 404 "),
            "an unknown key: {answer}"
        );
    }

    #[test]
    #[should_panic = "The sandbox has a defect"]
    fn a_defect_is_found() {
        is_whole(
            b"HTTP/1.1 500 Internal Server Error\r\n\r\nThe sandbox has a defect: a call panicked",
        );
    }
}
