//! Where the record of a drive is kept.

use super::Drive;
use crate::error::Result;
use crate::passes::Pooled;
use crate::records::{Changed, Loaded};
use crate::verification::machine::Event;
use crate::verification::record::{record_key, Durable};

/// Where the record of a drive is kept.
pub(in crate::verification::engine) enum Shelf {
    /// In the store, under its id.
    Record,
    /// In a place of the pool.
    Place { key: String, place: Box<Pooled> },
    /// Nowhere: the call is stateless.
    Nowhere,
}

/// How long the store is waited for when a step is stored.
pub(super) enum Patience {
    /// Until the call's time is up: nothing has happened yet.
    UntilDeadline,
    /// A little longer: a request has returned, maybe with the call's last moment. A key that was never
    /// sent would read as lost if it stayed in the record.
    Grace,
    /// As long as it takes: what Persona gave is in hand.
    Unhurried,
}

impl Patience {
    /// For a step that follows from this event.
    pub(super) fn after(event: &Event) -> Self {
        match event {
            _ if event.is_won() => Patience::Unhurried,
            _ if event.is_reply() => Patience::Grace,
            _ => Patience::UntilDeadline,
        }
    }
}

impl Drive<'_> {
    /// Puts the record where it is kept.
    pub(super) async fn put(&mut self, record: Durable) -> Result<Changed<Durable>> {
        let ports = &self.engine.ports;
        let version = self.stored.version;
        let vault = match self.patience {
            Patience::UntilDeadline => &*ports.vault,
            Patience::Grace => &ports.vault.in_grace(),
            Patience::Unhurried => &ports.vault.unhurried(),
        };
        match &mut self.shelf {
            Shelf::Nowhere => Ok(Changed::Done(Loaded {
                content: record,
                version: version + 1,
            })),
            Shelf::Record => {
                let key = record_key(&record.id);
                vault.put(&key, Some(version), record).await
            }
            Shelf::Place { key, place } => {
                let moved = place.moved(record.in_place(), ports.now(), &mut ports.random());
                Ok(match vault.put(key, Some(version), moved).await? {
                    Changed::Done(there) => {
                        **place = there.content;
                        Changed::Done(Loaded {
                            content: record,
                            version: there.version,
                        })
                    }
                    Changed::Refused(there) => Changed::Refused(there.map(|there| {
                        let content = Durable::of_place(key, &there.content, ports.now());
                        **place = there.content;
                        Loaded {
                            content,
                            version: there.version,
                        }
                    })),
                })
            }
        }
    }
}
