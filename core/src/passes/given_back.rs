//! Passes that came back from a verification.

use super::Pooled;
use crate::client::Ports;
use crate::error::Result;

/// So many places are looked at.
const MOST_PLACES: usize = 100;

impl Ports {
    /// How many passes of this environment are there for the taking that came back from a verification,
    /// whosever they are; and whether every place of a pool was looked at.
    pub(crate) async fn count_given_back(&self) -> Result<(u32, bool)> {
        let prefix = format!("pass/{}/", self.environment.as_str());
        let mut count = 0;
        let keys = self.vault.scan(&prefix, None, MOST_PLACES + 1).await?;
        for key in keys.iter().take(MOST_PLACES) {
            let place = self.vault.load::<Pooled>(key).await?;
            let came_back = place.is_some_and(|place| {
                let place = &place.content;
                place.came_from.is_some() && place.available(self.now()).is_some()
            });
            count += u32::from(came_back);
        }
        Ok((count, keys.len() <= MOST_PLACES))
    }
}
