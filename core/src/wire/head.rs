//! What stands in the headers of an answer.

use std::time::Duration;

use time::format_description::well_known::Rfc2822;
use time::OffsetDateTime;

/// The rate limit as Persona reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
pub struct ResponseInfo {
    /// Persona's `Request-Id`.
    pub request_id: Option<String>,
    /// The rate limit, if it was reported whole.
    pub rate_limit: Option<RateLimit>,
}

/// Status and headers of an answer, as far as anybody reads them.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The HTTP status.
    pub status: u16,
    /// `Request-Id` and `RateLimit-*`.
    pub info: ResponseInfo,
    /// `Retry-After`, in either of its forms.
    pub retry_after: Option<Duration>,
    /// `WWW-Authenticate`, as sent.
    pub www_authenticate: Option<String>,
}

impl ResponseHead {
    /// Reads the head of an answer. `header` looks a name up; `now_ms` is the time in milliseconds
    /// since the epoch, for the date form of `Retry-After`.
    pub fn read<'a>(
        status: u16,
        header: impl Fn(&str) -> Option<&'a str>,
        now_ms: u64,
    ) -> ResponseHead {
        let number = |name| header(name).and_then(|text| text.trim().parse::<u64>().ok());
        let rate_limit = match (
            number("ratelimit-limit"),
            number("ratelimit-remaining"),
            number("ratelimit-reset"),
        ) {
            (Some(limit), Some(remaining), Some(reset_seconds)) => Some(RateLimit {
                limit,
                remaining,
                reset_seconds,
            }),
            _ => None,
        };
        ResponseHead {
            status,
            info: ResponseInfo {
                request_id: header("request-id").and_then(request_id),
                rate_limit,
            },
            retry_after: header("retry-after").and_then(|text| retry_after(text, now_ms)),
            www_authenticate: header("www-authenticate").map(str::to_owned),
        }
    }
}

/// A request id is short and visible, or it is not believed.
fn request_id(text: &str) -> Option<String> {
    let plausible = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    plausible.then(|| text.to_owned())
}

/// `Retry-After`, RFC 9110 section 10.2.3: seconds or a date.
fn retry_after(text: &str, now_ms: u64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let date_ms = u64::try_from(date.unix_timestamp())
        .ok()?
        .checked_mul(1_000)?;
    Some(Duration::from_millis(date_ms.saturating_sub(now_ms)))
}

/// Takes `challenge`, `token-key` and `token-key-id` out of a `WWW-Authenticate: PrivateToken …`.
///
/// Parameters come in any order, quoted or not (RFC 9110, section 11.2).
pub(crate) fn parse_private_token_challenge(header: &str) -> Option<[String; 3]> {
    let scheme = "privatetoken";
    let (name, parameters) = header.trim_start().split_at_checked(scheme.len())?;
    if !name.eq_ignore_ascii_case(scheme) || !parameters.starts_with([' ', '\t']) {
        return None;
    }
    let [mut challenge, mut token_key, mut token_key_id] = [None, None, None];
    for parameter in parameters.split(',') {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        // All three are base64url or hexadecimal: a quote or a backslash inside is a mistake.
        if value.contains(['"', '\\']) {
            return None;
        }
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "challenge" => &mut challenge,
            "token-key" => &mut token_key,
            "token-key-id" => &mut token_key_id,
            _ => continue,
        };
        if slot.replace(value.to_owned()).is_some() {
            return None;
        }
    }
    Some([challenge?, token_key?, token_key_id?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(headers: &[(&str, &str)]) -> ResponseHead {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        ResponseHead::read(
            200,
            |name| {
                headers
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| value.as_str())
            },
            784_111_777_000,
        )
    }

    #[test]
    fn a_rate_limit_is_read_whole_or_not_at_all() {
        let whole = head(&[
            ("ratelimit-limit", "300"),
            ("ratelimit-remaining", "299"),
            ("ratelimit-reset", "42"),
        ]);
        let limit = whole.info.rate_limit.unwrap();
        assert_eq!(
            (limit.limit, limit.remaining, limit.reset_seconds),
            (300, 299, 42)
        );
        assert_eq!(head(&[("ratelimit-limit", "300")]).info.rate_limit, None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_never_negative() {
        let seconds = |text| {
            head(&[("retry-after", text)])
                .retry_after
                .map(|d| d.as_secs())
        };
        assert_eq!(seconds("17"), Some(17));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:27 GMT"), Some(0));
        assert_eq!(seconds("-5"), None);
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn an_odd_request_id_is_not_believed() {
        assert_eq!(
            head(&[("request-id", "req_1")]).info.request_id.as_deref(),
            Some("req_1")
        );
        assert_eq!(head(&[("request-id", "a b")]).info.request_id, None);
        assert_eq!(
            head(&[("request-id", &"x".repeat(129))]).info.request_id,
            None
        );
    }

    #[test]
    fn a_private_token_challenge_is_read_in_any_order() {
        let expected = Some(["Yw==".to_owned(), "aw".to_owned(), "id".to_owned()]);
        for header in [
            r#"PrivateToken challenge="Yw==", token-key="aw", token-key-id="id""#,
            r#"privatetoken token-key-id=id,token-key=aw , challenge=Yw==, max-age="10""#,
        ] {
            assert_eq!(parse_private_token_challenge(header), expected, "{header}");
        }
        for header in [
            "",
            "PrivateToken",
            "Bearer challenge=a, token-key=b, token-key-id=c",
            "PrivateToken challenge=a, token-key=b",
            "PrivateToken challenge=a, challenge=a, token-key=b, token-key-id=c",
            r#"PrivateToken challenge="a, token-key=b, token-key-id=c"#,
        ] {
            assert_eq!(parse_private_token_challenge(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_a_parser_panic(text in ".*") {
            let _ = parse_private_token_challenge(&text);
            let _ = parse_private_token_challenge(&format!("PrivateToken {text}"));
            let _ = retry_after(&text, 0);
        }
    }
}
