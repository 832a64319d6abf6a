//! Passes that came back from a verification.

use super::Pooled;
use crate::client::{Ports, MOST_PASSES};
use crate::error::Result;

impl Ports {
    /// How many passes of this environment are there for the taking that came back from a verification,
    /// whosever they are. Of so many places as one claim type may have at most.
    pub(crate) async fn count_given_back(&self) -> Result<u32> {
        let prefix = format!("pass/{}/", self.environment.as_str());
        let most = 10 * MOST_PASSES as usize;
        let mut count = 0;
        for key in self.vault.scan(&prefix, None, most).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            let came_back = place.is_some_and(|place| {
                let place = &place.content;
                place.came_from.is_some() && place.available(self.now()).is_some()
            });
            count += u32::from(came_back);
        }
        Ok(count)
    }
}
