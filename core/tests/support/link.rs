//! A link to a server, as long as one likes, that counts the round trips over it.
//!
//! Threads and no runtime: a runtime's clock has no parts of a millisecond, and sleeps here are the link's
//! length.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

/// To what listens at a port of this machine.
pub struct Link {
    port: u16,
    server: u16,
    round_trips: Arc<AtomicUsize>,
}

impl Link {
    /// A round trip over it takes so long.
    pub fn to(server: u16, round_trip: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let round_trips = Arc::<AtomicUsize>::default();
        let counted = round_trips.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
                carry(client, server, round_trip, &counted);
            }
        });
        Self {
            port,
            server,
            round_trips,
        }
    }

    /// A URL of the server, by way of this link.
    pub fn url(&self, direct: &str) -> String {
        let (server, port) = (format!(":{}/", self.server), format!(":{}/", self.port));
        assert!(direct.contains(&server), "not this link's server");
        direct.replacen(&server, &port, 1)
    }

    /// Round trips since the last time: how often a client connected, or spoke again after an answer.
    /// What it says in one go is one, however much it is.
    pub fn take(&self) -> usize {
        self.round_trips.swap(0, SeqCst)
    }
}

/// The port in a URL.
pub fn port_of(url: &str) -> u16 {
    let (_, place) = url.split_once('@').unwrap();
    let (place, _) = place.split_once('/').unwrap();
    let (_, port) = place.split_once(':').unwrap();
    port.parse().unwrap()
}

fn carry(client: TcpStream, server: TcpStream, round_trip: Duration, counted: &Arc<AtomicUsize>) {
    let one_way = round_trip / 2;
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    // A connection took a round trip to come about, elsewhere than on this machine.
    counted.fetch_add(1, SeqCst);
    let there = client.try_clone().unwrap();
    let back = server.try_clone().unwrap();
    let was_answered = Arc::new(AtomicBool::new(true));
    let (counted, answered) = (counted.clone(), was_answered.clone());
    let delayed = Instant::now() + round_trip;
    pass_on(there, server, one_way, delayed, move || {
        if was_answered.swap(false, SeqCst) {
            counted.fetch_add(1, SeqCst);
        }
    });
    pass_on(back, client, one_way, delayed, move || {
        answered.store(true, SeqCst)
    });
}

/// What comes in one go is told, and goes out together after a while, not before `first`.
fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    after: Duration,
    first: Instant,
    tell: impl Fn() + Send + 'static,
) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut bytes = vec![0; 256 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            tell();
            let arrives = Instant::now().max(first) + after;
            if sender.send((arrives, bytes[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        while let Ok((arrives, bytes)) = receiver.recv() {
            thread::sleep(arrives.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
