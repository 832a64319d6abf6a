//! Steps 2 and 3, stateless: the same machine on a record that is kept nowhere.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use crate::client::{
    GenerateClaim, GeneratedClaim, Inner, IssuePrivacyPass, Ports, PrivacyPass, Relays,
};
use crate::error::{Error, Result, UnopenedClaim};
use crate::http::now_ms;
use crate::pass::PrivacyPassToken;
use crate::records::StoredSecret;
use crate::secret::Secret;

impl Relays<'_> {
    /// Step 2: buys a Privacy Pass. This is the call that names us, and the one that is billed.
    ///
    /// The challenge is fetched on the anonymous lane; only a blinded message travels with the API
    /// key. An answer that does not arrive is asked for again with the same key and bytes, so that
    /// one call is billed once.
    ///
    /// # Errors
    /// `invalid_argument` without an API key; `privacy_refused` in a [strict](crate::Privacy::Strict)
    /// client, whose passes come from its pool; `authentication`, `permission_denied`,
    /// `rate_limited`, `protocol`, `timeout`, `network`; `server_error` and `outcome_unknown` when
    /// the pass may have been billed: [`Error::retryable`] is then false.
    ///
    /// Source: Persona, "Create a Privacy Pass"; RFC 9474.
    pub async fn issue_privacy_pass(&self, request: IssuePrivacyPass) -> Result<PrivacyPass> {
        let issue = async {
            let _call = self.inner.lifecycle.begin_call()?;
            let engine = Engine::without_store(self.inner, self.limit);
            let (pass, info) = engine.buy_unkept(&request).await?;
            (self.inner.seen.bought_when_called).fetch_add(1, Relaxed);
            Ok(PrivacyPass {
                privacy_pass_token: PrivacyPassToken::parse(pass.expose(), now_ms())?,
                info,
            })
        };
        issue
            .await
            .map_err(|error: Error| error.in_operation("relays.issue_privacy_pass"))
    }

    /// Step 3: redeems a pass for the claim. Names nobody; works once per pass.
    ///
    /// # Errors
    /// * `permission_denied`, retryable: the person has most likely not finished; ask again later.
    /// * `pass_rejected`, `pass_expired`; `not_found` for an unknown relay or a wrong secret;
    ///   `conflict`, `unprocessable`, `rate_limited`, `server_error`, `network`.
    /// * `outcome_unknown`, retryable: the answer never arrived. Whatever the kind, an error with an
    ///   [`Error::idempotency_key`] leaves an answer open: ask again with that key.
    ///
    /// What a key of the caller's own is good for, [`GenerateClaim::idempotency_key`] says.
    ///
    /// * `decryption`, `claim_mismatch`, `protocol`: the answer arrived and is no good;
    ///   [`Error::unopened_claim`] has it.
    ///
    /// Source: Persona, "Generate a Relay claim".
    pub async fn generate_claim(&self, request: GenerateClaim) -> Result<GeneratedClaim> {
        let generate = async {
            let _call = self.inner.lifecycle.begin_call()?;
            let own_key = request.idempotency_key.as_ref();
            // Only what is asked for the first time can be too old: an answer outlives its pass.
            let now = own_key.map_or_else(now_ms, |_| 0);
            let text = request.privacy_pass_token.expose().as_str();
            let pass = StoredSecret::new(PrivacyPassToken::parse(text, now)?.expose());
            let relay = (&request.relay_token, &request.relay_secret);
            let engine = Engine::without_store(self.inner, self.limit);
            let ((payload, token_consumed), info) =
                engine.redeem_unkept(relay, pass, own_key).await?;
            let claim_payload = Secret::new(payload.expose().to_owned());
            let claim = self.inner.read_claim(payload.expose(), &request).await;
            let claim = claim.map_err(|error| {
                error
                    .with_response(info.clone())
                    .with_unopened_claim(UnopenedClaim {
                        claim_payload: claim_payload.clone(),
                        token_consumed: Some(token_consumed),
                    })
            })?;
            Ok(GeneratedClaim {
                claim_payload,
                token_consumed,
                claim,
                info,
            })
        };
        generate
            .await
            .map_err(|error: Error| error.in_operation("relays.generate_claim"))
    }
}

impl Engine {
    /// An engine for calls that keep nothing.
    fn without_store(inner: &Arc<Inner>, limit: Option<Duration>) -> Self {
        Self {
            ports: Ports::without_store(inner, limit),
            binding: Default::default(),
            purchase_window: 0,
            is_strict: inner.privacy.is_strict(),
            pass_pool: 0,
        }
    }
}
