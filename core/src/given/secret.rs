//! Secrets that people give: what a text is that is none. No reason repeats any of it.

use super::meant;
use crate::encoding::is_invisible;

/// What names a secret that somebody else keeps, and was to be replaced by it.
const REFERENCES: [&str; 7] = [
    "op://",
    "vault:",
    "arn:aws:",
    "ref+",
    "sm://",
    "akv://",
    "@Microsoft.KeyVault(",
];

/// A secret as it is meant: without what stands around it.
///
/// # Errors
/// What the text is instead of the secret alone: what follows its name in a sentence.
pub fn secret(text: &str) -> Result<&str, &'static str> {
    let text = meant(text);
    let begins = |with: &str| {
        let start = text.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let bearer = text.get(6..).and_then(|rest| rest.chars().next());
    let why = if text.is_empty() {
        "is empty"
    } else if begins("authorization:") || begins("persona-relay-secret:") {
        "is the whole line of a header: give the secret alone"
    } else if begins("bearer") && bearer.is_none_or(|next| next.is_whitespace() || next == ':') {
        "begins with `Bearer`, which is no part of it: give what follows"
    } else if text.contains("-----BEGIN") {
        "is a key or a certificate in PEM"
    } else if text.starts_with('{') && text.contains('"') || text.starts_with("[\"") {
        "is JSON: give the secret alone, without what stands around it"
    } else if let Some(why) = stands_for_another(text) {
        why
    } else if let Some(quote) = ['"', '\'', '`']
        .iter()
        .find(|quote| text.starts_with(**quote))
    {
        // One pair is taken off; with more of them, nobody knows which are the secret's own.
        match text.len() > 1 && text.ends_with(*quote) {
            true => "has quotes around it and within: leave out those that are no part of it",
            false => return Ok(text),
        }
    } else {
        return Ok(text);
    };
    Err(why)
}

/// What a text is that was to be replaced: a line with a variable's name, a template, a gap, a mask.
pub fn stands_for_another(text: &str) -> Option<&'static str> {
    let within = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    if is_whole_line(text) {
        Some("is a whole line with the name of its variable: give what follows the `=`")
    } else if within("${", "}") || within("{{", "}}") || within("<%", "%>") || within("$(", ")") {
        Some("is a variable or a template that nothing has replaced")
    } else if is_name_of_variable(text) {
        Some("is the name of a variable that nothing has replaced")
    } else if within("<", ">") || within("[", "]") && is_gap(text) {
        Some("is a gap that was to be filled")
    } else if names_another(text) {
        Some("names a secret that is kept elsewhere, and nothing has fetched it")
    } else if text.chars().all(|sign| matches!(sign, '*' | '•' | '●')) && !text.is_empty() {
        Some("is masked: copy it from where it can be seen")
    } else if text.ends_with("...") || text.contains('…') {
        Some("is shortened with dots: copy all of it")
    } else {
        None
    }
}

/// `[YOUR-PASSWORD]`, and neither a list nor an address of IPv6.
fn is_gap(text: &str) -> bool {
    let within = text.trim_matches(['[', ']']);
    // A zone stands behind the address.
    let address = within.split('%').next().unwrap_or_default();
    text.is_ascii() && !text.contains('"') && address.parse::<std::net::Ipv6Addr>().is_err()
}

/// base64 may begin with `ref+`, and has no `://`.
fn names_another(text: &str) -> bool {
    let mut known = REFERENCES.iter();
    known.any(|known| text.starts_with(known) && (*known != "ref+" || text.contains("://")))
}

/// Whether a variable or a template stands in it, whole, that was to be replaced.
pub fn has_template(text: &str) -> bool {
    [("${", "}"), ("{{", "}}"), ("$(", ")")]
        .iter()
        .any(|(open, close)| {
            let after = text.split_once(open).map(|(_, after)| after);
            after.is_some_and(|after| after.contains(close))
        })
}

/// `NAME=value` or `NAME: value`, also as shells write it. Of names that files of variables have: capitals, and more than
/// one word, which no base64 begins with.
fn is_whole_line(text: &str) -> bool {
    let line = ["export ", "set ", "ENV ", "$env:", "setx "]
        .iter()
        .find_map(|with| text.strip_prefix(with));
    let line_or_text = line.unwrap_or(text);
    // YAML has a blank after its colon.
    let parts = line_or_text
        .split_once('=')
        .or_else(|| line_or_text.split_once(": "));
    let Some((name, value)) = parts else {
        return false;
    };
    let name = name.trim();
    let is_name = |sign: u8| sign.is_ascii_uppercase() || sign.is_ascii_digit() || sign == b'_';
    let is_named = !name.is_empty() && name.bytes().all(is_name);
    is_named && (line.is_some() || name.contains('_')) && !value.trim_matches('=').is_empty()
}

/// `$NAME` or `%NAME%`.
fn is_name_of_variable(text: &str) -> bool {
    let percents = text
        .strip_prefix('%')
        .and_then(|text| text.strip_suffix('%'));
    let name = percents.or_else(|| text.strip_prefix('$'));
    name.is_some_and(|name| {
        let is_name = |sign: u8| sign.is_ascii_uppercase() || sign == b'_';
        !name.is_empty() && name.bytes().all(is_name)
    })
}

/// What is wrong with a text that may only hold visible ASCII.
pub fn why_not_visible(text: &str) -> Option<&'static str> {
    let is_wrong = |sign: &char| !sign.is_ascii_graphic();
    let sign = text.chars().find(is_wrong)?;
    let is_end = text.trim_end().chars().all(|sign| sign.is_ascii_graphic());
    let is_beginning = text
        .trim_start()
        .chars()
        .all(|sign| sign.is_ascii_graphic());
    Some(match sign {
        '\n' | '\r' if is_end => "has a line break at its end: take it off",
        '\n' | '\r' => "has a line break in it",
        sign if is_invisible(sign) => {
            "has a sign in it that nobody sees, which pages and editors leave there: type it anew, or \
             copy it from elsewhere"
        }
        sign if sign.is_whitespace() && is_end => "has a blank at its end: take it off",
        sign if sign.is_whitespace() && is_beginning => "has a blank at its beginning: take it off",
        sign if sign.is_whitespace() => "has a blank in it",
        sign if sign.is_control() => "has a control character in it",
        _ => "has a character outside ASCII in it",
    })
}
