//! What Persona could tell callers apart by: what her issuer gives them.
//!
//! A pass carries its challenge and the id of the key that signed it, and the signature was asked for
//! with an API key. As long as everybody is given the same, that joins nothing. A challenge or a key of
//! one's own would join the pass to the API key, whatever was blinded. So what is fetched, without the
//! API key, is held against what was fetched before, by all who share a store.
//!
//! What can be linked all the same, with a configuration and by what was seen, is told in a report.
//!
//! Pure: time is an argument.
//!
//! Source: RFC 9576 section 6.2 (a consistent view of keys), RFC 9577 section 5.5 (contexts of one's
//! own).

mod common_hour;
mod fetched;
mod hours;
mod report;
mod sightings;

#[cfg(test)]
pub(crate) use common_hour::MARGIN;
pub(crate) use common_hour::{CommonHour, LATE};
pub(crate) use fetched::Fetched;
pub(crate) use hours::{Clock, Hours, InHour, SeenHours};
pub(crate) use report::{Configured, Facts, IssuerSeen, Purchases, Seen, WayOut};
pub use report::{PrivacyCode, PrivacyFinding, PrivacyReport, PrivacySeverity};
pub(crate) use sightings::{Finding, Sighting, Sightings};
