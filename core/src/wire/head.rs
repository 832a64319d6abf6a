//! What stands in the headers of an answer.

use std::time::Duration;

use time::format_description::well_known::Rfc2822;
use time::OffsetDateTime;

use crate::error::{RateLimit, ResponseInfo};

/// Status and headers of an answer, as far as anybody reads them.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The HTTP status.
    pub status: u16,
    /// `Request-Id` and `RateLimit-*`.
    pub info: ResponseInfo,
    /// `Retry-After`, in either of its forms.
    pub retry_after: Option<Duration>,
    /// When the rate limit begins anew, where none of it is left, or nobody says how much.
    pub rate_limit_reset: Option<Duration>,
    /// `WWW-Authenticate`: all its fields, joined by commas.
    pub www_authenticate: Option<String>,
}

impl ResponseHead {
    /// Reads the head of an answer. `header` looks a name up, and joins by commas what stands under
    /// it more than once (RFC 9110, section 5.3); `now_ms` is the time in milliseconds since the
    /// epoch, for the date form of `Retry-After`.
    pub fn read(status: u16, header: impl Fn(&str) -> Option<String>, now_ms: u64) -> ResponseHead {
        let number = |name| header(name).and_then(|text| digits(text.trim()));
        let (remaining, reset) = (number("ratelimit-remaining"), number("ratelimit-reset"));
        let rate_limit = match (number("ratelimit-limit"), remaining, reset) {
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
                request_id: header("request-id").filter(|text| is_plausible_id(text)),
                rate_limit,
                answered_at: header("date").and_then(|text| date_ms(text.trim())),
            },
            // With something left, the limit is not what a 429 is about.
            rate_limit_reset: reset
                .filter(|_| remaining.unwrap_or(0) == 0)
                .map(Duration::from_secs),
            retry_after: header("retry-after").and_then(|text| retry_after(text.trim(), now_ms)),
            www_authenticate: header("www-authenticate"),
        }
    }
}

/// A request id is short and visible, or it is not believed.
fn is_plausible_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number without sign, spaces or anything else that `parse` would forgive.
fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// `Retry-After`, RFC 9110 section 10.2.3: seconds or a date.
fn retry_after(text: &str, now_ms: u64) -> Option<Duration> {
    if let Some(seconds) = digits(text) {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::from_millis(date_ms(text)?.saturating_sub(now_ms)))
}

/// An HTTP date, RFC 9110 section 5.6.7, in milliseconds since the epoch.
fn date_ms(text: &str) -> Option<u64> {
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    u64::try_from(date.unix_timestamp())
        .ok()?
        .checked_mul(1_000)
}

/// Takes `challenge`, `token-key` and `token-key-id` out of the `PrivateToken` challenge of a
/// `WWW-Authenticate` header, which may hold challenges of other schemes too.
///
/// Parameters come in any order, quoted or not (RFC 9110, sections 11.2 to 11.6).
pub(crate) fn parse_private_token_challenge(header: &str) -> Option<[String; 3]> {
    let [mut challenge, mut token_key, mut token_key_id] = [None, None, None];
    let mut in_private_token = false;
    for element in split_unquoted(header) {
        let element = element.trim();
        let (name, value) = element.split_once('=').unwrap_or((element, ""));
        // A scheme stands before its first parameter: `Scheme name=value`.
        let name = match name.trim().split_once([' ', '\t']) {
            Some((scheme, name)) => {
                in_private_token = scheme.eq_ignore_ascii_case("PrivateToken");
                name.trim()
            }
            None => name.trim(),
        };
        let slot = match name.to_ascii_lowercase().as_str() {
            "challenge" => &mut challenge,
            "token-key" => &mut token_key,
            "token-key-id" => &mut token_key_id,
            _ => continue,
        };
        if !in_private_token {
            continue;
        }
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        // All three are base64url or hexadecimal: a quote or a backslash inside is a mistake.
        if value.contains(['"', '\\']) || slot.replace(value.to_owned()).is_some() {
            return None;
        }
    }
    Some([challenge?, token_key?, token_key_id?])
}

/// Splits at commas that stand outside of quotes.
fn split_unquoted(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |letter| {
        let separates = letter == ',' && !quoted;
        if letter == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && letter == '\\' && !escaped;
        separates
    })
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
                    .map(|(_, value)| value.clone())
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
    fn a_reset_counts_only_where_nothing_is_left() {
        let reset = |headers: &[(&str, &str)]| head(headers).rate_limit_reset;
        let twenty = Some(Duration::from_secs(20));
        assert_eq!(reset(&[("ratelimit-reset", "20")]), twenty);
        let with = |remaining| {
            reset(&[
                ("ratelimit-remaining", remaining),
                ("ratelimit-reset", "20"),
            ])
        };
        assert_eq!(with("0"), twenty);
        assert_eq!(with("999992"), None);
    }

    #[test]
    fn the_time_of_an_answer_is_the_servers() {
        let answered_at = |text| head(&[("date", text)]).info.answered_at;
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(answered_at(date), Some(784_111_777_000));
        assert_eq!(answered_at("today"), None);
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
            r#"Bearer, PrivateToken challenge=Yw==, , token-key=aw, token-key-id=id"#,
            r#"Basic realm="a, b \" c", PrivateToken challenge=Yw==, token-key=aw, token-key-id=id, Bearer realm=x"#,
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
