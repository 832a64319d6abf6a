//! The bodies of answers.

use serde_json::{Map, Value};

use super::ResponseHead;
use crate::credential::{check_visible, RelaySecret};
use crate::encoding::{member, parse_object, take_text, Unreadable};
use crate::error::UnopenedClaim;
use crate::secret::Secret;

/// Texts of the server that reach an error are cut at this many characters.
pub(crate) const LONGEST_TEXT: usize = 1_024;
/// A larger `meta` object of an error is left out.
const LARGEST_META: usize = 8_192;

/// Step 1's answer.
pub(crate) struct RelayAnswer {
    pub(crate) relay_token: String,
    pub(crate) relay_secret: RelaySecret,
    pub(crate) relay_session_access_token: Secret<String>,
}

/// Step 2a's answer, still encoded.
#[derive(Debug)]
pub(crate) struct ChallengeAnswer {
    pub(crate) challenge: String,
    pub(crate) token_key: String,
    pub(crate) token_key_id: String,
}

/// Step 3's answer.
pub(crate) struct ClaimAnswer {
    pub(crate) claim_payload: Secret<String>,
    pub(crate) token_consumed: bool,
}

/// The first entry of an error body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServerError {
    pub(crate) title: Option<String>,
    pub(crate) details: Option<String>,
    pub(crate) meta: Option<Value>,
}

impl ServerError {
    /// Whether it says that an organization or environment has no Relay. A text that names a key or
    /// encryption is about these, whatever is not enabled there.
    pub(crate) fn says_not_enabled(&self) -> bool {
        let texts = [&self.title, &self.details].into_iter().flatten();
        let texts: Vec<String> = texts.map(|text| text.to_ascii_lowercase()).collect();
        let names = |text: &String, words: [&str; 2]| words.iter().any(|word| text.contains(word));
        let is_of_relay =
            |text| names(text, ["privacy pass", "relay"]) && text.contains("not enabled");
        texts.iter().any(is_of_relay) && !texts.iter().any(|text| names(text, ["key", "encrypt"]))
    }
}

pub(crate) fn decode_relay(body: &[u8]) -> Result<RelayAnswer, Unreadable> {
    let mut body = parse_object(body)?;
    let relay_token = take_text(&mut body, "relay-token")?;
    let relay_secret = take_text(&mut body, "relay-secret")?;
    let session = Secret::new(take_text(&mut body, "relay-session-access-token")?);
    check_visible(&relay_token, "relay-token", 512).map_err(|_| bad("relay-token"))?;
    check_visible(session.expose(), "relay-session-access-token", 16_384)
        .map_err(|_| bad("relay-session-access-token"))?;
    Ok(RelayAnswer {
        relay_token,
        relay_secret: RelaySecret::parse(relay_secret).map_err(|_| bad("relay-secret"))?,
        relay_session_access_token: session,
    })
}

pub(crate) fn decode_challenge(body: &[u8]) -> Result<ChallengeAnswer, Unreadable> {
    let mut body = parse_object(body)?;
    Ok(ChallengeAnswer {
        challenge: take_text(&mut body, "challenge")?,
        token_key: take_text(&mut body, "token-key")?,
        token_key_id: take_text(&mut body, "token-key-id")?,
    })
}

/// The blind signature, still base64url.
pub(crate) fn decode_signature(body: &[u8]) -> Result<String, Unreadable> {
    take_text(&mut parse_object(body)?, "blind-sig")
}

/// Reads step 3's answer. A payload in an answer that is otherwise unreadable is handed out too:
/// the pass behind it may be spent.
pub(crate) fn decode_claim(
    body: &[u8],
) -> Result<ClaimAnswer, (Unreadable, Option<UnopenedClaim>)> {
    let mut body = parse_object(body).map_err(|unreadable| (unreadable, None))?;
    let claim_payload = take_text(&mut body, "claim-payload")
        .map(Secret::new)
        .map_err(|unreadable| (unreadable, None))?;
    match member(&body, "token-consumed") {
        Some(Value::Bool(token_consumed)) => Ok(ClaimAnswer {
            claim_payload,
            token_consumed: *token_consumed,
        }),
        _ => Err((
            Unreadable("token-consumed is missing or not a boolean".to_owned()),
            Some(UnopenedClaim {
                claim_payload,
                token_consumed: None,
            }),
        )),
    }
}

/// Whatever an error body tells. Reads nothing into a body of another form.
///
/// `scrub` takes the request's secrets out; it sees every text whole, before it is cut.
pub(crate) fn decode_server_error(body: &[u8], scrub: impl Fn(&str) -> String) -> ServerError {
    let Some(first) = &first_error(body) else {
        return ServerError::default();
    };
    let text = |name| {
        let text = member(first, name).and_then(Value::as_str);
        text.map(|text| shorten(&scrub(text)))
    };
    ServerError {
        title: text("title"),
        details: text("details"),
        meta: member(first, "meta")
            .filter(|meta| meta.is_object() && meta.to_string().len() <= LARGEST_META)
            .map(|meta| scrub_value(meta, &scrub)),
    }
}

/// Who gave an answer that is no success: Persona, in her own form, or something on the way.
///
/// Persona explains every refusal: `{"errors": [{"title": …}]}`, or for a 401 the header that asks
/// for a pass (RFC 9577). Pages of proxies and firewalls do not, whatever their status, nor does
/// JSON of another form. Asked once, where bytes become an answer; nobody looks at the body again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// Persona.
    Persona,
    /// A proxy, a firewall, a gateway.
    OnTheWay,
}

pub(crate) fn speaker(head: &ResponseHead, body: &[u8]) -> Speaker {
    let asked = head.www_authenticate.as_deref().unwrap_or_default();
    let asks_for_a_pass = head.status == 401 && asked.contains("PrivateToken");
    let is_explained = || {
        let title = first_error(body).and_then(|error| member(&error, "title").cloned());
        title.is_some_and(|title| title.is_string())
    };
    match head.status {
        400.. if asks_for_a_pass || is_explained() => Speaker::Persona,
        _ => Speaker::OnTheWay,
    }
}

fn first_error(body: &[u8]) -> Option<Map<String, Value>> {
    let body = parse_object(body).ok()?;
    let errors = member(&body, "errors")?.as_array()?;
    errors.first()?.as_object().cloned()
}

/// Scrubs every text in a value, names of members included.
fn scrub_value(value: &Value, scrub: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(scrub(text)),
        Value::Array(values) => values
            .iter()
            .map(|value| scrub_value(value, scrub))
            .collect(),
        Value::Object(members) => {
            let members = members.iter();
            let scrubbed: Map<String, Value> = members
                .map(|(name, value)| (scrub(name), scrub_value(value, scrub)))
                .collect();
            Value::Object(scrubbed)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn bad(name: &str) -> Unreadable {
    Unreadable(format!(
        "{name} is too long or has characters that cannot be sent back"
    ))
}

/// At most [`LONGEST_TEXT`] characters, none of them a control character: it ends up in logs.
fn shorten(text: &str) -> String {
    text.chars()
        .take(LONGEST_TEXT)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_are_read_in_all_three_casings() {
        for body in [
            r#"{"challenge":"c","token-key":"k","token-key-id":"i"}"#,
            r#"{"challenge":"c","token_key":"k","token_key_id":"i"}"#,
            r#"{"challenge":"c","tokenKey":"k","tokenKeyId":"i","more":1}"#,
        ] {
            let answer = decode_challenge(body.as_bytes()).unwrap();
            assert_eq!((&*answer.token_key, &*answer.token_key_id), ("k", "i"));
        }
    }

    #[test]
    fn an_unreadable_body_says_why_and_quotes_nothing() {
        for body in [
            &b"<html>canary</html>"[..],
            b"\"canary\"",
            b"{\"blind-sig\": \"canary",
            b"{\"blind-sig\": 5}",
            b"{\"blind-sig\": \"\"}",
            b"{\"canary\": \"canary\"}",
            b"\xff\xfe canary",
            b"",
        ] {
            let Unreadable(why) = decode_signature(body).unwrap_err();
            assert!(!why.contains("canary"), "{why}");
        }
    }

    #[test]
    fn a_relay_secret_that_could_smuggle_a_header_is_refused() {
        let body = |secret: &str| {
            serde_json::json!({"relay-token": "r", "relay-secret": secret, "relay-session-access-token": "j"})
                .to_string()
        };
        assert!(decode_relay(body("fine").as_bytes()).is_ok());
        assert!(decode_relay(body("a\r\nx: y").as_bytes()).is_err());
    }

    #[test]
    fn an_error_body_of_any_form_is_no_second_error() {
        let full = decode_server_error(
            br#"{"errors":[{"title":"T","details":"D\u0007","meta":{"a":1}}]}"#,
            str::to_owned,
        );
        assert_eq!(full.title.as_deref(), Some("T"));
        assert_eq!(full.details.as_deref(), Some("D "));
        assert_eq!(full.meta, Some(serde_json::json!({"a": 1})));
        for body in [
            "",
            "[]",
            r#"{"errors":{}}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":["x"]}"#,
        ] {
            assert_eq!(
                decode_server_error(body.as_bytes(), str::to_owned),
                ServerError::default()
            );
        }
        let long = format!(r#"{{"errors":[{{"title":"{}"}}]}}"#, "é".repeat(5_000));
        let title = decode_server_error(long.as_bytes(), str::to_owned)
            .title
            .unwrap();
        assert_eq!(title.chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn an_organization_without_relay_is_told_by_its_text() {
        let says = |title: &str, details: Option<&str>| {
            let error = ServerError {
                title: Some(title.to_owned()),
                details: details.map(str::to_owned),
                meta: None,
            };
            error.says_not_enabled()
        };
        let theirs = "Privacy Pass for Relay is not enabled";
        assert!(says(theirs, None));
        assert!(says("Forbidden", Some(theirs)));
        assert!(says(
            "Forbidden",
            Some("privacy pass for relay is NOT ENABLED here.")
        ));
        assert!(says("Privacy Pass is not enabled", None));
        for other in [
            "Forbidden",
            "Relay not found",
            "This feature is not enabled",
            "encryption-key-jwk is not enabled for Relay",
            "Encrypted claims are not enabled for Relay",
            "This API key is not enabled for Relay",
        ] {
            assert!(!says(other, None), "{other}");
        }
        assert!(!says(theirs, Some("encryption-key-jwk")));
        assert!(!says("Relay", Some("This feature is not enabled")));
    }

    #[test]
    fn only_personas_own_form_is_hers() {
        let said = |status, body: &str| {
            let head = ResponseHead {
                status,
                ..ResponseHead::default()
            };
            speaker(&head, body.as_bytes())
        };
        let hers = r#"{"errors":[{"title":"no"}]}"#;
        for status in [400, 401, 403, 404, 409, 422, 429, 500, 503] {
            assert_eq!(said(status, hers), Speaker::Persona, "{status}");
            for page in [
                "",
                "<html>no</html>",
                r#"{"message":"Forbidden"}"#,
                r#"{"errors":[]}"#,
                r#"{"errors":["no"]}"#,
                r#"{"errors":[{"message":"no"}]}"#,
                r#"{"errors":[{"title":5}]}"#,
            ] {
                assert_eq!(said(status, page), Speaker::OnTheWay, "{status} {page}");
            }
        }
        // She redirects nobody.
        assert_eq!(said(307, hers), Speaker::OnTheWay);
        let asks = |status, header: &str| {
            let head = ResponseHead {
                status,
                www_authenticate: Some(header.to_owned()),
                ..ResponseHead::default()
            };
            speaker(&head, b"")
        };
        assert_eq!(asks(401, "PrivateToken challenge=a"), Speaker::Persona);
        assert_eq!(asks(401, "Basic realm=proxy"), Speaker::OnTheWay);
        assert_eq!(asks(403, "PrivateToken challenge=a"), Speaker::OnTheWay);
    }

    #[test]
    fn a_secret_that_is_longer_than_a_text_may_be_is_taken_out_whole() {
        let pass: String = (0..1_500)
            .map(|i| char::from(b'a' + (i * i % 26) as u8))
            .collect();
        let text = format!("bad token {pass}");
        let body = serde_json::json!({"errors": [{"title": text, "details": text,
            "meta": {"quoted": [text], "seen": {text.clone(): 1}}}]});
        let scrub = |text: &str| text.replace(&pass, "[redacted]");
        let error = decode_server_error(body.to_string().as_bytes(), scrub);
        let shown = format!("{error:?}");
        assert!(shown.contains("bad token [redacted]"), "{shown}");
        assert!(!pass
            .as_bytes()
            .windows(16)
            .any(|part| { shown.contains(std::str::from_utf8(part).unwrap()) }));
    }

    #[test]
    fn a_deep_body_does_not_exhaust_the_stack() {
        let deep = format!("{{\"blind-sig\":{}", "[".repeat(60_000));
        assert!(decode_signature(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_body_makes_a_decoder_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_relay(&body);
            let _ = decode_challenge(&body);
            let _ = decode_signature(&body);
            let _ = decode_claim(&body);
            let _ = decode_server_error(&body, str::to_owned);
        }
    }
}
