//! Steps 2 and 3 as calls that may be repeated.

use std::time::Duration;

use super::Engine;
use crate::client::{
    read_claim, Client, GenerateClaim, GeneratedClaim, IssuePrivacyPass, PrivacyPass,
};
use crate::error::{Error, ResponseInfo, Result, UnopenedClaim};
use crate::http::now_ms;
use crate::pass::PrivacyPassToken;
use crate::records::{Kept, NameKey};
use crate::secret::Secret;

/// Steps 2 and 3 of [`Relays`](crate::Relays) for callers who keep their relays and passes
/// themselves, but want each step done once: what is asked is kept in the client's store before it
/// is sent, and whoever repeats the call, in whatever process, gets the first answer.
///
/// Steps are found again by a keyed hash of what names them, so the store shows neither passes nor
/// API keys. The key is in the store, sealed like everything else.
#[derive(Clone)]
pub struct KeptRelays<'a> {
    client: &'a Client,
    limit: Option<Duration>,
}

impl Client {
    /// Steps 2 and 3 as calls that may be repeated. They need a store.
    pub fn kept_relays(&self) -> KeptRelays<'_> {
        KeptRelays {
            client: self,
            limit: None,
        }
    }
}

impl KeptRelays<'_> {
    /// Limits the whole call, retries included, to this time.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Step 2: buys a pass, once for each `idempotency_key` of this API key. For 24 hours a repeated
    /// call returns the same pass, or goes on where the first one stopped.
    ///
    /// # Errors
    /// Those of [`Relays::issue_privacy_pass`](crate::Relays::issue_privacy_pass);
    /// `invalid_argument` without a store, for a key of other than 1 to 255 visible ASCII
    /// characters, or one that was used for another request; `store`.
    pub async fn issue_privacy_pass(
        &self,
        request: IssuePrivacyPass,
        idempotency_key: &str,
    ) -> Result<PrivacyPass> {
        let issue = async {
            crate::secret::check_visible(idempotency_key, "the idempotency key", 255)?;
            let inner = &self.client.inner;
            let engine = self.engine()?;
            let api_key = inner.signing_lane()?.api_key();
            let environment = inner.environment.as_str();
            let parts = [environment, api_key.expose(), idempotency_key];
            let id = self.id(&engine, "purchase", &parts).await?;
            let pass = engine.buy(id, &request).await?;
            Ok(PrivacyPass {
                privacy_pass_token: PrivacyPassToken::parse(pass.expose(), now_ms())?,
                info: ResponseInfo::default(),
            })
        };
        issue
            .await
            .map_err(|error: Error| error.in_operation("relays.issue_privacy_pass"))
    }

    /// Step 3: redeems a pass, once. Whoever repeats the call with the same relay and pass gets the
    /// first answer, also when the pass is spent by now; the answer is kept for 30 days.
    ///
    /// A call that is answered with `permission_denied` (not finished yet) asks a new question each
    /// time.
    ///
    /// # Errors
    /// Those of [`Relays::generate_claim`](crate::Relays::generate_claim); `invalid_argument`
    /// without a store, or if the request brings an idempotency key of its own; `store`.
    pub async fn generate_claim(&self, request: GenerateClaim) -> Result<GeneratedClaim> {
        let generate = async {
            if request.idempotency_key.is_some() {
                return Err(Error::invalid_argument(
                    "A kept redemption has idempotency keys of its own; leave yours out.",
                ));
            }
            let inner = &self.client.inner;
            let pass =
                PrivacyPassToken::parse(request.privacy_pass_token.expose().as_str(), now_ms())?;
            let engine = self.engine()?;
            let relay = (&request.relay_token, &request.relay_secret);
            let parts = [relay.0.as_str(), relay.1.expose(), pass.expose()];
            let id = self.id(&engine, "redemption", &parts).await?;
            let (payload, token_consumed) =
                engine.redeem(id, relay, Kept::new(pass.expose())).await?;
            let claim_payload = Secret::new(payload.expose().to_owned());
            let own_key = inner.decryption_key.as_ref();
            let key = request.decryption_key.as_ref().or(own_key);
            let claim = read_claim(payload.expose(), key, request.claim_type.as_ref());
            let claim = claim.map_err(|error| {
                error.with_unopened_claim(UnopenedClaim {
                    claim_payload: claim_payload.clone(),
                    token_consumed: Some(token_consumed),
                })
            })?;
            Ok(GeneratedClaim {
                claim_payload,
                token_consumed,
                claim,
                info: ResponseInfo::default(),
            })
        };
        generate
            .await
            .map_err(|error: Error| error.in_operation("relays.generate_claim"))
    }

    fn engine(&self) -> Result<Engine> {
        let inner = &self.client.inner;
        Engine::of(inner, inner.budget(self.limit, Duration::ZERO))
    }

    /// What a step is called in the store.
    async fn id(&self, engine: &Engine, step: &str, parts: &[&str]) -> Result<String> {
        let vault = &engine.ports.vault;
        let name_key = match &self.client.inner.keeping {
            Some(keeping) => {
                keeping
                    .name_key
                    .get_or_try_init(|| NameKey::of(vault))
                    .await?
            }
            None => &NameKey::of(vault).await?,
        };
        Ok(name_key.id(step, parts))
    }
}
