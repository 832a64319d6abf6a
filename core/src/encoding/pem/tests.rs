//! What is read, and how long it takes; what is not is in `refused`.

mod refused;

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
        ("lines added up, the plus before", around("+ \"", "\\n\"")),
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
