//! The four calls: which one it is, who asks, what goes wrong, and the headers of every answer.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{json, Value};
use tokio::time::sleep;

use crate::call::Call;
use crate::claim::WrongClaim;
use crate::delivery::Delivery;
use crate::faults::{Fault, Kind, Substitute};
use crate::idempotency::{Begun, Fingerprint};
use crate::keys::Environment;
use crate::random::random_token;
use crate::redeem::{self, Presented};
use crate::wire::{check_version, Answer, Inflection, Received, Refusal, REQUEST_ID};
use crate::world::{Sandboxed, World};
use crate::{challenge, create, sign};

const ENVIRONMENT_ID: HeaderName = HeaderName::from_static("persona-environment-id");
const ORGANIZATION_ID: HeaderName = HeaderName::from_static("persona-organization-id");

/// Answers a request, and tells which fault struck it.
pub(crate) async fn answer(
    sandboxed: &Sandboxed,
    world: &World,
    received: &Received,
) -> (Delivery, Option<String>) {
    let Some(call) = Call::route(&received.path) else {
        return refused(world, Refusal::not_found("There is nothing at this path"));
    };
    if received.method != Method::POST {
        return refused(
            world,
            Refusal::with_status(405, "This endpoint takes POST only"),
        );
    }

    let now = world.clock.now();
    let limit = world.settings().rate_limit;
    let environment = call.environment(sandboxed, world, received);
    let standing = world.limits.admit(environment, limit, now);
    let fault = if standing.exceeded {
        None
    } else {
        world.faults.take(call.step())
    };
    let kind = fault.as_ref().map(|fault| &fault.kind);
    let name = fault.as_ref().map(|fault| fault.name.clone());
    if let Some(Kind::DropBeforeCommit {}) = kind {
        return (Delivery::Dropped, name);
    }
    if let Some(Kind::RotateKey {}) = kind {
        if let Some(namespace) = call.namespace(sandboxed, world, received) {
            sandboxed.keys.rotate(&namespace);
        }
    }

    let substitute = (fault.as_ref()).and_then(|fault| fault.substitute(call.step()));
    let verbatim = substitute
        .as_ref()
        .is_some_and(|substitute| substitute.verbatim);
    let mut answer = if standing.exceeded {
        too_many_requests(limit).into_answer()
    } else {
        let execution = Execution {
            sandboxed,
            world,
            received,
            call,
            fault: fault.as_ref(),
        };
        execution.answer(substitute).await
    };
    if !verbatim && world.settings().optional_headers {
        standing.write(&mut answer);
        write_identity(sandboxed, environment, &mut answer);
    }
    (deliver(kind, answer), name)
}

/// A call being answered.
struct Execution<'a> {
    sandboxed: &'a Sandboxed,
    world: &'a World,
    received: &'a Received,
    call: Call<'a>,
    fault: Option<&'a Fault>,
}

/// Who asks: settled before the idempotency layer.
enum Asker {
    Anonymous,
    Organization(Environment),
    Bearer(Presented),
}

impl Execution<'_> {
    async fn answer(&self, substitute: Option<Substitute>) -> Answer {
        let substitute = match substitute {
            Some(substitute) if !substitute.stored => {
                if substitute.executed {
                    self.execute(None).await;
                }
                return substitute.answer;
            }
            other => other,
        };
        let mut answer = self.execute(substitute).await;
        if answer.status.is_success() {
            if let Some(other) = self.other_text().await {
                replace_text(&mut answer, &other);
            }
        }
        answer
    }

    /// The signature or claim that a fault puts into an answer on its way out.
    async fn other_text(&self) -> Option<String> {
        match (self.kind()?, self.call) {
            (Kind::WrongSignature { stored: false }, Call::Sign) => {
                sign::other_signature(self.sandboxed, self.received).await
            }
            (Kind::WrongClaim(wrong), Call::Redeem { relay_token }) if !wrong.stored => {
                redeem::wrong_payload(self.world, relay_token, wrong)
            }
            _ => None,
        }
    }

    fn kind(&self) -> Option<&Kind> {
        self.fault.map(|fault| &fault.kind)
    }

    /// Through authentication and the idempotency layer.
    async fn execute(&self, stored: Option<Substitute>) -> Answer {
        let asker = match self.authenticate().await {
            Ok(asker) => asker,
            Err(refusal) => return refusal.into_answer(),
        };
        let Some(key) = self.received.headers.get("idempotency-key") else {
            return self.run(asker, stored).await.0;
        };
        let Some(key) = key.to_str().ok().filter(|key| !key.is_empty()) else {
            return Refusal::bad_request("Idempotency-Key must be visible ASCII").into_answer();
        };
        let credential = match asker {
            Asker::Organization(environment) => environment.name(),
            Asker::Anonymous | Asker::Bearer(_) => "",
        };
        let scope = format!("{} {credential} {key}", self.call.step().name());
        let fingerprint = Fingerprint::of(self.received);
        let now = self.world.clock.now();
        match self.world.idempotency.begin(scope, fingerprint, now) {
            Begun::Replay(answer) => answer,
            Begun::Refused(refusal) => refusal.into_answer(),
            Begun::Run(running) => {
                let (answer, stored) = self.run(asker, stored).await;
                if stored {
                    running.complete(&answer, self.world.clock.now());
                }
                answer
            }
        }
    }

    async fn authenticate(&self) -> Result<Asker, Refusal> {
        match self.call {
            Call::Create | Call::Challenge => Ok(Asker::Anonymous),
            Call::Sign => {
                sign::authenticate(self.sandboxed, self.received).map(Asker::Organization)
            }
            Call::Redeem { relay_token } => redeem::authenticate(
                self.sandboxed,
                self.world,
                relay_token,
                self.received,
                self.wrong_key_id(),
            )
            .await
            .map(Asker::Bearer),
        }
    }

    /// The answer, and whether an idempotency key keeps it.
    async fn run(&self, asker: Asker, stored: Option<Substitute>) -> (Answer, bool) {
        if let Some(Kind::DelayBeforeCommit { milliseconds }) = self.kind() {
            sleep(Duration::from_millis(*milliseconds)).await;
        }
        let (mut answer, stored) = match stored {
            Some(stored) if !stored.executed => (stored.answer, true),
            Some(stored) => {
                let _ = self.handle(asker).await;
                (stored.answer, true)
            }
            None => match self.handle(asker).await {
                Ok(answer) => (answer, true),
                Err(refusal) => {
                    let stored = refusal.stored;
                    (refusal.into_answer(), stored)
                }
            },
        };
        if self.world.settings().optional_headers {
            write_request_id(&mut answer);
        }
        (answer, stored)
    }

    async fn handle(&self, asker: Asker) -> Result<Answer, Refusal> {
        let inflection = Inflection::of(self.received)?;
        check_version(self.received, &self.world.settings())?;
        let Self {
            sandboxed,
            world,
            received,
            ..
        } = self;
        let reply = match (self.call, asker) {
            (Call::Challenge, _) => {
                challenge::request(sandboxed, world, received, self.wrong_key_id()).await
            }
            (_, Asker::Anonymous) => create::create(world, received),
            (_, Asker::Organization(environment)) => {
                let wrong = matches!(self.kind(), Some(Kind::WrongSignature { stored: true }));
                sign::create(sandboxed, world, environment, received, wrong).await
            }
            (_, Asker::Bearer(presented)) => {
                redeem::generate_claim(world, presented, received, self.stored_wrong_claim())
            }
        };
        reply.map(|reply| reply.into_answer(inflection))
    }

    fn wrong_key_id(&self) -> bool {
        matches!(self.kind(), Some(Kind::WrongKeyId {}))
    }

    fn stored_wrong_claim(&self) -> Option<&WrongClaim> {
        match self.kind() {
            Some(Kind::WrongClaim(wrong)) if wrong.stored => Some(wrong),
            _ => None,
        }
    }
}

/// Puts another text in the place of the one that a signature's or a claim's answer has.
fn replace_text(answer: &mut Answer, other: &str) {
    let mut body: Value = serde_json::from_slice(&answer.body).expect("our answers are JSON");
    let members = body.as_object_mut().expect("our answers are objects");
    for member in members.values_mut().filter(|member| member.is_string()) {
        *member = json!(other);
    }
    answer.body = body.to_string().into();
}

fn deliver(kind: Option<&Kind>, answer: Answer) -> Delivery {
    match kind {
        Some(Kind::DropAfterCommit {}) => Delivery::Dropped,
        Some(Kind::Truncate {}) => Delivery::Truncated(answer),
        Some(Kind::OversizedBody { bytes, chunked }) => Delivery::Oversized {
            answer,
            bytes: *bytes,
            chunked: *chunked,
        },
        Some(Kind::Drip { milliseconds }) => Delivery::Dripped {
            answer,
            pause: Duration::from_millis(*milliseconds),
        },
        Some(Kind::Delay { milliseconds }) => Delivery::Late {
            answer,
            pause: Duration::from_millis(*milliseconds),
        },
        _ => Delivery::Whole(answer),
    }
}

/// A refusal of what is not a call, or not one that can be read.
pub(crate) fn refused(world: &World, refusal: Refusal) -> (Delivery, Option<String>) {
    let mut answer = refusal.into_answer();
    if world.settings().optional_headers {
        write_request_id(&mut answer);
    }
    (Delivery::Whole(answer), None)
}

fn too_many_requests(limit: u64) -> Refusal {
    Refusal::with_status(
        429,
        format!("You have hit your rate limit of {limit} requests / min."),
    )
}

/// A stored answer has its id already, and keeps it.
fn write_request_id(answer: &mut Answer) {
    answer.headers.entry(REQUEST_ID).or_insert_with(|| {
        HeaderValue::try_from(random_token("req_")).expect("a token is letters and digits")
    });
}

fn write_identity(sandboxed: &Sandboxed, environment: Environment, answer: &mut Answer) {
    write_request_id(answer);
    if answer.status == StatusCode::UNAUTHORIZED {
        return;
    }
    for (name, id) in [
        (ENVIRONMENT_ID, sandboxed.environment_id(environment)),
        (ORGANIZATION_ID, &sandboxed.organization_id),
    ] {
        (answer.headers.entry(name))
            .or_insert_with(|| HeaderValue::try_from(id).expect("a token is letters and digits"));
    }
}
