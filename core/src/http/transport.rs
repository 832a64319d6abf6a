//! What a transport promises.

use std::time::Duration;

use crate::future::BoxFuture;
use crate::secret::Secret;
use crate::wire::{Request, ResponseHead};

/// The largest body that is read, in bytes. Real ones have a few thousand.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Sends one request, once, and reads one answer.
///
/// The contract: no retries, no redirects, no cookies, no headers beyond the request's own and
/// those HTTP needs. An error says whether anything left. A body beyond [`LARGEST_BODY`] is not
/// read to its end.
pub trait Transport: Send + Sync {
    /// Sends `request` to `url` and returns the answer, within `timeout`.
    ///
    /// # Errors
    /// When no whole answer came: [`SendFailure`] says how far it got.
    fn send<'a>(
        &'a self,
        url: &'a str,
        request: &'a Request,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>>;
}

/// Which connection to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connection {
    /// One that is open already, if there is one.
    Any,
    /// A new one: the old ones may be what failed.
    Fresh,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Response {
    /// Status and headers.
    pub head: ResponseHead,
    /// The body, or `None` when it is larger than [`LARGEST_BODY`].
    pub body: Option<Secret<Vec<u8>>>,
}

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFailure {
    /// Whether anything left.
    pub sent: Sent,
    /// How the way failed.
    pub cause: FailureCause,
    /// What happened, in words without secrets.
    pub description: String,
}

/// How much of a request left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// Perhaps all of it.
    Perhaps,
}

/// How the way to Persona failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureCause {
    /// Time ran out.
    Timeout,
    /// Something on the way, such as a proxy, lets nobody pass who asks so: asking again is futile until
    /// somebody mends it.
    Refused,
    /// Everything else.
    Network,
}

impl std::fmt::Display for SendFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description)
    }
}

impl std::error::Error for SendFailure {}

/// For tests: one that nothing is sent by.
#[cfg(test)]
pub(crate) struct Unused;

#[cfg(test)]
impl Transport for Unused {
    fn send<'a>(
        &'a self,
        _: &'a str,
        _: &'a Request,
        _: Connection,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        unreachable!("nothing is sent")
    }
}
