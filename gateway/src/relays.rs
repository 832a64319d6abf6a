//! The three steps.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::Json as JsonAnswer;
use relaypass::{
    ClaimType, Client, CreateRelay, EncryptionForm, EncryptionKey, Environment, Error,
    GenerateClaim, IssuePrivacyPass, RelayToken, Result, Secret,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{work, Described, Json, Named};
use crate::credentials::{CallersIdempotencyKey, CallersKey, CallersRelaySecret};
use crate::problem::{ErrorDocument, Problem};

/// What a relay is to ask.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CreateBody {
    /// What is asked about the person.
    #[schema(example = "age_over18_verified")]
    claim_type: String,
    /// An RSA public key of 2048 to 4096 bits in PEM, to encrypt the claim with: RSA-OAEP, in base64.
    #[serde(default)]
    encryption_key_pem: Option<String>,
    /// Such a key as a JSON Web Key, in place of the PEM: the claim comes as a compact JWE.
    // As it was written: a member that is there twice is still there twice.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    encryption_key_jwk: Option<Box<RawValue>>,
    /// Whether the relay is of Persona's sandbox.
    #[serde(default)]
    sandbox: bool,
}

impl Described for CreateBody {
    const MEMBERS: &'static str =
        "claim-type (text), encryption-key-pem (text or null) or encryption-key-jwk (object or \
         null), which may be left out, and sandbox (true or false, may be left out)";
}

/// A relay session. It lives 30 minutes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RelayAnswer {
    /// Names the relay in later calls.
    relay_token: String,
    /// Redeems the claim. It is told this once.
    relay_secret: String,
    /// For the visitor's browser, and the only part that may go there.
    relay_session_access_token: String,
}

/// Step 1: creates a relay. Costs nothing, names nobody.
#[utoipa::path(
    post,
    path = "/relays",
    tag = "relays",
    operation_id = "create-relay",
    request_body = CreateBody,
    responses(
        (status = 201, description = "The relay", body = RelayAnswer),
        (status = "4XX", description = "The request, or Persona's refusal", body = ErrorDocument),
        (status = "5XX", description = "Persona, the way to it, or the gateway", body = ErrorDocument),
    ),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Json(body): Json<CreateBody>,
) -> Result<(StatusCode, JsonAnswer<RelayAnswer>), Problem> {
    if body.encryption_key_pem.is_some() && body.encryption_key_jwk.is_some() {
        return Err(Problem::invalid(
            "Give the encryption key as encryption-key-pem or as encryption-key-jwk, not both: the \
             claim comes back in the form that goes with it.",
        ));
    }
    let relay = work(&app, Problem::of_step, |client| async move {
        let mut request = CreateRelay::new(ClaimType::parse(body.claim_type)?);
        // The caller opens the claim, in the form that he expects: no other one is tried.
        if let Some(pem) = body.encryption_key_pem {
            request.encryption_key = Some(EncryptionKey::from_pem(&pem)?);
            request.encryption_form = Some(EncryptionForm::Pem);
        } else if let Some(jwk) = body.encryption_key_jwk {
            request.encryption_key = Some(EncryptionKey::from_jwk(jwk.get())?);
            request.encryption_form = Some(EncryptionForm::Jwk);
        }
        let client = client.on_behalf_of(None, Some(environment(body.sandbox)))?;
        client.relays().create(request).await
    });
    let relay = relay.await?;
    let answer = RelayAnswer {
        relay_token: relay.relay_token.as_str().to_owned(),
        relay_secret: relay.relay_secret.expose().to_owned(),
        relay_session_access_token: relay.relay_session_access_token.expose().clone(),
    };
    Ok((StatusCode::CREATED, JsonAnswer(answer)))
}

/// What a pass is to be for: every relay of a claim type, or one relay, whose secret is then in the
/// header `Persona-Relay-Secret`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PassBody {
    /// The claim type: the current generation.
    #[serde(default)]
    #[schema(example = "age_over18_verified")]
    claim_type: Option<String>,
    /// The relay's token: the first generation.
    #[serde(default)]
    relay_token: Option<String>,
    /// Whether the pass is of Persona's sandbox. The API key's prefix says so by itself.
    #[serde(default)]
    sandbox: Option<bool>,
}

impl Described for PassBody {
    const MEMBERS: &'static str = "claim-type (text), or relay-token (text) beside the header \
                                   Persona-Relay-Secret; and sandbox (true or false, may be left \
                                   out)";
}

/// A pass.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PassAnswer {
    /// The pass, unspent. It lives 90 days.
    privacy_pass_token: String,
}

/// Step 2: buys a Privacy Pass. The one step that names its caller, and the one that is billed.
///
/// With an `Idempotency-Key`, repeating the call returns the same pass for 24 hours, whatever
/// crashed in between. Without one, a call that is repeated is billed again.
#[utoipa::path(
    post,
    path = "/relays/privacy-passes",
    tag = "relays",
    operation_id = "issue-privacy-pass",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters: the same pass for the same key"),
        ("Persona-Relay-Secret" = Option<String>, Header, description = "The relay's secret, with relay-token"),
    ),
    request_body = PassBody,
    responses(
        (status = 201, description = "The pass", body = PassAnswer),
        (status = "4XX", description = "The request, or Persona's refusal", body = ErrorDocument),
        (status = "5XX", description = "Persona, the way to it, or the gateway", body = ErrorDocument),
    ),
    security(("api-key" = [])),
)]
pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    CallersKey(api_key): CallersKey,
    CallersRelaySecret(relay_secret): CallersRelaySecret,
    CallersIdempotencyKey(idempotency_key): CallersIdempotencyKey,
    Json(body): Json<PassBody>,
) -> Result<(StatusCode, JsonAnswer<PassAnswer>), Problem> {
    let bound_to = match (body.claim_type, body.relay_token, relay_secret) {
        (Some(claim_type), None, None) => {
            ClaimType::parse(claim_type).map(IssuePrivacyPass::ClaimType)
        }
        (None, Some(relay_token), Some(relay_secret)) => {
            RelayToken::parse(relay_token).map(|relay_token| IssuePrivacyPass::Relay {
                relay_token,
                relay_secret,
            })
        }
        _ => return Err(Problem::invalid(
            "A pass is bound to a claim type (claim-type alone), or to a relay (relay-token, and \
                 the header Persona-Relay-Secret): say one of both.",
        )),
    };
    let bound_to = bound_to.map_err(|error| Problem::of_step(&error))?;
    let pass = work(&app, Problem::of_step, |client| async move {
        let environment = body.sandbox.map(environment);
        let client = client.on_behalf_of(Some(api_key.expose()), environment)?;
        buy(&client, bound_to, idempotency_key).await
    });
    let answer = PassAnswer {
        privacy_pass_token: pass.await?,
    };
    Ok((StatusCode::CREATED, JsonAnswer(answer)))
}

async fn buy(
    client: &Client,
    bound_to: IssuePrivacyPass,
    idempotency_key: Option<Secret<String>>,
) -> Result<String> {
    let pass = match idempotency_key {
        None => client.relays().issue_privacy_pass(bound_to).await,
        Some(key) => {
            let kept = client.durable_relays();
            kept.issue_privacy_pass(bound_to, key.expose()).await
        }
    };
    Ok(pass?.privacy_pass_token.expose().to_owned())
}

/// The pass to redeem.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RedeemBody {
    /// As it was issued.
    privacy_pass_token: String,
}

impl Described for RedeemBody {
    const MEMBERS: &'static str = "privacy-pass-token (text)";
}

/// The claim.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClaimAnswer {
    /// As Persona sent it: JSON in a text, or base64 of a ciphertext.
    claim_payload: String,
    /// `true`: the pass is spent. `false`: the claim did not pass, and the pass may be used again.
    token_consumed: bool,
}

/// Step 3: redeems a pass for the claim. Names nobody.
///
/// Repeating a call that succeeded returns the first answer, for 30 days and from every replica. A
/// 403 means that the person has most likely not finished: ask again later.
#[utoipa::path(
    post,
    path = "/relays/{relay-token}/redeem",
    tag = "relays",
    operation_id = "redeem",
    params(
        ("relay-token" = String, Path, description = "The relay's token"),
        ("Persona-Relay-Secret" = String, Header, description = "The relay's secret"),
    ),
    request_body = RedeemBody,
    responses(
        (status = 200, description = "The claim", body = ClaimAnswer),
        (status = "4XX", description = "The request, or Persona's refusal", body = ErrorDocument),
        (status = "5XX", description = "Persona, the way to it, or the gateway", body = ErrorDocument),
    ),
)]
pub(crate) async fn redeem(
    State(app): State<Arc<App>>,
    Named(relay_token): Named,
    CallersRelaySecret(relay_secret): CallersRelaySecret,
    Json(body): Json<RedeemBody>,
) -> Result<JsonAnswer<ClaimAnswer>, Problem> {
    let relay_secret = relay_secret.ok_or_else(|| {
        Problem::invalid("This call needs the relay's secret in the header Persona-Relay-Secret.")
    })?;
    let answer = work(&app, Problem::of_step, |client| async move {
        let relay_token = RelayToken::parse(relay_token)?;
        let client = client.on_behalf_of(None, None)?;
        let request = GenerateClaim::new(relay_token, relay_secret, body.privacy_pass_token);
        let generated = client.durable_relays().generate_claim(request).await;
        match generated {
            Ok(answer) => Ok(ClaimAnswer {
                claim_payload: answer.claim_payload.expose().clone(),
                token_consumed: answer.token_consumed,
            }),
            Err(error) => as_it_came(error),
        }
    });
    answer.await.map(JsonAnswer)
}

/// What Persona sent, also where the core finds it no claim: that is for the caller to judge.
fn as_it_came(error: Error) -> Result<ClaimAnswer> {
    let sent = error.unopened_claim().and_then(|unopened| {
        Some(ClaimAnswer {
            claim_payload: unopened.claim_payload.expose().clone(),
            token_consumed: unopened.token_consumed?,
        })
    });
    sent.ok_or(error)
}

fn environment(sandbox: bool) -> Environment {
    match sandbox {
        true => Environment::Sandbox,
        false => Environment::Production,
    }
}
