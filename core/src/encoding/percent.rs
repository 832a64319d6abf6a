//! Percent-encoding.

use std::fmt::Write;

/// Encodes a text as one segment of a path or one value of a query: everything but RFC 3986's
/// unreserved characters.
///
/// As a segment, `.` and `..` would still be read as steps up the path; the callers refuse them.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    encoded
}
