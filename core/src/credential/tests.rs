use super::*;
use crate::secret::os_random;

#[test]
fn a_secret_does_not_show_in_debug() {
    let key = ApiKey::parse("persona_sandbox_canary").unwrap();
    let secret = RelaySecret::parse("canary").unwrap();
    let once = IdempotencyKey::random(&mut os_random());
    let seal = SealKey::new([7; 32]);
    let shown = format!("{key:?} {secret:?} {once:?} {seal:?}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains(once.expose()), "{shown}");
    assert!(!shown.contains('7'), "{shown}");
}

#[test]
fn a_key_that_could_smuggle_a_header_is_refused_without_being_repeated() {
    for bad in ["", "canary\nkey", "canary key", "canary\u{7f}", "canaryé"] {
        let error = ApiKey::parse(bad).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(!error.to_string().contains("canary"));
    }
    for bad in [
        "",
        "canary\n",
        "canary key",
        "canary\u{7f}",
        "canaryé",
        "\tcanary",
    ] {
        let error = RelaySecret::parse(bad).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(!error.to_string().contains("canary"));
    }
    assert!(ApiKey::parse("k".repeat(513)).is_err());
    assert!(ApiKey::parse("k".repeat(512)).is_ok());
}

#[test]
fn sealed_state_opens_only_with_its_key_and_context_and_unchanged() {
    let rng = &mut os_random();
    let key = SealKey::random(rng);
    let sealed = key.seal(b"state", b"context", rng);
    assert_eq!(&key.open(&sealed, b"context").unwrap()[..], b"state");
    assert!(key.open(&sealed, b"other").is_err());
    assert!(SealKey::random(rng).open(&sealed, b"context").is_err());
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(key.open(&changed, b"context").is_err());
    }
    assert!(key.open(&sealed[..5], b"context").is_err());
}

/// What is read as this key, and what is refused with these words and without a word of it.
fn check_forms(
    read: impl Fn(&str) -> Result<String>,
    meant: &str,
    good: &[String],
    bad: &[(String, &str)],
) {
    let mut wrong = Vec::new();
    for given in good {
        match read(given) {
            Ok(key) if key == meant => {}
            other => wrong.push(format!("{given:?}: {other:?}")),
        }
    }
    for (given, words) in bad {
        match read(given) {
            Ok(key) => wrong.push(format!("{given:?}, to be refused ({words}): {key:?}")),
            Err(error) => {
                let said = error.to_string();
                let is_told = error.code() == "invalid_argument" && said.contains(words);
                if !is_told || said.contains("canary") || said.contains(&meant[..12]) {
                    wrong.push(format!("{given:?}, to be refused ({words}): {said}"));
                }
            }
        }
    }
    let count = good.len() + bad.len();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn api_keys_are_read_as_meant_or_refused_truly() {
    let key = "persona_sandbox_canary-0123456789";
    let forms = |forms: &[&str]| -> Vec<String> {
        forms.iter().map(|form| form.replace('¤', key)).collect()
    };
    let good = forms(&[
        "¤",
        "¤\n",
        "¤\r\n",
        " ¤\t",
        "\u{feff}¤",
        "\u{200b}¤\u{a0}",
        "¤\u{2028}",
        "\"¤\"",
        "'¤'\n",
        "\" ¤ \"",
        "`¤`",
        "“¤”",
        "„¤“",
        "«¤»",
        "\\\"¤\\\"",
        "¤\\n",
        "\"¤\\r\\n\"",
    ]);
    let bad: Vec<(String, &str)> = [
        ("", "is empty"),
        ("\"\"", "is empty"),
        (" \u{feff}\n", "is empty"),
        ("Bearer ¤", "`Bearer`"),
        ("bearer ¤", "`Bearer`"),
        ("Bearer: ¤", "`Bearer`"),
        ("Authorization: Bearer ¤", "whole line of a header"),
        ("RELAYPASS_API_KEY=¤", "give what follows the `=`"),
        (
            "export RELAYPASS_API_KEY=\"¤\"",
            "give what follows the `=`",
        ),
        ("export KEY1=¤", "give what follows the `=`"),
        ("$env:RELAYPASS_API_KEY=\"¤\"", "give what follows the `=`"),
        ("RELAYPASS_API_KEY: ¤", "give what follows the `=`"),
        ("{\"api_key\": \"¤\"}", "is JSON"),
        ("[\"¤\"]", "is JSON"),
        ("$RELAYPASS_API_KEY", "nothing has replaced"),
        ("${RELAYPASS_API_KEY}", "nothing has replaced"),
        ("%RELAYPASS_API_KEY%", "nothing has replaced"),
        ("{{ .Values.apiKey }}", "nothing has replaced"),
        ("$(cat key)", "nothing has replaced"),
        ("<%= ENV['KEY'] %>", "nothing has replaced"),
        ("<your API key>", "gap that was to be filled"),
        ("[API_KEY]", "gap that was to be filled"),
        ("op://vault/persona/key", "nothing has fetched it"),
        (
            "arn:aws:secretsmanager:eu-west-1:1:secret:x",
            "nothing has fetched it",
        ),
        ("@Microsoft.KeyVault(SecretUri=x)", "nothing has fetched it"),
        ("********", "is masked"),
        ("••••••••", "is masked"),
        ("persona_sandbox_...", "shortened with dots"),
        ("persona_sandbox_…", "shortened with dots"),
        ("persona_sandbox_", "is cut off"),
        ("api_key=¤", "one key alone"),
        ("KEY=¤", "one key alone"),
        ("¤,¤", "one key alone"),
        ("¤¤", "one key alone"),
        ("¤,", "comma or semicolon"),
        ("¤;", "comma or semicolon"),
        ("\"¤\",", "comma or semicolon"),
        ("\"¤", "a quote in it"),
        ("¤\"", "a quote in it"),
        ("'¤','¤'", "has quotes around it and within"),
        ("¤ # the key of our shop", "has a blank in it"),
        ("¤ ¤", "has a blank in it"),
        ("¤\n¤", "has a line break in it"),
        ("¤\u{a0}¤", "has a blank in it"),
        ("persona_sand\u{200b}box_canary", "nobody sees"),
        ("persona_sandbox_\u{1b}[0mcanary", "control character"),
        ("persona_sandbox_cänary", "outside ASCII"),
        ("persona_sandbox\u{ff3f}canary", "outside ASCII"),
        ("persona%5Fsandbox%5Fcanary", "percent-encoded"),
        ("persona\\_sandbox\\_canary", "backslash"),
        ("https://app.withpersona.com/canary", "is a URL"),
        ("/run/secrets/canary", "name of a file"),
        ("~/canary", "name of a file"),
        ("-----BEGIN PRIVATE ¤-----\ncanary", "in PEM"),
    ]
    .map(|(form, words)| (form.replace('¤', key), words))
    .into();
    check_forms(
        |text| ApiKey::parse(text).map(|key| key.expose().to_owned()),
        key,
        &good,
        &bad,
    );
}

#[test]
fn seal_keys_are_read_as_meant_or_refused_truly() {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
    use base64::Engine;

    let bytes = [0xfb; SealKey::LEN];
    let key = STANDARD.encode(bytes);
    let good = [
        key.clone(),
        format!("{key}\n"),
        format!(" {key}\r\n"),
        format!("\u{feff}{key}"),
        format!("\"{key}\""),
        format!("'{key}'"),
        format!("“{key}”"),
        format!("{key}\\n"),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE.encode(bytes),
        format!("{}\n{}", &key[..20], &key[20..]),
    ];
    let bad = [
        (String::new(), "is empty"),
        ("''".to_owned(), "is empty"),
        ("fb".repeat(32), "this is hexadecimal"),
        (format!("0x{}", "FB".repeat(32)), "this is hexadecimal"),
        (format!("base64:{key}"), "`base64:`"),
        (STANDARD.encode(&key), "encoded twice"),
        (STANDARD.encode(format!("{key}\n")), "encoded twice"),
        (STANDARD.encode([1; 31]), "has 31 bytes"),
        (STANDARD.encode([1; 33]), "has 33 bytes"),
        (STANDARD.encode([1; 16]), "has 16 bytes"),
        (format!("{key}{key}"), "no whole base64"),
        (key[1..].to_owned(), "no whole base64"),
        (format!("{};", &key), "separated by commas"),
        (
            format!("RELAYPASS_SEAL_KEY={key}"),
            "give what follows the `=`",
        ),
        (
            format!("export SEAL_KEY={key}"),
            "give what follows the `=`",
        ),
        (format!("{{\"key\": \"{key}\"}}"), "is JSON"),
        ("$RELAYPASS_SEAL_KEY".to_owned(), "nothing has replaced"),
        ("${SEAL_KEY}".to_owned(), "nothing has replaced"),
        ("openssl rand -base64 32".to_owned(), "has a blank in it"),
        (
            "$(openssl rand -base64 32)".to_owned(),
            "nothing has replaced",
        ),
        ("a password of the canary".to_owned(), "has a blank in it"),
        ("correct!horse".to_owned(), "base64 does not have"),
        ("schlüssel".to_owned(), "outside ASCII"),
        ("-----BEGIN PRIVATE KEY-----\ncanary".to_owned(), "in PEM"),
        ("************".to_owned(), "is masked"),
        ("op://vault/seal".to_owned(), "nothing has fetched it"),
        (format!("{}...", &key[..14]), "shortened with dots"),
    ];
    let sealed = SealKey::new(bytes).seal(b"text", b"", &mut os_random());
    check_forms(
        |text| {
            SealKey::parse(text).map(|read| match read.open(&sealed, b"") {
                Ok(_) => key.clone(),
                Err(_) => "another".to_owned(),
            })
        },
        &key,
        &good,
        &bad,
    );
}

#[test]
fn what_programs_hand_over_is_taken_as_it_is_or_refused_truly() {
    let long = "x".repeat(129);
    for (text, words) in [
        ("", "is empty"),
        (long.as_str(), "longer than 128"),
        ("canary\n", "line break at its end: take it off"),
        ("canary\r\n", "line break at its end: take it off"),
        ("canary\ncanary", "line break in it"),
        ("canary ", "blank at its end"),
        ("canary\u{a0}", "blank at its end"),
        (" canary", "blank at its beginning"),
        ("canary canary", "blank in it"),
        ("\u{feff}canary", "nobody sees"),
        ("canary\u{200d}", "nobody sees"),
        ("canary\u{0}", "control character"),
        ("canary\u{85}", "blank at its end"),
        ("canäry", "outside ASCII"),
    ] {
        let error = check_visible(text, "the reference", 128).unwrap_err();
        assert!(error.message().starts_with("The reference "), "{error}");
        assert!(error.message().contains(words), "{text:?}: {error}");
        assert!(!error.message().contains("canary"), "{error}");
    }
}
