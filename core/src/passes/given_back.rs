//! Passes that came back from a verification.

use super::common_pool::is_common;
use super::Pooled;
use crate::client::{Ports, MOST_PASSES};
use crate::error::Result;

/// So many places are looked at.
const MOST_PLACES: usize = 100;

/// So many are listed: the strict pools of as many claim types as are bought for do not hide the others.
const MOST_LISTED: usize = 40 * MOST_PASSES as usize;

impl Ports {
    /// How many passes of this environment are there for the taking that came back from a verification,
    /// whosever they are; and whether every place of a pool was looked at. What came back to a strict pool was shown to
    /// nobody.
    pub(crate) async fn count_given_back(&self) -> Result<(u32, bool)> {
        let prefix = format!("pass/{}/", self.environment.as_str());
        let mut count = 0;
        let mut limit = MOST_PLACES + 1;
        let mut keys = self.vault.scan(&prefix, None, limit).await?;
        if keys.iter().any(|key| is_common(key)) {
            limit = MOST_LISTED;
            keys = self.vault.scan(&prefix, None, limit).await?;
        }
        let were_all_listed = keys.len() < limit;
        keys.retain(|key| !is_common(key));
        for key in keys.iter().take(MOST_PLACES) {
            let place = self.vault.load::<Pooled>(key).await?;
            let came_back = place.is_some_and(|place| {
                let place = &place.content;
                place.came_from.is_some() && place.available(self.now()).is_some()
            });
            count += u32::from(came_back);
        }
        Ok((count, were_all_listed && keys.len() <= MOST_PLACES))
    }
}
