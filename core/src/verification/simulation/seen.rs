//! A record as the watch reads it: by its own few structures, so that it does not believe the code
//! it watches.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::server::blinded_of;
use crate::store::Record;

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    pub(super) purpose: Purpose,
    pub(super) state: State,
    #[serde(default)]
    pub(super) relay: Option<Relay>,
    #[serde(default)]
    pub(super) refund: Option<Refund>,
    #[serde(default)]
    pub(super) session_ends_at: u64,
    #[serde(default)]
    pub(super) due_at: Option<u64>,
    #[serde(default)]
    pub(super) relay_bound: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    #[default]
    Verification,
    Purchase,
    Redemption,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(super) enum State {
    Created,
    Issuing {
        purchase: Purchase,
    },
    Ready {
        pass: Pass,
        #[serde(default)]
        earlier: Vec<Question>,
        rejected: Option<Evidence>,
    },
    Redeeming {
        pass: Pass,
        question: Question,
        #[serde(default)]
        earlier: Vec<Question>,
    },
    Answered {
        claim: Claim,
    },
    Unopened {
        payload: String,
    },
    Expired,
    Failed {
        evidence: Evidence,
    },
    Given {
        payload: String,
        consumed: bool,
    },
    Available {
        pass: Pass,
    },
    Taken {
        pass: Pass,
    },
    Gone,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Purchase {
    pub(super) blinded: String,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) rotations: u32,
    pub(super) stuck: Option<Evidence>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Pass {
    pub(super) token: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Question {
    pub(super) key: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Claim {
    pub(super) claim_result: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Evidence {
    pub(super) code: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Relay {
    pub(super) token: String,
    pub(super) secret: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Refund {
    pub(super) pass: Pass,
}

impl Seen {
    pub(super) fn read(record: &Record) -> Self {
        // seal format, seal, format, JSON
        serde_json::from_slice(&record.value[3..]).expect("a record that the watch can read")
    }

    pub(super) fn is_closed(&self) -> bool {
        use State::{Answered, Expired, Failed, Given, Unopened};
        matches!(
            self.state,
            Answered { .. } | Unopened { .. } | Expired | Failed { .. } | Given { .. }
        )
    }

    /// Whether nothing is left to do for it.
    pub(super) fn is_settled(&self) -> bool {
        self.is_closed() && self.refund.is_none()
    }

    pub(super) fn is_stuck(&self) -> bool {
        matches!(&self.state, State::Issuing { purchase } if purchase.stuck.is_some())
    }

    /// Whether it is a purchase that may be billed under a key that is of no use any more.
    pub(super) fn was_asked(&self) -> bool {
        matches!(&self.state, State::Issuing { purchase } if purchase.rotations > 0)
    }

    /// Whether it has come to an end without what was wanted of it.
    pub(super) fn gives_up(&self) -> bool {
        match &self.state {
            State::Expired | State::Failed { .. } => true,
            State::Issuing { purchase } => purchase.has_stopped(),
            _ => false,
        }
    }

    /// The code of the error that it ended with, or stopped at.
    pub(super) fn code(&self) -> &str {
        let evidence = match &self.state {
            State::Failed { evidence } => Some(evidence),
            State::Issuing { purchase } => purchase.stuck.as_ref(),
            State::Ready { rejected, .. } => rejected.as_ref(),
            _ => None,
        };
        evidence.map_or("", |evidence| &evidence.code)
    }

    /// The keys in it under which something may have been asked.
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        let (key, earlier) = match &self.state {
            State::Issuing { purchase } => (purchase.key.as_deref(), &[][..]),
            State::Ready { earlier, .. } => (None, &earlier[..]),
            State::Redeeming {
                question, earlier, ..
            } => (Some(&*question.key), &earlier[..]),
            _ => (None, &[][..]),
        };
        let earlier = earlier.iter().map(|question| &*question.key);
        key.into_iter().chain(earlier).collect()
    }

    /// The blinded message of the pass that is in it.
    pub(super) fn blinded(&self) -> Option<&str> {
        use State::{Available, Issuing, Ready, Redeeming, Taken};
        if let Some(refund) = &self.refund {
            return blinded_of(&refund.pass.token);
        }
        match &self.state {
            Issuing { purchase } => Some(&purchase.blinded),
            Ready { pass, .. } | Redeeming { pass, .. } | Available { pass } | Taken { pass } => {
                blinded_of(&pass.token)
            }
            _ => None,
        }
    }

    pub(super) fn unknown(&self) -> bool {
        self.gives_up() && self.code() == "outcome_unknown"
    }
}

impl Purchase {
    /// Whether nobody asks for it any more by himself.
    fn has_stopped(&self) -> bool {
        let stuck = self.stuck.as_ref();
        stuck.is_some_and(|evidence| evidence.code != "conflict")
    }
}

/// The request that a record says may have been sent.
pub(super) fn intent(seen: &Seen) -> Option<(String, String)> {
    match (&seen.state, &seen.relay) {
        (State::Issuing { purchase }, _) => {
            Some((purchase.key.clone()?, format!("sign {}", purchase.blinded)))
        }
        (State::Redeeming { pass, question, .. }, Some(Relay { token, secret })) => {
            let bytes = format!("redeem {token} {secret} {}", pass.token);
            Some((question.key.clone(), bytes))
        }
        _ => None,
    }
}
