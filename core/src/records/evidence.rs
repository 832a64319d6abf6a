//! Why something ended as it did, as it is stored.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, ResponseInfo};

/// An error that is told again whenever somebody asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Evidence {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(&Error::new(kind, message))
    }

    /// What is to be remembered of an error.
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            status: error.status(),
            title: error.title().map(str::to_owned),
            details: error.details().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
        }
    }

    /// What went wrong. A code that this version does not know is a broken protocol to it.
    pub(crate) fn kind(&self) -> ErrorKind {
        ErrorKind::from_code(&self.code).unwrap_or(ErrorKind::Protocol)
    }

    /// The error again.
    pub(crate) fn error(&self) -> Error {
        let mut error = Error::new(self.kind(), self.message.clone())
            .with_server_texts(self.title.clone(), self.details.clone(), None)
            .with_response(ResponseInfo {
                request_id: self.request_id.clone(),
                ..ResponseInfo::default()
            });
        if let Some(status) = self.status {
            error = error.with_status(status);
        }
        error
    }
}
