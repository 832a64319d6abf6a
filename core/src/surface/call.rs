//! A call of a client: arguments in, an answer out.

use std::future::Future;

use crate::client::Client;
use crate::described::Record;
use crate::error::Result;

/// Arguments that a client answers.
pub trait Call: Record + Send + Sized + 'static {
    /// As errors name it: `relays.create`.
    const NAME: &'static str;
    /// What comes of it.
    type Answer: Send + 'static;

    /// Checks the arguments, and makes the call within so many seconds.
    fn run(
        self,
        client: &Client,
        seconds: Option<f64>,
    ) -> impl Future<Output = Result<Self::Answer>> + Send;
}
