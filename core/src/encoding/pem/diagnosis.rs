//! What a text is that is no PEM, and how it becomes PEM.

/// Hyphens, and what word processors make of them.
const DASHES: [char; 7] = [
    '-', '\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}',
];

/// So far behind BEGIN the name of a key or certificate is looked for.
const LONGEST_WORDS: usize = 60;

/// Whether somebody meant a BEGIN or END line: dashes, the word, and what keys and certificates are
/// called. "--- BEGIN of our own list ---" is none.
pub(super) fn looks_like_a_marker(text: &str) -> bool {
    text.lines().any(|line| {
        let capitals = line.to_ascii_uppercase();
        let means_a_key = |after: &str| {
            let after: String = after.chars().take(LONGEST_WORDS).collect();
            ["KEY", "CERTIFICATE", "X509"]
                .iter()
                .any(|name| after.contains(name))
        };
        ["BEGIN", "END"].iter().any(|word| {
            capitals.match_indices(word).any(|(at, _)| {
                let after = &capitals[at + word.len()..];
                // What follows a hyphen and stands alone: no "WEEK-END", no "BEGINNING".
                capitals[..at].trim_end().ends_with(DASHES)
                    && after.starts_with(char::is_whitespace)
                    && means_a_key(after)
            })
        })
    })
}

/// What a text without any BEGIN is, and what helps.
pub(super) fn what_it_is_instead(text: &str) -> &'static str {
    let text = text.trim_matches(super::is_around);
    let begins = |with: &str| text.starts_with(with);
    if text.is_empty() {
        "is empty, or all of it is commented out"
    } else if begins("{{") || begins("$") || begins("<%") {
        "is the name of a variable or a template that nothing has replaced"
    } else if begins("{") {
        "is a JWK or other JSON, and not in PEM"
    } else if text.contains('\0') {
        "is text in UTF-16. Save it as UTF-8"
    } else if begins("ssh-") || begins("ecdsa-sha2-") {
        "is a public key in the format of OpenSSH. `ssh-keygen -e -m PKCS8 -f FILE` writes it in PEM"
    } else if begins("PuTTY-User-Key-File") {
        "is a key in the format of PuTTY. PuTTYgen exports it as OpenSSH key, and `ssh-keygen -p -m PKCS8 \
         -f FILE` turns that into PEM"
    } else if text.contains("%20") || text.contains("%0A") || text.contains("%2F") {
        "is percent-encoded. Decode it first"
    } else if begins("MII")
        && text
            .chars()
            .all(|letter| super::is_base64(letter) || letter == '=' || letter.is_whitespace())
    {
        "has no BEGIN and END lines, which say what it is"
    } else if begins("<") {
        "is XML, and not in PEM"
    } else {
        "is not in PEM, which begins with -----BEGIN. Give the text itself, not the name of its file"
    }
}

/// What a letter that is not of base64 says about the text.
pub(super) fn what_is_wrong_with(letter: char) -> &'static str {
    match letter {
        '.' | '…' => "is shortened with dots",
        '*' | '•' | '●' => "is masked",
        ':' => "has header lines",
        '>' => "has lines that are quoted as in a mail",
        '%' => "is percent-encoded",
        '-' | '_' => "is in base64url, which PEM is not,",
        '=' => {
            "has an equals sign in the middle, where two texts were joined or a mail was broken,"
        }
        '\0' => "is text in UTF-16",
        '[' | '<' | '{' | '$' | '(' => "has a gap that was to be filled",
        '\\' => "has a backslash that escapes nothing",
        _ => "has a character that base64 does not have",
    }
}
