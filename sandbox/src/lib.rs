//! A stateful stand-in for Persona Relay on loopback, for tests and demonstrations.
//!
//! It answers the four calls of Relay as Persona documents them, with real RSA keys, real MACs and
//! one-time nonces, and keeps the books (what was billed, what was redeemed) where a test can read
//! them. It shares no code with the client that it tests. What it can be told to do (finish a
//! relay, move the clock, drop an answer) is under `/_sandbox/`; `docs/sandbox.md` lists it.
//!
//! It is a test double: it listens on loopback only, and its request log contains credentials.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! let sandbox = relaypass_sandbox::Sandbox::start(Default::default()).await?;
//! println!("{}", sandbox.ready().url);
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod api;
mod call;
mod challenge;
mod claim;
mod clock;
mod control;
mod create;
mod delivery;
mod encryption_key;
mod faults;
#[cfg(any(test, relaypass_fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hosted;
mod idempotency;
mod jwe;
mod keys;
mod ledger;
mod limits;
mod mac_key;
mod multi_prime;
mod random;
mod redeem;
mod relays;
mod requests;
mod server;
mod settings;
mod sign;
mod tap;
mod tls;
mod wire;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::world::Sandboxed;

/// How to start a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Loopback only; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether to speak TLS, with a certificate of the sandbox's own authority.
    pub tls: bool,
    /// Size of the issuer keys in bits: 2048, 3072 or 4096.
    pub key_bits: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            key_bits: 2048,
        }
    }
}

/// What a client needs to talk to a running sandbox. New keys at every start, so that a test can
/// search its output for them.
#[derive(Clone, serde::Serialize)]
pub struct Ready {
    /// The base URL, without a trailing slash.
    pub url: String,
    /// The API key of the sandbox environment, `persona_sandbox_…`.
    pub api_key: String,
    /// The API key of the production environment, `persona_production_…`.
    pub production_api_key: String,
    /// With TLS, the certificate of the authority to trust, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
}

/// A running sandbox. Dropping it stops the server.
pub struct Sandbox {
    ready: Ready,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a sandbox on the current tokio runtime; when this returns, it accepts connections.
    ///
    /// # Errors
    /// `InvalidInput` for an address that is not loopback or a key size that is not offered; else
    /// what the operating system says about listening.
    pub async fn start(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the sandbox listens on loopback only, and {} is not a loopback address",
                    options.listen.ip()
                ),
            ));
        }
        if !settings::KEY_BITS.contains(&options.key_bits) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the sandbox has issuer keys of 2048, 3072 and 4096 bits, not {}",
                    options.key_bits
                ),
            ));
        }

        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let authority = options.tls.then(tls::Authority::new).transpose()?;
        let sandboxed = Sandboxed::new(options.key_bits);
        let ready = Ready {
            url: format!("{}://{address}", if options.tls { "https" } else { "http" }),
            api_key: sandboxed.api_key.clone(),
            production_api_key: sandboxed.production_api_key.clone(),
            ca_pem: authority.as_ref().map(|authority| authority.ca_pem.clone()),
        };
        let acceptor = authority.map(|authority| authority.acceptor);
        let server = tokio::spawn(server::run(listener, acceptor, sandboxed));
        Ok(Self { ready, server })
    }

    /// Where it listens, and the keys it takes.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Stops the server: connections are closed, the port is free when this returns.
    pub async fn stop(mut self) {
        self.server.abort();
        // The error says that it was aborted, which is what we asked for.
        let _ = (&mut self.server).await;
    }

    /// Serves until the process is told to stop (SIGINT or SIGTERM).
    pub async fn wait(self) {
        told_to_stop().await;
        self.stop().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{signal, SignalKind};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
