//! What other languages have of this crate: arguments as plain texts and numbers, calls that take
//! them, results as plain records. Bindings translate these into their host's values and back, and
//! decide nothing. Not for Rust programs: they have [`Client`](crate::Client).
//!
//! [`describe`] tells all of it as JSON. Each package compares what it offers with that.

mod calls;
mod caught;
mod description;
mod driving;
mod host_store;
mod keys;
pub mod records;
mod relays;
mod reporting;
mod runtime;
mod thrown;
mod verifications;

pub use crate::client::{
    parse_seconds, ClientArguments, Close, CloseArguments, IntoPlain, StoreArgument,
};
pub use calls::{
    compute, open, run, Call, ClaimArguments, CompleteArguments, CountArguments, CreateArguments,
    CreateTableArguments, ForgetArguments, Function, GetArguments, IssueArguments, OpenArguments,
    PrefetchArguments, PrivacyReportArguments, PruneArguments, ReadJwkArguments, ReadKeyArguments,
    RecoverArguments, StartArguments,
};
pub use caught::{caught, mistake};
pub use description::describe;
pub use driving::{blocking, current_call, Begun, Cancel, Driven, Ended, BACKGROUND};
pub use host_store::{check_store, store_threw, HostStore, Hosted};
pub use keys::GenerateKeyArguments;
pub use records::causes;
pub use runtime::{no_threads, runtime};
pub use thrown::Thrown;
