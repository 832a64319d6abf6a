//! Where the record of a drive is kept.

use super::Drive;
use crate::error::Result;
use crate::passes::Pooled;
use crate::records::{Changed, Loaded};
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

impl Drive<'_> {
    /// Puts the record where it is kept.
    pub(super) async fn put(&mut self, record: Durable) -> Result<Changed<Durable>> {
        let ports = &self.engine.ports;
        let version = self.stored.version;
        let vault = match self.has_answer {
            true => &ports.vault.unhurried(),
            false => &*ports.vault,
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
