//! What a client can say of its own privacy.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::issuer::record_prefix;
use super::{parse_seconds, Client, Inner, PassBinding, Ports};
use crate::error::Result;
use crate::events::EventKind;
use crate::privacy::{Configured, Facts, IssuerSeen, PrivacyReport, Purchases, Seen, Sightings};

/// So many claim types are looked at.
const MOST_ISSUERS: usize = 20;

impl Client {
    /// What can be linked with the present configuration, and by what was seen: by this client since it
    /// was made, and by all who share its store. Nothing is sent, and nothing is changed.
    ///
    /// What is measured is quoted with its figures; what is not, says so. Some limits are told whatever is
    /// configured. No proxy's address, no URL and no key is in it.
    ///
    /// # Errors
    /// `store`, and `decryption` for what another seal key has sealed; `timeout` after 30 seconds; `closed`.
    ///
    /// # Example
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> relaypass::Result<()> {
    /// let client = relaypass::Client::builder().build()?;
    /// let report = client.privacy_report().await?;
    /// println!("{report}");
    /// for finding in &report.findings {
    ///     println!("{}: {}", finding.severity.name(), finding.code.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn privacy_report(&self) -> Result<PrivacyReport> {
        self.report_within(None, false).await
    }

    /// [`Client::privacy_report`] within so many seconds.
    pub(crate) async fn report_within_seconds(
        &self,
        seconds: Option<f64>,
    ) -> Result<PrivacyReport> {
        let limit = seconds.map(parse_seconds).transpose()?;
        self.report_within(limit, false).await
    }

    /// [`Client::privacy_report`] of a server whose callers buy passes.
    pub(crate) async fn report_with_callers(
        &self,
        limit: Option<Duration>,
    ) -> Result<PrivacyReport> {
        self.report_within(limit, true).await
    }

    async fn report_within(
        &self,
        limit: Option<Duration>,
        serves_callers: bool,
    ) -> Result<PrivacyReport> {
        let report = async {
            let _call = self.inner.lifecycle.begin_call()?;
            let facts = Facts {
                configured: self.inner.configured(serves_callers),
                seen: self.inner.what_was_seen(limit).await?,
            };
            Ok(PrivacyReport::of(&facts))
        };
        report
            .await
            .map_err(|error: crate::error::Error| error.in_operation("privacy_report"))
    }
}

impl Inner {
    fn configured(&self, serves_callers: bool) -> Configured {
        let store = self.store_options.as_ref();
        Configured {
            anonymous: self.ways.of_anonymous().into(),
            ways: self.ways.anonymous.len(),
            is_isolated: self.ways.is_isolated,
            is_one_way: self.ways.are_one(),
            idle_timeout: self.ways.anonymous_idle_timeout(),
            purchases: self.purchases(),
            serves_callers,
            encrypts: self.decryption_key.is_some(),
            is_shared: store.is_some_and(|options| options.store.is_shared()),
        }
    }

    fn purchases(&self) -> Purchases {
        match (&self.store_options, &self.identified) {
            _ if self.privacy.is_strict() => Purchases::InCommonHours,
            (_, None) => Purchases::ByCallers,
            (None, Some(_)) => Purchases::WhenCalled,
            (Some(options), Some(_)) => Purchases::ForVerifications {
                window: options.purchase_window,
                // The pool is filled for the client that was built, not for whom it speaks for.
                pool: match self.customer {
                    None => options.pass_pool,
                    Some(_) => 0,
                },
                is_filled: options.background,
                is_bound: options.pass_binding == PassBinding::Relay,
            },
        }
    }

    async fn what_was_seen(self: &Arc<Self>, limit: Option<Duration>) -> Result<Seen> {
        let events = &self.seen.events;
        let seen = Seen {
            bought_while_asked: events.get(EventKind::LinkableByTime),
            inconsistencies: events.get(EventKind::IssuerInconsistent),
            key_id_mismatches: events.get(EventKind::KeyIdMismatch),
            key_changes: events.get(EventKind::KeyChanged),
            has_several_keys: self.seen.signers.are_several(),
            bought_when_called: self.seen.bought_when_called.load(Relaxed),
            ..Seen::default()
        };
        if self.store_options.is_none() {
            let issuers = self.seen.issuers.lock();
            let issuers = issuers.unwrap_or_else(PoisonError::into_inner);
            let here = issuers
                .iter()
                .filter(|((environment, _), _)| *environment == self.environment);
            return Ok(Seen {
                issuers: here.map(|(_, known)| known.sightings.summary()).collect(),
                ..seen
            });
        }
        let ports = Ports::of(self, limit)?;
        let (issuers, are_all) = ports.issuers_seen().await?;
        let (refunded, were_all) = ports.count_given_back().await?;
        Ok(Seen {
            issuers,
            refunded,
            is_cut: !(are_all && were_all),
            ..seen
        })
    }
}

impl Ports {
    /// What all who share the store have seen of the issuers of this environment, and whether those are
    /// all.
    async fn issuers_seen(&self) -> Result<(Vec<IssuerSeen>, bool)> {
        let prefix = record_prefix(self.environment);
        let mut issuers = Vec::new();
        let keys = self.vault.scan(&prefix, None, MOST_ISSUERS + 1).await?;
        for key in keys.iter().take(MOST_ISSUERS) {
            let seen = self.vault.load::<Sightings>(key).await?;
            issuers.extend(seen.map(|seen| seen.content.summary()));
        }
        Ok((issuers, keys.len() <= MOST_ISSUERS))
    }
}
