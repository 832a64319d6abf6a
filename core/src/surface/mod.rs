//! What other languages have of this crate: arguments as plain texts and numbers, calls that take
//! them, results as plain records. Bindings translate these into their host's values and back, and
//! decide nothing. Not for Rust programs: they have [`Client`](crate::Client).
//!
//! [`describe`] tells all of it as JSON. Each package compares what it offers with that.

mod call;
mod description;
mod keys;
pub mod records;
mod relays;
mod runtime;
mod verifications;

pub use crate::client::{
    parse_seconds, ClaimArguments, ClientArguments, Close, CloseArguments, CreateArguments,
    IntoPlain, IssueArguments, OpenArguments, StoreArgument,
};
pub use call::Call;
pub use description::describe;
pub use keys::{GenerateKeyArguments, ReadKeyArguments};
pub use records::causes;
pub use runtime::{runtime, MOST_THREADS};
pub use verifications::{
    CompleteArguments, CountArguments, ForgetArguments, GetArguments, PrefetchArguments,
    RecoverArguments, StartArguments,
};
