//! Texts and files that people give: settings, URLs, secrets, keys, certificates. Shared with the gateway
//! and the command; not for other programs.
//!
//! What is meant without doubt is read: marks, blanks and line ends around it, and one pair of quotes.
//! What is not is refused with the true reason, and no refusal repeats what may be a secret.

mod address;
mod list;
mod name;
mod secret;

use std::fmt;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

pub(crate) use address::why_in_one_line;
pub use address::{read_host_url, UrlForm};
pub use list::items;
pub(crate) use name::one_of;
pub use secret::{has_template, secret, stands_for_another, why_not_visible};

use crate::encoding::is_invisible;

/// What stands around a value and is no part of it, as it opens and as it closes.
const QUOTES: [(&str, &str); 9] = [
    // As one text within another has it.
    ("\\\"", "\\\""),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("‘", "’"),
    ("«", "»"),
];

/// Why a file cannot be read: what follows its name in a sentence.
#[derive(Debug)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// A setting without what stands around it: marks that nobody sees, blanks, line ends, and one pair of
/// quotes, which files of variables and pages leave there.
pub fn meant(text: &str) -> &str {
    let text = bare(text);
    let within = |(open, close): &(&str, &str)| {
        let within = text.strip_prefix(open)?.strip_suffix(close)?;
        // With more of them inside, it is a list, or nobody knows which are its own.
        let has_more = within.contains(open) || within.contains(close);
        (!has_more).then(|| bare(within))
    };
    QUOTES.iter().find_map(within).unwrap_or(text)
}

fn bare(text: &str) -> &str {
    text.trim_matches(|sign: char| sign.is_whitespace() || is_invisible(sign))
}

/// A text without the line breaks at its end that were written as backslash and n. Only for what has no
/// backslash of its own.
pub(crate) fn without_escaped_ends(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = ["\\n", "\\r", "\\t"]
        .iter()
        .find_map(|end| text.strip_suffix(end))
    {
        text = bare(rest);
    }
    text
}

/// The text in the file at `path`: UTF-8, or UTF-16 that begins with its mark, as some editors and
/// PowerShell write it. Without the mark.
///
/// # Errors
/// The operating system's reason, or what the file is instead of text.
pub fn read_file(path: &Path) -> Result<Zeroizing<String>, Unreadable> {
    let bytes = std::fs::read(path);
    let bytes = bytes.map_err(|error| {
        let hint = why_no_file(&path.to_string_lossy());
        Unreadable(format!("cannot be read: {error}{hint}"))
    })?;
    text_of(bytes).map_err(|reason| Unreadable(reason.to_owned()))
}

/// Why a name may lead nowhere.
fn why_no_file(name: &str) -> &'static str {
    if name.starts_with('~') {
        ". Only a shell replaces `~`: write the folder out"
    } else if name.contains("://") {
        ". It takes the name of a file, not a URL"
    } else if name.starts_with('$') || name.contains("${") || name.contains("{{") {
        ". Nothing has replaced the variable in it"
    } else {
        ""
    }
}

fn text_of(bytes: Vec<u8>) -> Result<Zeroizing<String>, &'static str> {
    if let Some(units) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return utf_16(units, u16::from_le_bytes);
    }
    if let Some(units) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return utf_16(units, u16::from_be_bytes);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let mut bytes = error.into_bytes();
        // A SEQUENCE: its length is short in a key of elliptic curves, and not said by what Java writes.
        let is_der = matches!(bytes.as_slice(), [0x30, 0x77 | 0x80..=0x83, ..]);
        bytes.zeroize();
        match is_der {
            true => {
                "is binary: DER or PKCS#12, and not PEM. Turn it into PEM: `openssl x509 -inform DER \
                 -in FILE` for a certificate, `openssl pkey -inform DER -in FILE` for a private key, \
                 `openssl pkcs12 -nodes -in FILE` for PKCS#12"
            }
            false => "is not text in UTF-8",
        }
    })?;
    let text = Zeroizing::new(text);
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => Zeroizing::new(rest.to_owned()),
        None => text,
    })
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Zeroizing<String>, &'static str> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for letter in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(letter.map_err(|_| "is broken UTF-16. Save it as UTF-8")?);
    }
    match rest.is_empty() {
        true => Ok(text),
        false => Err("is broken UTF-16. Save it as UTF-8"),
    }
}

#[cfg(test)]
mod tests;
