//! The one error of this crate: what happened, whose fault it is, and whether trying again helps.
//!
//! No text in here comes from a secret: messages are fixed sentences, texts of the server are
//! bounded and scrubbed of the request's own secrets before they arrive (`http`), and causes are
//! described by kind. `Debug` and `Display` are therefore safe to log.

use std::fmt;

use serde_json::Value;

use crate::secret::{IdempotencyKey, Secret};

/// A shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by who can do something about it.
///
/// The string of each kind ([`ErrorKind::code`]) is public API and the same in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller gave something that cannot be right. Nothing was sent or stored, unless there is
    /// a status (400): then Persona found the mistake.
    InvalidArgument,
    /// Persona does not accept the API key (401).
    Authentication,
    /// The API key lacks a permission (403); on redemption most likely "not finished yet".
    PermissionDenied,
    /// Persona does not know it (404): an unknown relay, a wrong relay secret, an unknown key id. Or
    /// the store does not have the verification.
    NotFound,
    /// Another request is in the way (409).
    Conflict,
    /// Persona understood the request and refuses it (422).
    Unprocessable,
    /// Too many requests (429).
    RateLimited,
    /// Persona failed (5xx).
    ServerError,
    /// No answer in time.
    Timeout,
    /// The way to Persona is broken: DNS, connection, TLS, proxy.
    Network,
    /// Persona broke the protocol: a bad challenge, key, signature or body.
    Protocol,
    /// Persona does not accept the Privacy Pass (401 on redemption).
    PassRejected,
    /// The Privacy Pass is older than 90 days.
    PassExpired,
    /// The claim does not open with the given key.
    Decryption,
    /// The claim is not the one that was asked for, or was not encrypted as asked.
    ClaimMismatch,
    /// Strict privacy does not allow it: Persona could tell whose the pass is. Nothing was sent that names
    /// us.
    PrivacyRefused,
    /// The caller's store failed.
    Store,
    /// A request was sent, its answer never arrived, and nobody can tell what came of it.
    OutcomeUnknown,
    /// The client was closed before the call began.
    Closed,
    /// The caller cancelled the call.
    Cancelled,
    /// relaypass itself failed: a mistake of ours. Nobody can tell what was done before.
    Internal,
}

impl ErrorKind {
    /// Every kind, for tests and tables that must not forget one.
    pub const ALL: &'static [ErrorKind] = &[
        ErrorKind::InvalidArgument,
        ErrorKind::Authentication,
        ErrorKind::PermissionDenied,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::Unprocessable,
        ErrorKind::RateLimited,
        ErrorKind::ServerError,
        ErrorKind::Timeout,
        ErrorKind::Network,
        ErrorKind::Protocol,
        ErrorKind::PassRejected,
        ErrorKind::PassExpired,
        ErrorKind::Decryption,
        ErrorKind::ClaimMismatch,
        ErrorKind::PrivacyRefused,
        ErrorKind::Store,
        ErrorKind::OutcomeUnknown,
        ErrorKind::Closed,
        ErrorKind::Cancelled,
        ErrorKind::Internal,
    ];

    /// The stable string of this kind, the same in every language.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "invalid_argument",
            ErrorKind::Authentication => "authentication",
            ErrorKind::PermissionDenied => "permission_denied",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Unprocessable => "unprocessable",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::ServerError => "server_error",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Network => "network",
            ErrorKind::Protocol => "protocol",
            ErrorKind::PassRejected => "pass_rejected",
            ErrorKind::PassExpired => "pass_expired",
            ErrorKind::Decryption => "decryption",
            ErrorKind::ClaimMismatch => "claim_mismatch",
            ErrorKind::PrivacyRefused => "privacy_refused",
            ErrorKind::Store => "store",
            ErrorKind::OutcomeUnknown => "outcome_unknown",
            ErrorKind::Closed => "closed",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Internal => "internal",
        }
    }

    /// The kind with this code, if there is one.
    pub fn from_code(code: &str) -> Option<ErrorKind> {
        (Self::ALL.iter().copied()).find(|kind| kind.code() == code)
    }
}

/// A call that failed.
///
/// One line in `Display`, safe to log. The rest is in the methods.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    message: String,
    retryable: bool,
    status: Option<u16>,
    title: Option<String>,
    details: Option<String>,
    meta: Option<Value>,
    info: ResponseInfo,
    unopened: Option<UnopenedClaim>,
    idempotency_key: Option<IdempotencyKey>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The rate limit as Persona reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Requests allowed in the current window.
    pub limit: u64,
    /// Requests left in the current window.
    pub remaining: u64,
    /// Seconds until the window begins anew.
    pub reset_seconds: u64,
}

/// What an answer says beside its body. For people and support; the library never puts it into a
/// later request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseInfo {
    /// Persona's `Request-Id`.
    pub request_id: Option<String>,
    /// The rate limit, if it was reported whole.
    pub rate_limit: Option<RateLimit>,
    /// When it was answered, by the server's own clock (`Date`): milliseconds since the epoch.
    pub answered_at: Option<u64>,
}

/// An answer to a redemption that arrived whole and could not be opened or accepted.
///
/// The pass behind it may be spent, so the answer travels with the error: nothing is lost. Open it
/// with [`open_claim`](crate::open_claim) and the right key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnopenedClaim {
    /// The payload as Persona sent it.
    pub claim_payload: Secret<String>,
    /// Whether the pass is spent; `None` if the answer does not say.
    pub token_consumed: Option<bool>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: "",
            message: message.into(),
            retryable: false,
            status: None,
            title: None,
            details: None,
            meta: None,
            info: ResponseInfo::default(),
            unopened: None,
            idempotency_key: None,
            source: None,
        }))
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// An error of the given kind that no call raised: for tests of code that handles errors.
    pub fn example(kind: ErrorKind) -> Self {
        Self::new(kind, format!("an example of {}", kind.code())).in_operation("example")
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code of [`Error::kind`].
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The call that failed: `relays.create`, `relays.issue_privacy_pass`, `relays.generate_claim`,
    /// or empty where no call was made yet.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// What happened and what to do, in one sentence or two.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call may well succeed later, without a risk of being billed twice.
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// The HTTP status, if Persona answered.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Persona's `title`, at most 1,024 characters.
    pub fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// Persona's `details`, at most 1,024 characters.
    pub fn details(&self) -> Option<&str> {
        self.0.details.as_deref()
    }

    /// Persona's `meta` object, if it is small.
    pub fn meta(&self) -> Option<&Value> {
        self.0.meta.as_ref()
    }

    /// Persona's `Request-Id`: what their support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.0.info.request_id.as_deref()
    }

    /// The rate limit that Persona reported with its answer.
    pub fn rate_limit(&self) -> Option<&RateLimit> {
        self.0.info.rate_limit.as_ref()
    }

    /// The claim that arrived and could not be opened, with kinds `Decryption`, `ClaimMismatch`
    /// and, on redemption, `Protocol`.
    pub fn unopened_claim(&self) -> Option<&UnopenedClaim> {
        self.0.unopened.as_ref()
    }

    /// The key under which Persona may hold the answer of a redemption for 24 hours: with kind
    /// `OutcomeUnknown`, and with whatever else followed an answer that was lost. Ask again with it
    /// ([`GenerateClaim::idempotency_key`](crate::GenerateClaim::idempotency_key)). It is a secret:
    /// whoever has it and the rest of the request gets the claim.
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.0.idempotency_key.as_ref()
    }

    pub(crate) fn with_idempotency_key(mut self, key: Option<IdempotencyKey>) -> Self {
        self.0.idempotency_key = key;
        self
    }

    pub(crate) fn in_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    pub(crate) fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_server_texts(
        mut self,
        title: Option<String>,
        details: Option<String>,
        meta: Option<Value>,
    ) -> Self {
        self.0.title = title;
        self.0.details = details;
        self.0.meta = meta;
        self
    }

    pub(crate) fn with_response(mut self, info: ResponseInfo) -> Self {
        self.0.info = info;
        self
    }

    pub(crate) fn with_unopened_claim(mut self, unopened: UnopenedClaim) -> Self {
        self.0.unopened = Some(unopened);
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if !inner.operation.is_empty() {
            write!(f, "{}: ", inner.operation)?;
        }
        f.write_str(&inner.message)?;
        if let Some(title) = &inner.title {
            write!(f, " Persona says: {title}")?;
            if let Some(details) = &inner.details {
                write!(f, " ({details})")?;
            }
        }
        write!(f, " [{}", self.code())?;
        if let Some(status) = inner.status {
            write!(f, ", status {status}")?;
        }
        if let Some(request_id) = &inner.info.request_id {
            write!(f, ", request {request_id}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Error")
            .field("code", &self.code())
            .field("operation", &inner.operation)
            .field("message", &inner.message)
            .field("retryable", &inner.retryable)
            .field("status", &inner.status)
            .field("title", &inner.title)
            .field("details", &inner.details)
            .field("request_id", &inner.info.request_id)
            // A store's own error may quote what was to be stored.
            .field(
                "source",
                &(inner.source.as_ref()).filter(|_| inner.kind != ErrorKind::Store),
            )
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_distinct_and_leads_back_to_its_kind() {
        for &kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(ErrorKind::from_code("no_such_code"), None);
    }

    #[test]
    fn the_cause_of_a_store_error_does_not_show_in_debug() {
        let cause = "INSERT … VALUES ('canary')";
        let error = Error::new(ErrorKind::Store, "The store failed.").with_source(cause);
        assert!(!format!("{error:?} {error}").contains("canary"));
        let source = std::error::Error::source(&error).expect("the cause");
        assert!(source.to_string().contains("canary"), "for who asks for it");
    }

    #[test]
    fn an_unopened_claim_does_not_show_in_debug() {
        let error =
            Error::new(ErrorKind::Decryption, "does not open").with_unopened_claim(UnopenedClaim {
                claim_payload: Secret::new("canary".to_owned()),
                token_consumed: Some(true),
            });
        assert!(!format!("{error:?} {error} {:?}", error.unopened_claim()).contains("canary"));
    }
}
