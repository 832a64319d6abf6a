//! Base64 as Persona uses it: unpadded when written, with or without padding when read.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;
use zeroize::Zeroizing;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STRICT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
const STRICT_BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, STRICT);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

pub(crate) fn encode_base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

pub(crate) fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

/// Decodes what RFC 7515 section 2 calls base64url: without padding, and in the one way in which it is
/// written.
pub(crate) fn decode_base64url_strict(text: &str) -> Option<Vec<u8>> {
    STRICT_BASE64URL.decode(text).ok()
}

/// Decodes either alphabet, and skips the line breaks that some encoders put in.
pub(crate) fn decode_base64_any(text: &str) -> Option<Vec<u8>> {
    // It may be a secret's: no copy stays behind.
    let mut packed = Zeroizing::new(String::with_capacity(text.len()));
    packed.extend(text.chars().filter(|letter| !letter.is_ascii_whitespace()));
    BASE64
        .decode(&*packed)
        .or_else(|_| BASE64URL.decode(&*packed))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_optional_and_both_alphabets_open_a_claim() {
        assert_eq!(encode_base64url(&[0xfb, 0xff]), "-_8");
        assert_eq!(decode_base64url("-_8"), decode_base64url("-_8="));
        assert_eq!(decode_base64url("+/8"), None);
        for text in ["-_8", "-_8=", "+/8", "+/8=", "+/\n8="] {
            assert_eq!(decode_base64_any(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decode_base64_any("+_8"), None);
    }

    #[test]
    fn strictly_there_is_one_text_for_some_bytes() {
        assert_eq!(decode_base64url_strict("-_8"), Some(vec![0xfb, 0xff]));
        for text in ["-_8=", "+/8", "-_9", "-_ 8", "-_8\n", "-"] {
            assert_eq!(decode_base64url_strict(text), None, "{text}");
        }
    }
}
