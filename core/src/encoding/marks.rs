//! Signs that nobody sees.

/// Whether this is a sign without any width, which editors, pages and word processors leave in a text.
pub(crate) fn is_invisible(sign: char) -> bool {
    matches!(
        sign,
        // A soft hyphen, joiners and spaces of no width, signs of direction, and the byte order mark.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}
