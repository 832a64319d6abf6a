//! Texts and files that people give: settings, URLs, secrets, keys, certificates. Shared with the gateway
//! and the command; not for other programs.

use std::fmt;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

/// Why a file cannot be read: what follows its name in a sentence.
#[derive(Debug)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// A setting without what stands around it: a byte order mark, blanks, line ends, and one pair of quotes,
/// which files of variables and pages leave there.
pub fn meant(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim();
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote).map(str::trim);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// The text in the file at `path`: UTF-8, or UTF-16 that begins with its mark, as some editors and
/// PowerShell write it. Without the mark.
///
/// # Errors
/// The operating system's reason, or what the file is instead of text.
pub fn read_file(path: &Path) -> Result<Zeroizing<String>, Unreadable> {
    let bytes = std::fs::read(path);
    let bytes = bytes.map_err(|error| Unreadable(format!("cannot be read: {error}")))?;
    text_of(bytes).map_err(|reason| Unreadable(reason.to_owned()))
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
        let is_der = bytes.starts_with(&[0x30, 0x82]);
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
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_value_is_taken_off() {
        for (given, text) in [
            ("x", "x"),
            ("", ""),
            (" \t", ""),
            ("\"\"", ""),
            ("' '", ""),
            ("x\r", "x"),
            ("x\n", "x"),
            ("\u{feff}x", "x"),
            ("\u{a0}x\u{a0}", "x"),
            ("\"x\"", "x"),
            ("'x'\r\n", "x"),
            ("\" x \"", "x"),
            ("\u{feff}\"x\"", "x"),
            // Quoted twice, or not at all: it means what stands there.
            ("\"'x'\"", "'x'"),
            ("\"x", "\"x"),
            ("x\"", "x\""),
            ("\"x'", "\"x'"),
            ("'", "'"),
            ("a b", "a b"),
        ] {
            assert_eq!(meant(given), text, "{given:?}");
        }
    }

    #[test]
    fn a_text_is_the_same_in_whatever_way_it_was_saved() {
        let units = |swap: bool| -> Vec<u8> {
            let units = "\u{feff}schlüssel\r\n".encode_utf16();
            units
                .flat_map(|unit| {
                    if swap {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                })
                .collect()
        };
        for bytes in [
            "schlüssel\r\n".into(),
            "\u{feff}schlüssel\r\n".into(),
            units(false),
            units(true),
        ] {
            assert_eq!(**text_of(bytes).unwrap(), *"schlüssel\r\n");
        }
    }

    #[test]
    fn what_is_no_text_is_called_what_it_is() {
        for (bytes, words) in [
            (vec![0x30, 0x82, 0x01, 0x0a, 0xff], "DER or PKCS#12"),
            (vec![0xc3, 0x28], "not text in UTF-8"),
            (vec![0xff, 0xfe, b'a'], "UTF-16"),
            (vec![0xff, 0xfe, 0x00, 0xd8], "UTF-16"),
        ] {
            assert!(text_of(bytes).unwrap_err().contains(words), "{words}");
        }
        let missing = read_file(Path::new("/no/such/file")).unwrap_err();
        assert!(missing.to_string().contains("No such file"), "{missing}");
    }
}
