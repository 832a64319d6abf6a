//! The durable verifications, under the operator's API key.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::Json as JsonAnswer;
use relaypass::{Claim, ClaimType, ErrorKind, Result, StartVerification, Verification};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{work, Described, Json, Named};
use crate::credentials::Operator;
use crate::problem::{ErrorDocument, Problem};

/// What is to be verified.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct StartBody {
    /// What is asked about the person.
    #[schema(example = "age_over18_verified")]
    claim_type: String,
    /// A name of yours, up to 512 visible ASCII characters: the same one returns the same
    /// verification for as long as it is open. Only its hash is stored.
    #[serde(default)]
    reference: Option<String>,
    /// How the page at `hosted-url` looks: `light`, `dark` or `auto`; by default Persona decides.
    #[serde(default)]
    theme: Option<String>,
}

impl Described for StartBody {
    const MEMBERS: &'static str = "claim-type (text), reference and theme (text, may be left out)";
}

/// How to complete.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CompleteBody {
    /// Accept that another pass may be billed, after an error that left it to you.
    #[serde(default)]
    reissue: bool,
}

impl Described for CompleteBody {
    const MEMBERS: &'static str = "reissue (true or false, may be left out)";

    fn when_empty() -> Option<Self> {
        Some(Self::default())
    }
}

/// A verification.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct VerificationAnswer {
    /// Names it in later calls.
    id: String,
    /// What is asked.
    claim_type: String,
    /// `passed`, `failed`, `pending` or `expired`.
    #[schema(example = "pending")]
    status: &'static str,
    /// The claim, with passed and failed.
    claim: Option<ClaimObject>,
    /// For the visitor's browser; null once it is over.
    session_access_token: Option<String>,
    /// Persona's page for the visitor; null once it is over. It refuses requests with a `Referer`.
    hosted_url: Option<String>,
    /// The code of what keeps its pass from being bought until somebody mends it; null once there is a pass.
    purchase_failure: Option<&'static str>,
    /// When the session ends, in milliseconds since the epoch.
    expires_at: u64,
}

/// What came of a verification.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CompletionAnswer {
    /// As it was asked for.
    id: String,
    /// `passed`, `failed`, `pending` or `expired`.
    #[schema(example = "passed")]
    status: &'static str,
    /// The claim, with passed and failed.
    claim: Option<ClaimObject>,
}

/// What Persona says about the person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClaimObject {
    /// What was asked.
    claim_type: String,
    /// `passed` or `failed`; Persona may add others.
    claim_result: String,
    /// How Persona found out; empty if it does not say.
    methodology: Vec<MethodObject>,
}

/// One way in which Persona checked the claim.
#[derive(Serialize, ToSchema)]
pub(crate) struct MethodObject {
    /// Such as `facial_age_estimation`.
    method: String,
    /// `passed` or `failed`.
    result: String,
}

/// Creates a relay for a visitor and stores the verification.
#[utoipa::path(
    post,
    path = "/verifications",
    tag = "verifications",
    operation_id = "start-verification",
    request_body = StartBody,
    responses(
        (status = 201, description = "The verification", body = VerificationAnswer),
        (status = "4XX", description = "The request", body = ErrorDocument),
        (status = "5XX", description = "Persona, the way to it, or the gateway", body = ErrorDocument),
    ),
    security(("operator-token" = [])),
)]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    _: Operator,
    Json(body): Json<StartBody>,
) -> Result<(StatusCode, JsonAnswer<VerificationAnswer>), Problem> {
    let started = work(&app, Problem::of_verification, |client| async move {
        let mut request = StartVerification::new(ClaimType::parse(body.claim_type)?);
        if let Some(reference) = body.reference {
            request = request.reference(reference)?;
        }
        let verifications = client.verifications().themed_as(body.theme.as_deref())?;
        verifications.start(request).await
    });
    let answer = describe(started.await?);
    Ok((StatusCode::CREATED, JsonAnswer(answer)))
}

/// Finishes whatever is missing and asks for the answer. May be repeated, to any replica.
#[utoipa::path(
    post,
    path = "/verifications/{id}/complete",
    tag = "verifications",
    operation_id = "complete-verification",
    params(("id" = String, Path, description = "The id that start returned")),
    request_body = Option<CompleteBody>,
    responses(
        (status = 200, description = "What came of it, or that it is pending", body = CompletionAnswer),
        (status = "4XX", description = "The request", body = ErrorDocument),
        (status = "5XX", description = "Persona, the way to it, or the gateway", body = ErrorDocument),
    ),
    security(("operator-token" = [])),
)]
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    _: Operator,
    Named(id): Named,
    Json(body): Json<CompleteBody>,
) -> Result<JsonAnswer<CompletionAnswer>, Problem> {
    let asked = id.clone();
    let completed = work(&app, Problem::of_verification, |client| async move {
        let verifications = client.verifications();
        let id = verifications.read_id(asked)?;
        verifications.complete(&id, body.reissue).await
    });
    let completed = completed.await?;
    Ok(JsonAnswer(CompletionAnswer {
        id,
        status: completed.status.as_str(),
        claim: completed.claim.map(Into::into),
    }))
}

/// The verification as it is stored. Nobody is asked.
#[utoipa::path(
    get,
    path = "/verifications/{id}",
    tag = "verifications",
    operation_id = "get-verification",
    params(
        ("id" = String, Path, description = "The id that start returned"),
        ("theme" = Option<String>, Query, description = "How the page at hosted-url looks: light, dark or auto"),
    ),
    responses(
        (status = 200, description = "The verification", body = VerificationAnswer),
        (status = "4XX", description = "The request, or how the verification ended", body = ErrorDocument),
        (status = "5XX", description = "The gateway, or how the verification ended", body = ErrorDocument),
    ),
    security(("operator-token" = [])),
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    _: Operator,
    Named(id): Named,
    RawQuery(query): RawQuery,
) -> Result<JsonAnswer<VerificationAnswer>, Problem> {
    let found = work(&app, Problem::of_verification, |client| async move {
        let mut asked = query.as_deref().unwrap_or_default().split('&');
        let theme = asked.find_map(|member| member.strip_prefix("theme="));
        let verifications = client.verifications().themed_as(theme)?;
        let id = verifications.read_id(id)?;
        verifications.get(&id).await
    });
    found.await.map(describe).map(JsonAnswer)
}

/// Deletes what is stored of a verification.
#[utoipa::path(
    delete,
    path = "/verifications/{id}",
    tag = "verifications",
    operation_id = "forget-verification",
    params(("id" = String, Path, description = "The id that start returned")),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = "4XX", description = "The request", body = ErrorDocument),
        (status = "5XX", description = "The gateway", body = ErrorDocument),
    ),
    security(("operator-token" = [])),
)]
pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    _: Operator,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let forgotten = work(&app, Problem::of_verification, |client| async move {
        let verifications = client.verifications();
        let id = verifications.read_id(id)?;
        verifications.forget(&id).await
    });
    forgotten.await.map(|()| StatusCode::NO_CONTENT)
}

fn describe(verification: Verification) -> VerificationAnswer {
    let told = |secret: Option<relaypass::Secret<String>>| secret.map(|s| s.expose().clone());
    VerificationAnswer {
        id: verification.id.as_str().to_owned(),
        claim_type: verification.claim_type.as_str().to_owned(),
        status: verification.status.as_str(),
        claim: verification.claim.map(Into::into),
        session_access_token: told(verification.session_access_token),
        hosted_url: told(verification.hosted_url),
        purchase_failure: verification.purchase_failure.map(ErrorKind::code),
        expires_at: verification.expires_at,
    }
}

impl From<Claim> for ClaimObject {
    fn from(claim: Claim) -> Self {
        let methodology = claim.methodology.into_iter();
        Self {
            claim_type: claim.claim_type,
            claim_result: claim.claim_result,
            methodology: methodology
                .map(|method| MethodObject {
                    method: method.method,
                    result: method.result,
                })
                .collect(),
        }
    }
}
