//! Answers of each step, as they come: their heads, and their bodies.

use serde_json::json;

use super::SECRET;
use crate::encoding::Unreadable;
use crate::wire::{
    decode_challenge, decode_claim, decode_relay, decode_server_error, decode_signature,
    parse_private_token_challenge, speaker, ResponseHead, Speaker, LONGEST_TEXT,
};

/// November 2026.
const NOW: u64 = 1_795_000_000_000;

/// An answer as the targets write it down: a status, headers, an empty line, a body.
pub(super) struct Written {
    pub(super) head: ResponseHead,
    pub(super) body: Vec<u8>,
}

impl Written {
    /// In the body, each of these bytes stands for a text: what the request had of secrets, said back.
    pub(super) fn read(bytes: &[u8], said_back: &[(u8, &str)]) -> Self {
        let end = bytes.windows(2).position(|two| two == b"\n\n");
        let (head, body) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 2..]),
            None => (bytes, &[][..]),
        };
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.parse().ok());
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        let header = |name: &str| {
            let found: Vec<&str> = headers
                .iter()
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| *value)
                .collect();
            (!found.is_empty()).then(|| found.join(", "))
        };
        let mut written = Vec::with_capacity(body.len());
        for byte in body {
            match said_back.iter().find(|(mark, _)| mark == byte) {
                Some((_, secret)) => written.extend_from_slice(secret.as_bytes()),
                None => written.push(*byte),
            }
        }
        Self {
            // hyper gives no others.
            head: ResponseHead::read(
                status
                    .filter(|status| (100..1000).contains(status))
                    .unwrap_or(200),
                header,
                NOW,
            ),
            body: written,
        }
    }
}

/// An answer to each of the steps.
pub fn answer(bytes: &[u8]) {
    let Written { head, body } = Written::read(bytes, &[(b'@', SECRET)]);
    looks_sound(&head);
    if speaker(&head, &body) == Speaker::Persona {
        assert!(head.status >= 400);
    }
    relay(&body);
    challenge(&body);
    claim(&body);
    match decode_signature(&body) {
        Ok(signature) => {
            let again = json!({"blind-sig": signature}).to_string();
            assert_eq!(decode_signature(again.as_bytes()).ok(), Some(signature));
        }
        Err(unreadable) => quotes_nothing(&unreadable),
    }
    error(&body);
    if let Some(header) = &head.www_authenticate {
        private_token(header);
    }
}

fn looks_sound(head: &ResponseHead) {
    if let Some(id) = &head.info.request_id {
        assert!((1..=128).contains(&id.len()));
        assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let (Some(limit), Some(reset)) = (&head.info.rate_limit, head.rate_limit_reset) {
        assert_eq!((limit.remaining, limit.reset_seconds), (0, reset.as_secs()));
    }
}

fn relay(body: &[u8]) {
    let relay = match decode_relay(body) {
        Ok(relay) => relay,
        Err(unreadable) => return quotes_nothing(&unreadable),
    };
    // They travel back in a path and in a header.
    for text in [&*relay.relay_token, relay.relay_secret.expose()] {
        assert!((1..=512).contains(&text.len()));
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let again = json!({
        "relayToken": relay.relay_token,
        "relay_secret": relay.relay_secret.expose(),
        "relay-session-access-token": relay.relay_session_access_token.expose(),
    });
    let Ok(again) = decode_relay(again.to_string().as_bytes()) else {
        panic!("our own answer");
    };
    assert_eq!(again.relay_token, relay.relay_token);
    assert_eq!(again.relay_secret, relay.relay_secret);
    assert_eq!(
        again.relay_session_access_token,
        relay.relay_session_access_token
    );
}

fn challenge(body: &[u8]) {
    match decode_challenge(body) {
        Ok(answer) => {
            let again = json!({
                "challenge": answer.challenge,
                "token-key": answer.token_key,
                "tokenKeyId": answer.token_key_id,
            });
            let again = decode_challenge(again.to_string().as_bytes()).expect("our own answer");
            assert_eq!(
                (again.challenge, again.token_key, again.token_key_id),
                (answer.challenge, answer.token_key, answer.token_key_id)
            );
        }
        Err(unreadable) => quotes_nothing(&unreadable),
    }
}

fn claim(body: &[u8]) {
    match decode_claim(body) {
        Ok(answer) => {
            let again = json!({
                "claim_payload": answer.claim_payload.expose(),
                "token_consumed": answer.token_consumed,
            });
            let Ok(again) = decode_claim(again.to_string().as_bytes()) else {
                panic!("our own answer");
            };
            assert_eq!(again.claim_payload, answer.claim_payload);
            assert_eq!(again.token_consumed, answer.token_consumed);
        }
        Err((unreadable, unopened)) => {
            quotes_nothing(&unreadable);
            if let Some(unopened) = unopened {
                // The pass may be spent: what can be saved is all there is.
                assert!(!unopened.claim_payload.expose().is_empty());
                assert_eq!(unopened.token_consumed, None);
                assert!(!format!("{unopened:?}").contains(SECRET));
            }
        }
    }
}

/// What an error says may be shown: without the secrets of the request, short, and in one line.
fn error(body: &[u8]) {
    let error = decode_server_error(body, |text| text.replace(SECRET, "[redacted]"));
    assert!(!format!("{error:?}").contains(SECRET));
    for text in [&error.title, &error.details].into_iter().flatten() {
        assert!(text.chars().count() <= LONGEST_TEXT);
        assert!(!text.chars().any(char::is_control));
    }
    assert!(error.meta.is_none_or(|meta| meta.is_object()));
}

fn private_token(header: &str) {
    let Some([challenge, key, id]) = parse_private_token_challenge(header) else {
        return;
    };
    let again = format!(
        r#"Basic realm=x, PrivateToken token-key-id="{id}", challenge="{challenge}", token-key="{key}""#
    );
    assert_eq!(
        parse_private_token_challenge(&again),
        Some([challenge, key, id])
    );
}

fn quotes_nothing(Unreadable(why): &Unreadable) {
    assert!(!why.contains(SECRET), "{why}");
}
