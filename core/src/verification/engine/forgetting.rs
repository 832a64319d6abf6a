//! How a verification is forgotten.

use super::starting::Reference;
use super::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::records::Changed;
use crate::store::Swap;
use crate::verification::machine::{Goal, Run};
use crate::verification::record::{record_key, State};

impl Engine {
    /// Deletes a verification and what leads to it. A pass that is certainly unspent goes to the
    /// pool first.
    pub(crate) async fn forget(&self, id: &str) -> Result<()> {
        self.for_one_call().forget_now(id).await
    }

    async fn forget_now(&self, id: &str) -> Result<()> {
        let vault = &self.ports.vault;
        loop {
            let stored = self.load(id).await?;
            // A pass that it took and does not have yet is nobody else's: it would be lost.
            let place = match &stored.content.state {
                State::Created { pooled } => pooled.clone(),
                _ => None,
            };
            let waiting = match &place {
                Some(place) => self.ports.take_pooled(place, id).await?,
                None => None,
            };
            let forgotten =
                (stored.content).forgotten(waiting, self.ports.now(), &mut self.ports.random());
            if let Some(closed) = forgotten {
                let key = record_key(id);
                let put = vault.put(&key, Some(stored.version), closed);
                if let Changed::Done(stored) = put.await? {
                    if let Some(place) = &place {
                        // If this fails, the place's own record says that it is to be done.
                        let _ = self.ports.clear_pooled(place, id).await;
                    }
                    // What it came to is told to nobody.
                    let _ = self
                        .drive(stored, Run::new(Goal::Answer, self.ports.now()), false)
                        .await?;
                    if self.load(id).await?.content.refund.is_some() {
                        return Err(Error::new(
                            ErrorKind::Store,
                            "Its pass could not be put into the pool; forget it again later.",
                        )
                        .with_retryable(true));
                    }
                }
                continue;
            }
            if let Some(key) = &stored.content.reference_key {
                let reference = vault.load::<Reference>(key).await?;
                if let Some(reference) = reference.filter(|reference| reference.content.id == id) {
                    if vault.delete(key, reference.version).await? == Swap::Refused {
                        // Somebody starts under it at this moment.
                        continue;
                    }
                }
            }
            if vault.delete(&record_key(id), stored.version).await? == Swap::Done {
                return Ok(());
            }
        }
    }
}
