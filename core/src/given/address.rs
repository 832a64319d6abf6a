//! URLs of hosts on the network: Persona's, proxies', a gateway's, a collector's.
//!
//! The URL parser reads a good deal that nobody meant: it leaves out line breaks, takes `\` for `/`,
//! `https:host` and `https:///host` for `https://host`, `0177.1` for 127.0.0.1, and what follows a `/`
//! in a password for the path. All of this is refused here, with the reason.

use url::{Host, Url};

use super::{has_template, meant, stands_for_another, without_escaped_ends};
use crate::encoding::is_invisible;

/// What a URL is in one place.
pub struct UrlForm {
    /// The schemes that are read. Which of them are of use, the place says.
    pub schemes: &'static [&'static str],
    /// The scheme of a text without any.
    pub default_scheme: Option<&'static str>,
    /// What it must begin with, in words.
    pub begins_with: &'static str,
    /// A good one.
    pub like: &'static str,
}

/// Reads the URL of a host. What is read has a host as the network knows it, and no port 0.
///
/// # Errors
/// What is wrong, and what to write: what follows the URL's name in a sentence. Nothing of it is
/// repeated, since any part may hold a piece of a password.
pub fn read_host_url(text: &str, form: &UrlForm) -> Result<Url, String> {
    let text = without_escaped_ends(meant(text));
    // As RFC 3986 (appendix C) delimits a URL in a text.
    let within = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'));
    let text = within.filter(|url| url.contains("://")).unwrap_or(text);
    if text.is_empty() {
        return Err(format!("is empty: it looks like {}", form.like));
    }
    // What is taken is taken again as it is told: without the slash at its end.
    if let Some(why) = why_no_url(text.trim_end_matches('/')).or_else(|| why_in_one_line(text)) {
        return Err(why.to_owned());
    }
    let (scheme, rest) = match (text.split_once("://"), form.default_scheme) {
        (Some(parts), _) => parts,
        (None, Some(scheme)) if !has_half_a_scheme(text, form) => (scheme, text),
        (None, _) if has_half_a_scheme(text, form) => {
            return Err(format!(
                "needs `://` after its scheme: it looks like {}",
                form.like
            ))
        }
        (None, _) => {
            return Err(format!(
                "has no scheme: it must begin with {}, like {}",
                form.begins_with, form.like
            ))
        }
    };
    if !form
        .schemes
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(format!("must begin with {}", form.begins_with));
    }
    if rest.contains("://") {
        return Err("has two schemes, or is more than one URL".to_owned());
    }
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if after.contains('@') {
        return Err(
            "has an `@` after its host. In a user name or password, `/` must be percent-encoded as \
             %2F, `?` as %3F and `#` as %23; in a path, `@` as %40"
                .to_owned(),
        );
    }
    let (credentials, place) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let (host, port) = split_port(place)?;
    let host = read_host(host)?;
    Url::parse(&format!("{scheme}://{credentials}{host}{port}{after}"))
        .map_err(|_| format!("is not a URL: it looks like {}", form.like))
}

/// What is wrong with a text that must be one line without a blank or sign that nobody sees.
pub(crate) fn why_in_one_line(text: &str) -> Option<&'static str> {
    let sign = text
        .chars()
        .find(|sign| sign.is_whitespace() || sign.is_control() || is_invisible(*sign))?;
    Some(match sign {
        '\n' | '\r' => "has a line break in it",
        sign if sign.is_whitespace() => "has a blank in it: a blank is written as %20",
        sign if sign.is_control() => "has a control character in it",
        _ => {
            "has a sign in it that nobody sees, which pages and editors leave there: type it anew, or \
             copy it from elsewhere"
        }
    })
}

fn why_no_url(text: &str) -> Option<&'static str> {
    if let Some(why) = stands_for_another(text) {
        Some(why)
    } else if text.contains(['"', '`', '“', '”', '„']) || text.starts_with('\'') {
        Some("has a quote in it")
    } else if has_template(text) {
        Some("has a variable or a template in it that nothing has replaced")
    } else if text.contains(['<', '>']) {
        Some("has a gap in it that was to be filled")
    } else if text.contains('\\') {
        Some("has a backslash in it: `/` is written the other way")
    } else if text.ends_with([',', ';']) {
        Some("ends with a comma or semicolon, which is of the line that it stood in")
    } else {
        None
    }
}

/// `https:host`, `https:/host` or `https//host`.
fn has_half_a_scheme(text: &str, form: &UrlForm) -> bool {
    let end = text.find([':', '/']).unwrap_or(text.len());
    let (scheme, rest) = text.split_at(end);
    let is_port = rest
        .strip_prefix(':')
        .is_some_and(|port| port.starts_with(|it: char| it.is_ascii_digit()));
    !rest.is_empty()
        && !is_port
        && form
            .schemes
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// The host, and the port with its colon, or nothing.
fn split_port(place: &str) -> Result<(&str, &str), String> {
    let (host, port) = match place.strip_prefix('[') {
        Some(address) => {
            let Some(end) = address.find(']') else {
                return Err("has a `[` without its `]`".to_owned());
            };
            if address[..end].contains('%') {
                return Err("has a zone in its IPv6 address, which no URL can have here".to_owned());
            }
            place.split_at(end + 2)
        }
        None if place.matches(':').count() > 1 => {
            return Err(
                "has more than one `:` in its host: an IPv6 address stands in brackets, like [::1]"
                    .to_owned(),
            )
        }
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    if place.contains([',', ';']) {
        return Err("has a comma or semicolon in its host, or is more than one URL".to_owned());
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, port)),
        None => Err("has something between its host and its port".to_owned()),
        Some("") => Err("has a `:` and no port after it".to_owned()),
        Some(digits) => match digits.parse::<u32>() {
            _ if !digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Err("has a port that is no number".to_owned())
            }
            Ok(1..=65_535) => Ok((host, port)),
            _ => Err("has a port that is not from 1 to 65535".to_owned()),
        },
    }
}

/// The host as the network knows it.
fn read_host(written: &str) -> Result<String, String> {
    let no_host = || "has no host".to_owned();
    let none = || "has a host that is none".to_owned();
    if written.is_empty() {
        return Err(no_host());
    }
    if written.contains('$') {
        return Err("has a variable for its host that nothing has replaced".to_owned());
    }
    if written == "*" {
        return Err("has `*` for its host: say which one".to_owned());
    }
    // The host of a scheme that the parser knows is read as a host, and not left as it was written.
    let url = Url::parse(&format!("http://{written}/")).map_err(|_| match written {
        // The parser says as little of dots alone.
        dots if dots.trim_matches('.').is_empty() => no_host(),
        _ => none(),
    })?;
    match url.host() {
        host if host.is_none() || names_nobody(url.host_str()) => Err(no_host()),
        Some(Host::Ipv4(address)) if address.to_string() != written => Err(
            "has an IPv4 address that is not written as four numbers, like 127.0.0.1".to_owned(),
        ),
        Some(Host::Domain(name)) => {
            let labels = name.strip_suffix('.').unwrap_or(name).split('.');
            let is_known = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b'-' | b'_');
            for label in labels {
                if label.is_empty() {
                    return Err("has two dots in its host with nothing between".to_owned());
                }
                if label.len() > 63 || !label.bytes().all(is_known) {
                    return Err(none());
                }
            }
            Ok(name.to_owned())
        }
        _ => Ok(url.host_str().unwrap_or_default().to_owned()),
    }
}

/// Whether a URL has no host, or only the dot that may stand at a name's end.
fn names_nobody(host: Option<&str>) -> bool {
    host.is_none_or(|host| host.trim_end_matches('.').is_empty())
}
