//! The one reader of PEM (RFC 7468), for every text that people give: keys, certificates, in variables,
//! arguments and files.
//!
//! What is meant without doubt is read: marks at the beginning, any line ends, line breaks that were
//! written as backslash and n or lost, quotes around, indented or glued blocks, the base64 of all of
//! it. What is not is refused with the reason. Nothing is dropped: each BEGIN is read or refused. Only
//! what `#` comments out, and the text around blocks, means nothing (RFC 7468 section 2).
//!
//! Decoding is left to `pem-rfc7468`, which is constant in time: this only puts a block into the strict
//! form that it takes.

mod diagnosis;

use rsa::pkcs8::der::pem::decode_vec;
use zeroize::Zeroizing;

use super::base64::decode_base64_any;
use super::marks::is_invisible;
use diagnosis::{looks_like_a_marker, what_it_is_instead};

const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";
const DASHES: &str = "-----";
/// No label that means something is longer.
const LONGEST_LABEL: usize = 64;
/// How wide lines are in the strict form (RFC 7468 section 2).
const LINE: usize = 64;

/// A block between BEGIN and END.
pub(crate) struct Section {
    label: String,
    /// As it stood there. May be a secret.
    body: Zeroizing<String>,
    /// Which one it is, from 1.
    number: usize,
}

/// Why a text cannot be read: what follows its name in a sentence, such as `is empty`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The sections of a text, in order; at least one.
///
/// # Errors
/// The reason, without a word of the text but labels.
pub(crate) fn read(text: &str) -> Result<Vec<Section>, Fault> {
    let given = plain(text);
    if !given.contains(BEGIN) {
        if let Some(wrapped) = base64_of_pem(&given) {
            return sections(&plain(&wrapped));
        }
    }
    sections(&given)
}

/// The text without what means nothing: invisible marks, escapes of line breaks, comments.
fn plain(text: &str) -> Zeroizing<String> {
    // Room for all of it at once: a text that grew would leave copies behind.
    let mut plain = Zeroizing::new(String::with_capacity(text.len() + 1));
    let mut letters = text.chars().peekable();
    let mut line = 0;
    let end_line = |plain: &mut String, line: &mut usize| {
        if plain[*line..].trim_start().starts_with('#') {
            plain.truncate(*line);
        }
        plain.push('\n');
        *line = plain.len();
    };
    while let Some(letter) = letters.next() {
        match letter {
            // As JSON, YAML, shells and many a dashboard write line breaks, quotes and slashes.
            '\\' => match letters.peek() {
                Some('n' | 'r') => {
                    letters.next();
                    end_line(&mut plain, &mut line);
                }
                Some('t') => {
                    letters.next();
                    plain.push(' ');
                }
                Some('\\' | '/' | '"' | '\'' | '\n' | '\r') => {}
                _ => plain.push('\\'),
            },
            '\n' | '\r' => end_line(&mut plain, &mut line),
            letter if is_invisible(letter) => {}
            letter if letter.is_whitespace() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    end_line(&mut plain, &mut line);
    plain
}

/// What a Kubernetes Secret and `base64 -w0` make of PEM.
fn base64_of_pem(text: &str) -> Option<Zeroizing<String>> {
    let mut packed = Zeroizing::new(String::with_capacity(text.len()));
    packed.extend(text.chars().filter(|letter| !is_around(*letter)));
    let bytes = Zeroizing::new(decode_base64_any(&packed)?);
    let text = std::str::from_utf8(&bytes).ok()?;
    (text.contains(BEGIN)).then(|| Zeroizing::new(text.to_owned()))
}

fn sections(text: &str) -> Result<Vec<Section>, Fault> {
    let mut found: Vec<Section> = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        only_words(&rest[..begin])?;
        let number = found.len() + 1;
        let (label, after) = label(&rest[begin + BEGIN.len()..], "BEGIN", number)?;
        let here = format!("section {number} ({label})");
        let Some(end) = after.find(DASHES) else {
            return Err(Fault::new(format!(
                "is cut off: {here} has no END line. Give all of it, to the last line"
            )));
        };
        let (body, marker) = after.split_at(end);
        let Some(marker) = marker.strip_prefix(END) else {
            return Err(Fault::new(format!(
                "has {here} without its END line before the next line of dashes"
            )));
        };
        let (closing, after) = self::label(marker, "END", number)?;
        if closing != label {
            return Err(Fault::new(format!(
                "begins {here} and ends it as {closing}: something between is missing"
            )));
        }
        found.push(Section {
            label,
            body: Zeroizing::new(body.to_owned()),
            number,
        });
        rest = after;
    }
    only_words(rest)?;
    match found.is_empty() {
        true => Err(Fault::new(what_it_is_instead(text))),
        false => Ok(found),
    }
}

/// The label up to its five hyphens, and what follows.
fn label<'a>(text: &'a str, which: &str, number: usize) -> Result<(String, &'a str), Fault> {
    let broken = || {
        Fault::new(format!(
            "has a broken {which} line in section {number}: five hyphens stand on each side of it"
        ))
    };
    let end = text.find(DASHES).ok_or_else(broken)?;
    if text[..end].starts_with("%20") {
        return Err(Fault::new("is percent-encoded. Decode it first"));
    }
    let label = text[..end].split_whitespace().collect::<Vec<_>>().join(" ");
    let is_one = |letter: u8| letter.is_ascii_alphanumeric() || b" #.+/".contains(&letter);
    if label.is_empty() || label.len() > LONGEST_LABEL || !label.bytes().all(is_one) {
        return Err(broken());
    }
    Ok((label.to_ascii_uppercase(), &text[end + DASHES.len()..]))
}

/// Text around sections means nothing, unless it was to be a section.
fn only_words(text: &str) -> Result<(), Fault> {
    if text.contains(END) {
        return Err(Fault::new(
            "has an END line without its BEGIN line. Give all of it, from the first line",
        ));
    }
    match looks_like_a_marker(text) {
        true => Err(Fault::new(
            "has a BEGIN or END line that is none: it is in capitals, with five plain hyphens (-) on \
             each side",
        )),
        false => Ok(()),
    }
}

/// What may stand around base64 and means nothing.
fn is_around(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | ',')
}

impl Section {
    /// What it says it is, such as `CERTIFICATE`.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Whether only a passphrase opens it.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.label == "ENCRYPTED PRIVATE KEY" || self.body.contains("4,ENCRYPTED")
    }

    /// What it holds, decoded: one DER element, whole.
    pub(crate) fn der(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let here = format!("section {} ({})", self.number, self.label);
        let strict = self
            .strict()
            .map_err(|reason| Fault::new(format!("{reason} in {here}")))?;
        let der = decode_vec(strict.as_bytes()).map(|(_, der)| Zeroizing::new(der));
        let der = der.map_err(|_| {
            Fault::new(format!(
                "has letters missing or changed in {here}: its base64 cannot be read"
            ))
        })?;
        match der_len(&der) {
            Some(len) if len == der.len() => Ok(der),
            Some(len) if len > der.len() => Err(Fault::new(format!(
                "has lines missing in {here}: {} of {len} bytes are there",
                der.len()
            ))),
            Some(len) => Err(Fault::new(format!(
                "has {} bytes too many in {here}",
                der.len() - len
            ))),
            None => Err(Fault::new(format!(
                "holds something else than it says in {here}"
            ))),
        }
    }

    /// As RFC 7468 section 3 wants it.
    fn strict(&self) -> Result<Zeroizing<String>, &'static str> {
        let mut letters = Zeroizing::new(String::with_capacity(self.body.len() + 3));
        for line in self.body.lines() {
            let line = without_glue(line).trim_matches(is_around);
            letters.extend(line.chars().filter(|letter| !letter.is_whitespace()));
        }
        if letters.is_empty() {
            return Err("holds nothing");
        }
        let padded = letters.trim_end_matches('=').len();
        letters.truncate(padded);
        if let Some(wrong) = letters.chars().find(|letter| !is_base64(*letter)) {
            return Err(diagnosis::what_is_wrong_with(wrong));
        }
        while !letters.len().is_multiple_of(4) {
            letters.push('=');
        }
        let lines = letters.len() / LINE + 4;
        let room = letters.len() + lines + 2 * (DASHES.len() * 3 + self.label.len());
        let mut strict = Zeroizing::new(String::with_capacity(room));
        strict.push_str(&format!("{BEGIN} {}{DASHES}\n", self.label));
        let mut rest = letters.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE));
            strict.push_str(line);
            strict.push('\n');
            rest = after;
        }
        strict.push_str(&format!("{END} {}{DASHES}\n", self.label));
        Ok(strict)
    }
}

fn is_base64(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/')
}

/// A line without what only says that the text goes on: a backslash at its end, or the plus between two
/// quoted texts, on either line.
fn without_glue(line: &str) -> &str {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let line = line.trim().trim_end_matches([' ', '\\']);
    let before = line.strip_suffix('+').map(str::trim_end);
    let line = before
        .filter(|before| before.ends_with(QUOTES))
        .unwrap_or(line);
    let after = line.strip_prefix('+').map(str::trim_start);
    after
        .filter(|after| after.starts_with(QUOTES))
        .unwrap_or(line)
}

/// How long the DER element is that begins here, its head included (X.690 section 8.1.3).
fn der_len(der: &[u8]) -> Option<usize> {
    const SEQUENCE: u8 = 0x30;
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag != SEQUENCE {
        return None;
    }
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let bytes = rest
        .get(..usize::from(first & 0x7f))
        .filter(|bytes| (1..=4).contains(&bytes.len()))?;
    let len = bytes
        .iter()
        .fold(0, |len, byte| len << 8 | usize::from(*byte));
    Some(2 + bytes.len() + len)
}

#[cfg(test)]
mod tests;
