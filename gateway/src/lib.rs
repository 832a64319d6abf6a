//! The gateway: Persona Relay over HTTP, for languages without a package of their own.
//!
//! Three endpoints are the three steps, wire-compatible with Persona's own gateway; their
//! credentials come with each call, and none are kept. What must happen once is stored before it is
//! sent, so that a call may be repeated to any replica on the same database, after any crash. A
//! second set of endpoints offers the durable verifications, under the operator's own API key.
//!
//! ```no_run
//! # async fn example() -> Result<(), relaypass_gateway::StartError> {
//! use relaypass_gateway::{Gateway, Options};
//!
//! let gateway = Gateway::start(Options::default()).await?;
//! println!("listening on {}", gateway.url());
//! gateway.stop().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod app;
mod call;
mod credentials;
#[cfg(any(test, relaypass_fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod listening;
mod metrics;
mod observe;
mod openapi;
mod operations;
mod options;
mod privacy;
mod problem;
mod relays;
mod server;
#[cfg(feature = "otel")]
mod traces;
mod verifications;
mod watched;

pub use openapi::openapi_json;
pub use options::{Limits, OperatorToken, Options, StartError, Tls};
pub use privacy::{privacy_report, PrivacyReport};
#[cfg(feature = "otel")]
pub use traces::Traces;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A gateway that listens.
pub struct Gateway {
    address: SocketAddr,
    /// What new connections are accepted with, if it serves `https`.
    tls: Option<watch::Sender<TlsAcceptor>>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Gateway {
    /// Checks the options and listens. The store is opened when it is first needed; what a crash
    /// left behind in it is taken up at once.
    ///
    /// # Errors
    /// Which option is wrong, and how; or why the address cannot be listened on.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let acceptor = options.tls.as_ref().map(Tls::acceptor).transpose()?;
        let listener = listening::listen(options.listen)
            .await
            .map_err(|error| StartError::new("listen", format!("cannot be used: {error}")))?;
        let address = listener
            .local_addr()
            .map_err(|error| StartError::new("listen", error.to_string()))?;
        let limits = options.limits.clone();
        let app = Arc::new(app::App::new(options)?);
        app.begin_background();
        let (stop, stopped) = watch::channel(false);
        let (tls, accepting) = acceptor.map(watch::channel).unzip();
        let serving = tokio::spawn(server::run(listener, accepting, app, limits, stopped));
        Ok(Self {
            address,
            tls,
            stop,
            serving,
        })
    }

    /// Where it listens, with the port it was given.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves new connections with another certificate and key; those that are open keep theirs.
    ///
    /// # Errors
    /// What is wrong with them, or that this gateway does not serve `https`. Nothing changes then.
    pub fn renew_tls(&self, tls: &Tls) -> Result<(), StartError> {
        let Some(sender) = &self.tls else {
            return Err(StartError::new("tls", "this gateway was started without"));
        };
        sender.send_replace(tls.acceptor()?);
        Ok(())
    }

    /// Stops listening and waits for what is in flight, as long as
    /// [`Limits::shutdown_grace`] allows.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.serving.await;
    }
}
