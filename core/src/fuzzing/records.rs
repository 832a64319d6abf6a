//! What is read from a store: records of verifications, steps, passes, plans, sightings and names; and what is
//! done with them, by a whole client.

use std::sync::Arc;
use std::time::Duration;

use super::{in_no_time, is_one_of, keeps_secrets};
use crate::claim::ClaimType;
use crate::client::{Client, Privacy};
use crate::encoding::encode_hex;
use crate::future::BoxFuture;
use crate::http::{now_ms, Connection, FailureCause, Response, SendFailure, Sent, Transport};
use crate::pass::{PendingPass, TokenKey};
use crate::passes::{Asked, Pooled, Renewal};
use crate::privacy::{CommonHour, Sightings};
use crate::records::{reread, NameKey, Stored, MINUTE};
use crate::secret::Secret;
use crate::store::{MemoryStore, Record, Sealer, Store};
use crate::verification::{DurableRecord, Reference, VerificationId};
use crate::wire::{Request, ResponseHead};
use crate::SealKey;

/// The claim type and the id of the seeds.
const CLAIM_TYPE: &str = "age";
const ID: &str = "00000000-0000-4000-8000-000000000000";

/// When the records of the seeds begin. It is ten minutes ago.
const BEGIN: u64 = 1_700_000_000_000;

const VERSION: u64 = 7;

/// A record: `<kind><what Persona answers><s: a strict client><format>`, a line end, and its JSON.
///
/// What can be read is written and read again as the same. Then a client does with it all that clients do,
/// while nothing or nonsense answers; what cannot be read is as it was afterwards.
pub fn record(bytes: &[u8]) {
    let Some((&[kind, answer, strict, format, _], json)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let content = [&[format.wrapping_sub(b'0')][..], &at_this_time(json)].concat();
    let key = match kind {
        b'b' => return blinding_state(json),
        b'f' => {
            is_read(kind, &content);
            return;
        }
        b'x' => return sealed(json),
        b'v' => format!("verification/{ID}"),
        b't' => "verification/purchase/0".to_owned(),
        b'p' => format!("pass/production/{CLAIM_TYPE}/{ID}"),
        b'q' => format!("pass/production/{CLAIM_TYPE}~strict/{}-{ID}", last_hour()),
        b'i' => {
            let digest =
                aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, CLAIM_TYPE.as_bytes());
            format!("issuer/production/{}", encode_hex(digest.as_ref()))
        }
        b'r' => format!("renewal/production/{CLAIM_TYPE}~strict/{}", last_hour()),
        b'a' => "asked/production".to_owned(),
        b'n' => "names".to_owned(),
        _ => return,
    };
    let is_readable = is_read(kind, &content);
    let stored = Record {
        value: Sealer::default().seal(&key, VERSION, &content),
        version: VERSION,
        due_at: Some(BEGIN),
        expires_at: None,
    };
    in_no_time(uses(&key, stored, answer, strict == b's', is_readable));
}

/// Whether a record of this kind can be read.
fn is_read(kind: u8, content: &[u8]) -> bool {
    match kind {
        b'p' | b'q' => is_the_same_again::<Pooled>(content),
        b'i' => is_the_same_again::<Sightings>(content),
        b'r' => is_the_same_again::<Renewal>(content),
        b'a' => is_the_same_again::<Asked>(content),
        b'n' => is_the_same_again::<NameKey>(content),
        b'f' => is_the_same_again::<Reference>(content),
        _ => is_the_same_again::<DurableRecord>(content),
    }
}

/// Whether it can; then it is written and read again as the same.
fn is_the_same_again<T: Stored>(content: &[u8]) -> bool {
    let read = match std::str::from_utf8(content) {
        Ok(text) => keeps_secrets(text, |text| reread::<T>(text.as_bytes())),
        Err(_) => reread::<T>(content),
    };
    match read {
        Ok(written) => {
            let again = reread::<T>(&written).expect("our own record");
            assert_eq!(again, written);
            true
        }
        Err(error) => {
            is_one_of(&error, &["store"]);
            false
        }
    }
}

fn blinding_state(json: &[u8]) {
    let Ok(text) = std::str::from_utf8(json) else {
        return;
    };
    if let Some(pending) = PendingPass::restore(text, TokenKey::decode) {
        let saved = pending.save();
        let again = PendingPass::restore(saved.expose(), TokenKey::decode).expect("our own state");
        assert_eq!(again.save(), saved);
        // Its numbers may be anything: nothing is made of them that does not verify.
        let nobodys = vec![1; pending.token_key().public_key().size()];
        let nobodys = crate::encoding::encode_base64url(&nobodys);
        assert!(pending.finalize(&nobodys).is_err());
    }
}

/// A value that nobody sealed, for a client with a seal key.
fn sealed(value: &[u8]) {
    let sealer = Sealer::new(vec![SealKey::new([7; 32]), SealKey::new([8; 32])]);
    let error = sealer
        .open("key", VERSION, value)
        .expect_err("nobody sealed it");
    is_one_of(&error, &["decryption", "store"]);
    if let Ok(content) = Sealer::default().open("key", VERSION, value) {
        let again = Sealer::default().seal("key", VERSION, &content);
        assert_eq!(again, value);
    }
}

/// All that is done with what is stored.
async fn uses(key: &str, stored: Record, answer: u8, is_strict: bool, is_readable: bool) {
    let store = Arc::new(MemoryStore::new());
    let put = store
        .compare_and_swap(key, None, Some(stored.clone()))
        .await;
    put.expect("memory does not fail");
    let builder = Client::builder()
        .api_key("persona_production_x")
        .retries(1)
        .purchase_window(Duration::ZERO)
        .anonymous_transport(Arc::new(Always(answer)))
        .identified_transport(Arc::new(Always(answer)))
        .store(store.clone());
    let builder = match is_strict {
        true => builder.privacy(Privacy::Strict).pass_pool(3),
        false => builder,
    };
    let client = builder.build().expect("a client");
    let id = VerificationId::parse(ID).expect("it is one");
    let claim_type = ClaimType::parse(CLAIM_TYPE).expect("it is one");
    let verifications = client.verifications();

    // Whatever comes of these is an answer or an error.
    let _ = verifications.get(&id).await;
    let _ = client.passes().count(&claim_type).await;
    let _ = client.privacy_report().await;
    let _ = verifications.recover().await;
    let _ = verifications
        .complete(&id, answer.is_ascii_uppercase())
        .await;
    let _ = client.passes().prefetch(&claim_type, 1).await;
    let _ = verifications.recover().await;
    let _ = verifications.forget(&id).await;
    if !is_readable {
        let there = store.load(key).await.expect("memory does not fail");
        assert_eq!(there, Some(stored), "what cannot be read was touched");
    }
    // Nothing of it goes on beside the next one.
    let _ = client.close(Some(Duration::from_secs(60))).await;
}

/// The JSON of a seed, as if it had begun ten minutes ago, and its common hour were the last one.
fn at_this_time(json: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(json.len());
    let mut rest = json;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, after) = rest.split_at(digits.max(1));
        rest = after;
        match std::str::from_utf8(number).ok().and_then(moved) {
            Some(moved) => written.extend_from_slice(moved.as_bytes()),
            None => written.extend_from_slice(number),
        }
    }
    written
}

fn moved(number: &str) -> Option<String> {
    if number == HOUR_OF_BEGIN {
        return Some(last_hour());
    }
    let is_time = number.len() == BEGIN.to_string().len() && number.starts_with("1700");
    let time: u64 = number.parse().ok().filter(|_| is_time)?;
    Some((time - BEGIN + now_ms() - 10 * MINUTE).to_string())
}

/// The common hour of the day of [`BEGIN`], as records name it.
const HOUR_OF_BEGIN: &str = "19675";

/// The one that has ended last: its passes are used now.
fn last_hour() -> String {
    CommonHour::before(now_ms()).name()
}

/// A Persona who says one thing, or nothing.
struct Always(u8);

impl Transport for Always {
    fn send<'a>(
        &'a self,
        _: &'a str,
        _: &'a Request,
        _: Connection,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        let no = r#"{"errors":[{"title":"no"}]}"#;
        let (status, body) = match self.0.to_ascii_lowercase() {
            b'c' => (
                200,
                r#"{"claim-payload":"{\"claim_type\":\"age\",\"claim_result\":\"passed\"}","token-consumed":true}"#,
            ),
            b'd' => (
                200,
                r#"{"claim-payload":"{\"claim_type\":\"age\",\"claim_result\":\"failed\"}","token-consumed":false}"#,
            ),
            b'e' => (200, r#"{"blind-sig":"AAAA"}"#),
            b'f' => (200, "<html>"),
            b'g' => (401, no),
            b'h' => (403, no),
            b'i' => (404, no),
            b'j' => (409, no),
            b'k' => (422, no),
            b'l' => (429, no),
            b'm' => (500, no),
            b'n' => (502, "<html>"),
            other => {
                let sent = match other {
                    b'o' => Sent::Perhaps,
                    _ => Sent::Nothing,
                };
                let failure = SendFailure {
                    sent,
                    cause: FailureCause::Network,
                    description: "nobody answers".to_owned(),
                };
                return Box::pin(std::future::ready(Err(failure)));
            }
        };
        let head = ResponseHead {
            status,
            ..ResponseHead::default()
        };
        let body = Some(Secret::new(body.as_bytes().to_vec()));
        Box::pin(std::future::ready(Ok(Response { head, body })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzz;
    use super::super::tests::is_published;
    use super::*;

    #[test]
    fn every_record_of_the_seeds_can_be_read_but_those_that_say_so() {
        if is_published() {
            return;
        }
        let seeds = fuzz().join("seeds/record");
        let mut read = 0;
        for entry in std::fs::read_dir(seeds).expect("seeds") {
            let path = entry.expect("a seed").path();
            let seed = std::fs::read(&path).expect("a seed");
            let (kind, format) = (seed[0], seed[3] - b'0');
            let is_record = !matches!(kind, b'b' | b'x');
            if is_record && !path.ends_with("newer") {
                let content = [&[format][..], &at_this_time(&seed[5..])].concat();
                assert!(is_read(kind, &content), "{path:?}");
                read += 1;
            }
        }
        assert!(read >= 30, "only {read} records");
    }
}
