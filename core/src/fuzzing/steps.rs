//! The three steps, whole, with whatever answers.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::answers::Written;
use super::issuing::{known_challenge, known_pass};
use super::{in_no_time, says_nothing_of};
use crate::claim::ClaimType;
use crate::client::{Client, CreateRelay, GenerateClaim, IssuePrivacyPass, RelayToken};
use crate::credential::RelaySecret;
use crate::error::Error;
use crate::future::BoxFuture;
use crate::http::{Connection, FailureCause, Response, SendFailure, Sent, Transport, LARGEST_BODY};
use crate::secret::Secret;
use crate::wire::{Request, ResponseHead};

/// API key and relay secret of these requests: `@` in an answer says it back.
const CREDENTIAL: &str = "persona_sandbox_Kq7ZcanaryX9w";

/// The pass that is redeemed: `~` in an answer says it back.
static PASS: LazyLock<String> = LazyLock::new(|| known_pass().expose().to_owned());

/// How often one request is made at most.
const RETRIES: u32 = 2;

/// What stands between two answers.
const NEXT: &[u8] = b"\n---\n";

/// Gives the answers that were written down, one after the other, and then none.
struct Answers {
    left: Mutex<VecDeque<Written>>,
    asked: Mutex<Vec<String>>,
    /// Whether it gives a good challenge, whatever was written down.
    is_sound: bool,
}

impl Answers {
    fn read(bytes: &[u8], is_sound: bool) -> Self {
        let said_back = [(b'@', CREDENTIAL), (b'~', PASS.as_str())];
        let mut left = VecDeque::new();
        let mut rest = bytes;
        while let Some(end) = rest.windows(NEXT.len()).position(|some| some == NEXT) {
            left.push_back(Written::read(&rest[..end], &said_back));
            rest = &rest[end + NEXT.len()..];
        }
        left.push_back(Written::read(rest, &said_back));
        Self {
            left: Mutex::new(left),
            asked: Mutex::default(),
            is_sound,
        }
    }

    fn next(&self) -> Result<Response, SendFailure> {
        let next = (self.left.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Written { head, body } = next.ok_or_else(|| SendFailure {
            sent: Sent::Perhaps,
            cause: FailureCause::Network,
            description: "nobody answers".to_owned(),
        })?;
        let body = (body.len() <= LARGEST_BODY).then(|| Secret::new(body));
        Ok(Response { head, body })
    }
}

impl Transport for Answers {
    fn send<'a>(
        &'a self,
        _: &'a str,
        request: &'a Request,
        _: Connection,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        let path = request.path();
        (self.asked.lock().unwrap_or_else(PoisonError::into_inner)).push(path.to_owned());
        let answer = match self.is_sound && path.ends_with("/challenge") {
            true => Ok(Response {
                head: ResponseHead {
                    status: 200,
                    ..ResponseHead::default()
                },
                body: Some(Secret::new(known_challenge().into_bytes())),
            }),
            false => self.next(),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// The steps with these answers. The first byte says which step, and whether the challenge is a good one.
pub fn steps(bytes: &[u8]) {
    let Some((kind, answers)) = bytes.split_first() else {
        return;
    };
    let answers = Arc::new(Answers::read(answers, kind % 4 == 1));
    let client = Client::builder()
        .api_key(CREDENTIAL)
        .retries(RETRIES)
        .anonymous_transport(answers.clone())
        .identified_transport(answers.clone())
        .build()
        .expect("a client");
    in_no_time(async {
        match kind % 4 {
            0 => create(&client).await,
            1 | 2 => buy(&client, answers.is_sound).await,
            _ => redeem(&client).await,
        }
    });
    let asked = answers.asked.lock().unwrap_or_else(PoisonError::into_inner);
    // Two requests at most: a relay with the other form of its key, or a challenge and a signature; and of a
    // signature one more for another challenge.
    assert!(asked.len() <= 4 * (1 + RETRIES as usize), "{asked:?}");
}

fn claim_type() -> ClaimType {
    ClaimType::parse("age_over18_verified").expect("it is one")
}

async fn create(client: &Client) {
    let created = client.relays().create(CreateRelay::new(claim_type())).await;
    match created {
        Ok(relay) => {
            RelayToken::parse(relay.relay_token.as_str()).expect("it goes into the next call");
        }
        Err(error) => is_documented(&error),
    }
}

async fn buy(client: &Client, is_sound: bool) {
    let asked = IssuePrivacyPass::ClaimType(claim_type());
    let bought = client.relays().issue_privacy_pass(asked).await;
    let error = bought.expect_err("nobody signs what was blinded with chance");
    is_documented(&error);
    // The challenge is asked for without the API key: what its answer says was not told by us.
    if is_sound {
        says_nothing_of(CREDENTIAL, &error);
    }
}

async fn redeem(client: &Client) {
    let token = RelayToken::parse("relay").expect("it is one");
    let secret = RelaySecret::parse(CREDENTIAL).expect("it is one");
    let request = GenerateClaim::new(token, secret, known_pass());
    match client.relays().generate_claim(request).await {
        Ok(answer) => {
            let claim = answer.claim.expect("without a key, it is read or refused");
            assert_eq!(claim.passed(), claim.claim_result == "passed");
        }
        Err(error) => {
            is_documented(&error);
            says_nothing_of(CREDENTIAL, &error);
            says_nothing_of(&PASS, &error);
        }
    }
}

/// What is not the caller's fault is not said to be.
fn is_documented(error: &Error) {
    assert!(
        !["internal", "store", "closed", "cancelled"].contains(&error.code()),
        "{error}"
    );
    assert!(!error.operation().is_empty());
}
