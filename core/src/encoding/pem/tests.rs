use super::*;

/// One DER element of 100 bytes, which takes three lines.
fn der() -> Vec<u8> {
    let mut der = vec![0x30, 98];
    der.extend((0..98).map(|number: u8| number.wrapping_mul(37)));
    der
}

fn pem(label: &str) -> String {
    use rsa::pkcs8::der::pem::{encode_string, LineEnding};
    encode_string(label, LineEnding::LF, &der()).unwrap()
}

fn labels(text: &str) -> Vec<String> {
    let sections = read(text).unwrap_or_else(|Fault(reason)| panic!("{reason}"));
    for section in &sections {
        assert_eq!(**section.der().unwrap(), der());
    }
    sections
        .iter()
        .map(|section| section.label().to_owned())
        .collect()
}

fn reason(text: &str) -> String {
    match read(text) {
        Err(Fault(reason)) => reason,
        Ok(sections) => {
            let broken = sections.iter().find_map(|section| section.der().err());
            broken.expect("nothing is wrong with it").0
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn what_is_meant_without_doubt_is_read() {
    let (one, other) = (pem("PRIVATE KEY"), pem("CERTIFICATE"));
    let glued = format!("{}{other}", one.trim_end());
    let body = one.lines().nth(1).unwrap();
    let indent = |by: &str| {
        one.lines()
            .map(|line| format!("{by}{line}\n"))
            .collect::<String>()
    };
    let around = |before: &str, after: &str| {
        one.lines()
            .map(|line| format!("{before}{line}{after}\n"))
            .collect::<String>()
    };
    for (name, text) in [
        ("as it is", one.clone()),
        ("a byte order mark", format!("\u{feff}{one}")),
        (
            "a mark between two files",
            format!("# {other}\u{feff}{one}").replace(&other, "x\n"),
        ),
        ("CRLF", one.replace('\n', "\r\n")),
        ("CR alone", one.replace('\n', "\r")),
        ("no line end at the end", one.trim_end().to_owned()),
        ("blanks and lines around", format!("\n \t\n{one}\n\n  ")),
        ("blanks at line ends", around("", "  \t")),
        ("empty lines between", around("", "\n")),
        ("line breaks as \\n", one.replace('\n', "\\n")),
        ("line breaks as \\r\\n", one.replace('\n', "\\r\\n")),
        ("escaped twice", one.replace('\n', "\\\\n")),
        ("escaped, and real ones", one.replace('\n', "\\n\n")),
        (
            "slashes escaped, as PHP does",
            one.replace('/', "\\/").replace('\n', "\\n"),
        ),
        ("blanks for line breaks", one.replace('\n', " ")),
        ("nothing for line breaks", one.replace('\n', "")),
        (
            "lines of 76",
            one.replacen('\n', "", 2)
                .replacen("KEY-----", "KEY-----\n", 1),
        ),
        ("double quotes", format!("\"{one}\"")),
        ("single quotes", format!("'{}'", one.trim_end())),
        (
            "quotes that are escaped",
            format!("\\\"{}\\\"", one.replace('\n', "\\n")),
        ),
        (
            "JSON",
            format!("{{\"key\": \"{}\"}}", one.replace('\n', "\\n")),
        ),
        (
            "a line of .env",
            format!("export KEY=\"{}\"\n", one.replace('\n', "\\n")),
        ),
        ("YAML", format!("key: |\n{}other: 1\n", indent("    "))),
        ("indented", indent("  ")),
        ("indented by tabs", indent("\t")),
        (
            "indented body alone",
            one.replace(body, &format!("  {body}")),
        ),
        ("indented END alone", one.replace("-----END", "   -----END")),
        ("no-break spaces", indent("\u{a0}")),
        (
            "zero-width spaces",
            one.replace(body, &format!("\u{200b}{body}\u{200b}")),
        ),
        ("lines quoted one by one", around("\"", "\\n\"")),
        ("lines added up, as in Java", around("\"", "\\n\" +")),
        ("lines of an array", around("  \"", "\",")),
        ("lines that a shell goes on with", around("", "\\")),
        ("base64 of it", base64(&one)),
        ("base64 of it, in lines", base64(&one).replace('K', "K\n")),
        ("base64 of it, in quotes", format!("\"{}\"\n", base64(&one))),
        (
            "Bag Attributes",
            format!("Bag Attributes\n    friendlyName: x-END\nKey: <None>\n{one}"),
        ),
        (
            "words after it",
            format!("{one}\nof our shop, since 2024\n"),
        ),
        (
            "a comment of dashes",
            format!("--- BEGIN of our list ---\n{one}--- END of it ---\n"),
        ),
        (
            "another one commented out",
            format!(
                "{}{one}",
                other
                    .replace("\n", "\n#")
                    .replacen("-----BEGIN", "#-----BEGIN", 1)
                    .trim_end_matches('#')
            ),
        ),
        ("padding left out", one.replace('=', "")),
        (
            "a label in small letters",
            one.replace("PRIVATE KEY", "private key"),
        ),
        (
            "two blanks in the label",
            one.replace("PRIVATE KEY", "PRIVATE  KEY"),
        ),
    ] {
        assert_eq!(labels(&text), ["PRIVATE KEY"], "{name}");
    }
    for (name, text) in [
        ("two", format!("{one}{other}")),
        ("glued", glued.clone()),
        ("glued, with CRLF", glued.replace('\n', "\r\n")),
        ("glued by a blank", format!("{} {other}", one.trim_end())),
        ("glued, with \\n", glued.replace('\n', "\\n")),
        (
            "words between",
            format!("{one}\nsubject=/CN=x\nissuer=/CN=END\n\n{other}"),
        ),
        ("a mark between", format!("{one}\u{feff}{other}")),
        ("on one line", format!("{one}{other}").replace('\n', " ")),
        (
            "one in quotes each",
            format!("\"{}\",\n\"{}\"", one.trim_end(), other.trim_end()),
        ),
    ] {
        assert_eq!(labels(&text), ["PRIVATE KEY", "CERTIFICATE"], "{name}");
    }
}

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

#[test]
fn a_hostile_text_takes_no_longer_than_its_length() {
    // Each would take minutes if every BEGIN looked at all that follows it.
    for text in [
        "-----BEGIN",
        "-----BEGIN A-----",
        "-----",
        "#\n",
        "- BEGIN ",
        "\\",
    ] {
        let text = text.repeat(1 << 20 >> 3);
        let begun = std::time::Instant::now();
        assert!(read(&text).is_err());
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(20),
            "{}",
            &text[..8]
        );
    }
}
