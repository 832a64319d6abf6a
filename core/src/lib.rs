//! Persona Relay and Privacy Pass for servers: ask whether a person is over 18, or human, and
//! nothing else, without learning who the person is, and without Persona learning who asked.
//!
//! Three steps: [`Relays::create`] opens a session for the visitor, [`Relays::issue_privacy_pass`]
//! buys a blind-signed pass, [`Relays::generate_claim`] redeems it for the claim. The second is the
//! only one that carries the API key; it shares no connection, no TLS state and no type with the
//! others.
//!
//! ```no_run
//! # async fn example() -> relaypass::Result<()> {
//! let client = relaypass::Client::builder().api_key("persona_sandbox_…").build()?;
//! let claim_type = relaypass::ClaimType::parse("age_over18_verified")?;
//! let relay = client.relays().create(relaypass::CreateRelay::new(claim_type)).await?;
//! println!("open a session for {}", relay.relay_token.as_str());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! None is on by default: the three steps, verifications and passes need none of them.
//!
//! * `sqlite`: the store in a SQLite file. SQLite itself comes with it, and is compiled from C.
//! * `postgres`: the store in a PostgreSQL database.
//! * `socks`: proxies by `socks5h`.
//!
//! # Versions
//! The crate needs Rust 1.95, which its tests run with. A later version of the crate that needs a later
//! Rust is a minor version. Types that Persona may add to are `#[non_exhaustive]`.
//!
//! Not affiliated with Persona.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod brief_lock;
mod callback;
mod claim;
mod client;
mod credential;
mod described;
mod encoding;
mod error;
mod events;
mod future;
#[cfg(any(test, relaypass_fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod given;
mod http;
#[doc(hidden)]
pub mod moment;
mod outcome;
pub mod pass;
mod passes;
mod privacy;
mod records;
mod releasable;
mod secret;
pub mod store;
#[doc(hidden)]
pub mod surface;
mod sync;
#[cfg(test)]
#[path = "../tests/support/vectors.rs"]
mod test_vectors;
#[doc(hidden)]
pub mod tls;
mod verification;
mod wire;

pub use claim::{
    generate_key_pair, open_claim, open_claim_in_form, Claim, ClaimType, DecryptionKey,
    DecryptionKeys, EncryptionKey, KeyForm, Method,
};
pub use client::{
    Client, ClientBuilder, CreateRelay, EncryptionForm, Environment, GenerateClaim, GeneratedClaim,
    Isolation, IssuePrivacyPass, PassBinding, PassText, Privacy, PrivacyPass, Relay, RelayToken,
    Relays,
};
pub use credential::{ApiKey, RelaySecret, SealKey};
pub use error::{Error, ErrorKind, RateLimit, ResponseInfo, Result, UnopenedClaim};
pub use events::{Event, EventKind, Listener};
pub use passes::Passes;
pub use privacy::{PrivacyCode, PrivacyFinding, PrivacyReport, PrivacySeverity};
pub use secret::{os_random, rand_core, IdempotencyKey, Secret};
pub use verification::{
    Completion, DurableRelays, StartVerification, Status, Theme, Verification, VerificationId,
    Verifications,
};

/// The transport, for those who bring their own.
pub mod transport {
    pub use crate::future::BoxFuture;
    pub use crate::http::{
        Connection, FailureCause, Response, SendFailure, Sent, Transport, LARGEST_BODY,
    };
    pub use crate::wire::{Request, ResponseHead};
}

/// The README's Rust example, compiled like every other one.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
