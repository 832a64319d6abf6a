//! The JSON text of a JWK, out of what people give: in quotes, escaped, in base64, in lines.

use zeroize::Zeroizing;

use crate::encoding::decode_base64_any;
use crate::given::meant;

/// The JSON of a text that is to be a JWK; of PEM, none.
pub(super) fn json_of(text: &str) -> Option<Zeroizing<String>> {
    let text = meant(text);
    // A text of JSON has quotes within as well.
    let within = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let text = within.map_or(text, str::trim);
    // Other JSON may hold one in PEM.
    if text.contains("-----BEGIN") {
        return None;
    }
    if text.starts_with('{') {
        return Some(plain(text));
    }
    let bytes = Zeroizing::new(decode_base64_any(text)?);
    let text = meant(std::str::from_utf8(&bytes).ok()?);
    text.starts_with('{').then(|| plain(text))
}

/// Without line breaks, which mean nothing in JSON, and without the escapes of a text within a text.
fn plain(text: &str) -> Zeroizing<String> {
    let is_escaped = text[1..].trim_start().starts_with('\\');
    // Room for all of it at once: a text that grew would leave copies behind.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\n' | '\r' => {}
            '\\' if is_escaped => match signs.next() {
                Some('n' | 'r' | 't') | None => {}
                Some(escaped) => plain.push(escaped),
            },
            sign => plain.push(sign),
        }
    }
    plain
}

/// What is wrong with a text that begins as JSON and cannot be read.
pub(super) fn why_no_json(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let inner = text.get(1..).unwrap_or_default().trim_start();
    let mut after_commas = text.split(',').skip(1).map(str::trim_start);
    if text.starts_with("{{") || text.starts_with("${") {
        Some("it is a template that nothing has replaced")
    } else if text.contains(['“', '”', '„']) {
        Some("its quotes are typographic, and JSON has plain ones (\")")
    } else if inner.starts_with('\'') {
        Some("its quotes are single, and JSON has double ones (\")")
    } else if inner.starts_with(|sign: char| sign.is_ascii_alphabetic()) {
        Some("its names are without quotes, which JSON does not allow")
    } else if text.contains("...") || text.contains('…') {
        Some("it is shortened with dots: give all of it")
    } else if !text.contains('}') {
        Some("it is cut off: its last } is missing. Give all of it")
    } else if !text.ends_with('}') || text.matches('}').count() > text.matches('{').count() {
        Some("something stands after its last }")
    } else if after_commas.any(|after| after.starts_with(['}', ']'])) {
        Some("it has a comma before its last }, which JSON does not allow")
    } else if text.contains("/*") || text.contains("//") {
        Some("it has a comment, which JSON does not allow")
    } else {
        None
    }
}
