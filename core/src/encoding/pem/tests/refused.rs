//! What is no PEM is called what it is.

use super::{base64, pem, reason};

#[test]
fn what_is_not_is_refused_with_the_true_reason() {
    let one = pem("PRIVATE KEY");
    let lines: Vec<&str> = one.lines().collect();
    let body = lines[1];
    let without = |line: usize| {
        let left = lines.iter().enumerate().filter(|(at, _)| *at != line);
        left.map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    for (name, text, words) in [
        ("nothing", String::new(), "is empty"),
        ("blanks", " \n\t".to_owned(), "is empty"),
        ("a mark alone", "\u{feff}".to_owned(), "is empty"),
        (
            "all commented out",
            one.replace('\n', "\n#").replacen('-', "#-", 1),
            "commented out",
        ),
        (
            "a file's name",
            "/etc/ssl/private/key.pem".to_owned(),
            "not the name of its file",
        ),
        (
            "a variable",
            "$RELAYPASS_KEY".to_owned(),
            "nothing has replaced",
        ),
        (
            "a template",
            "{{ .Values.key }}".to_owned(),
            "nothing has replaced",
        ),
        ("a JWK", r#"{"kty":"RSA"}"#.to_owned(), "JWK"),
        (
            "an OpenSSH key",
            "ssh-rsa AAAAB3Nza x@y".to_owned(),
            "OpenSSH",
        ),
        (
            "a PuTTY key",
            "PuTTY-User-Key-File-3: ssh-rsa".to_owned(),
            "PuTTY",
        ),
        ("an XML key", "<RSAKeyValue><Modulus>".to_owned(), "XML"),
        ("UTF-16 read as UTF-8", one.replace('-', "-\0"), "UTF-16"),
        (
            "percent-encoded",
            one.replace(' ', "%20").replace('\n', "%0A"),
            "percent-encoded",
        ),
        (
            "no BEGIN and END",
            "MIIEvQ==".to_owned(),
            "no BEGIN and END",
        ),
        ("no END", without(lines.len() - 1), "no END line"),
        ("no BEGIN", without(0), "without its BEGIN"),
        (
            "cut off in the middle",
            one[..one.len() / 2].to_owned(),
            "no END line",
        ),
        (
            "BEGIN alone",
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            "no END line",
        ),
        (
            "half a BEGIN",
            "-----BEGIN PRIVATE KEY".to_owned(),
            "broken BEGIN",
        ),
        (
            "half an END",
            one.replace("END PRIVATE KEY-----", "END PRIVATE KEY"),
            "broken END",
        ),
        (
            "END of another",
            one.replace("END PRIVATE", "END PUBLIC"),
            "ends it as PUBLIC KEY",
        ),
        (
            "BEGIN twice",
            format!("{}\n{one}", lines[0]),
            "without its END line",
        ),
        (
            "four hyphens",
            one.replace("-----", "----"),
            "five plain hyphens",
        ),
        (
            "long dashes",
            one.replace("-----", "—–"),
            "five plain hyphens",
        ),
        (
            "begin in small letters",
            one.replace("BEGIN", "begin"),
            "END line without",
        ),
        (
            "all in small letters",
            one.replace("BEGIN", "begin").replace("END", "end"),
            "capitals",
        ),
        (
            "one good, one of long dashes",
            format!("{one}—–BEGIN CERTIFICATE—–\n"),
            "five plain",
        ),
        (
            "one good, one begun",
            format!("{one}{}", lines[0]),
            "section 2 (PRIVATE KEY) has no END",
        ),
        (
            "one good, one END",
            format!("{one}-----END PRIVATE KEY-----\n"),
            "without its BEGIN",
        ),
        ("no label", one.replace(" PRIVATE KEY", " "), "broken BEGIN"),
        (
            "an empty body",
            format!("{}\n{}", lines[0], lines[4.min(lines.len() - 1)]),
            "holds nothing",
        ),
        ("a line missing", without(2), "lines missing in section 1"),
        (
            "a line twice",
            one.replace(body, &format!("{body}\n{body}")),
            "bytes too many",
        ),
        (
            "a letter missing",
            one.replace(body, &body[1..]),
            "section 1",
        ),
        (
            "dots for the rest",
            one.replace(body, "MII..."),
            "shortened with dots",
        ),
        (
            "an ellipsis",
            one.replace(body, "MII…"),
            "shortened with dots",
        ),
        ("masked", one.replace(body, "********"), "masked"),
        (
            "quoted as in a mail",
            one.replace(body, &format!("> {body}")),
            "as in a mail",
        ),
        (
            "quoted-printable",
            one.replace(body, &format!("{body}=")),
            "equals sign",
        ),
        (
            "header lines",
            one.replace(body, &format!("Comment: x\n\n{body}")),
            "header lines",
        ),
        (
            "base64url",
            one.replace(body, &format!("-_{}", &body[2..])),
            "base64url",
        ),
        ("a gap", one.replace(body, "[your key]"), "gap"),
        (
            "no base64 at all",
            one.replace(body, "schlüssel"),
            "base64 does not have",
        ),
        (
            "an escape of nothing",
            one.replace(body, &format!("\\x{body}")),
            "backslash",
        ),
        (
            "base64 of something else",
            base64("somebody's password"),
            "is not in PEM",
        ),
        (
            "base64 of a half",
            base64(&one[..one.len() / 2]),
            "no END line",
        ),
    ] {
        let said = reason(&text);
        assert!(said.contains(words), "{name}: {said}");
        assert!(!said.contains(&body[..8]), "{name}: {said}");
    }
}
