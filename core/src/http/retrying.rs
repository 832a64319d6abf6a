//! The loop that asks again where that costs nothing.

use tokio::time::Instant;

use super::exchange::{ask_once, Exchange};
use super::transport::Connection;
use crate::error::{ResponseInfo, Result};
use crate::outcome::{meaning, Answer, Budget, Meaning};
use crate::secret::rand_core::Rng;
use crate::secret::{os_random, IdempotencyKey};

/// Runs a call that costs nothing to its end: it may be asked again as often as the budget allows.
///
/// # Errors
/// When Persona refuses, or the budget is used up.
pub(crate) async fn run<E: Exchange>(
    exchange: &E,
    budget: &Budget,
) -> Result<(E::Answer, ResponseInfo)> {
    let started = Instant::now();
    let mut rng = os_random();
    let mut connection = Connection::Any;
    let mut retry = 0;
    loop {
        // Neither create nor challenge has an idempotency key.
        let key = IdempotencyKey::random(&mut rng);
        let timeout = budget.next_attempt(started.elapsed());
        let attempt = match ask_once(exchange, &key, &[], connection, timeout).await {
            Ok(answered) => return Ok(answered),
            Err(attempt) => attempt,
        };
        if let Meaning::Refused(kind) = meaning(E::CALL, attempt.answer) {
            return Err(attempt.error(E::CALL, kind));
        }
        let spent = started.elapsed();
        // What was held back is no try.
        let budget = match attempt.is_held() {
            true => &budget.without_count(),
            false => budget,
        };
        let Some(pause) = budget.pause(retry, attempt.wish(), spent, rng.next_u64()) else {
            let kind = attempt.kind(E::CALL);
            let retryable = attempt.may_pass(E::CALL, kind);
            return Err(attempt.error(E::CALL, kind).with_retryable(retryable));
        };
        if attempt.answer == Answer::Unknown {
            connection = Connection::Fresh;
        }
        retry += u32::from(!attempt.is_held());
        tokio::time::sleep(pause).await;
    }
}
