//! The way to Persona: two lanes that share nothing, and the one loop that asks again.

mod anonymous_lanes;
mod clock;
mod exchange;
mod gate;
mod lane;
mod reqwest_transport;
mod retrying;
#[cfg(test)]
mod texts;
mod transport;
mod watched_body;

pub(crate) use anonymous_lanes::{number_of, AnonymousLanes, NamedRoute, Way};
pub(crate) use clock::now_ms;
pub(crate) use exchange::{ask_once, Attempt, Exchange, Misread};
pub(crate) use gate::Gates;
pub(crate) use lane::{AnonymousLane, BaseUrl, IdentifiedLane, Route};
pub(crate) use reqwest_transport::{parse_proxy, ReqwestTransport, RouteOptions};
pub(crate) use retrying::run;
#[cfg(test)]
pub(crate) use transport::Unused;
pub use transport::{
    Connection, FailureCause, Response, SendFailure, Sent, Transport, LARGEST_BODY,
};
