use rsa::pkcs8::der::pem::{encode_string, LineEnding};

use super::super::{generate_key_pair, DecryptionKey, EncryptionKey};
use super::*;

const RSA_BYTES: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

fn pem(label: &str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    pem::read(pem).unwrap()[0].der().unwrap().to_vec()
}

/// The same key under another algorithm of the same family.
fn under(der: &[u8], last: u8) -> Vec<u8> {
    let at = der
        .windows(9)
        .position(|window| window == RSA_BYTES)
        .unwrap();
    let mut changed = der.to_vec();
    changed[at + 8] = last;
    changed
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag, 0x82];
    element.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    element.extend(content);
    element
}

fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    let info = PrivateKeyInfoRef::try_from(pkcs8).unwrap();
    info.private_key.as_bytes().to_vec()
}

/// It says that it has a third prime.
fn of_three_primes(pkcs1: &[u8]) -> Vec<u8> {
    let mut content = pkcs1[4..].to_vec();
    assert_eq!(content[..3], [0x02, 0x01, 0x00]);
    content[2] = 1;
    content.extend([0x30, 0x0b, 0x30, 0x09, 2, 1, 3, 2, 1, 1, 2, 1, 1]);
    element(0x30, &content)
}

/// Numbers of 1024 bits, in the place of a key's.
fn short() -> (Vec<u8>, Vec<u8>) {
    // DER wants lengths in as few bytes as they need.
    let number = |len: u8| {
        [
            &[0x02, 0x81, len + 1, 0x00][..],
            &vec![0xff; usize::from(len)],
        ]
        .concat()
    };
    let (n, e) = (number(128), vec![0x02, 0x03, 0x01, 0x00, 0x01]);
    let public = [n.clone(), e.clone()].concat();
    let public = [
        &[0x30, 0x81, u8::try_from(public.len()).unwrap()][..],
        &public,
    ]
    .concat();
    let small = [0x02, 0x01, 0x03];
    let rest = [number(128), small.repeat(5)].concat();
    let private = [vec![0x02, 0x01, 0x00], n, e, rest].concat();
    (public, element(0x30, &private))
}

#[test]
fn one_key_is_found_whatever_stands_around_it() {
    let key = generate_key_pair(2048).unwrap();
    let private = key.to_pem().expose().clone();
    let public = key.encryption_key().as_pem().to_owned();
    let of_one_prime_pair = pem("RSA PRIVATE KEY", &pkcs1(&der(&private)));
    let certificate = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    for text in [
        private.clone(),
        of_one_prime_pair.clone(),
        // Labels of the other form.
        private.replace("PRIVATE", "RSA PRIVATE"),
        of_one_prime_pair.replace("RSA ", ""),
        format!("{certificate}{private}"),
        format!("{private}{certificate}{certificate}"),
        format!("{public}{private}"),
        private.replace('\n', "\\n"),
        private.replace('\n', " "),
        format!("\"{private}\""),
        private.lines().map(|line| format!("  {line}\n")).collect(),
        format!("\u{feff}{private}"),
    ] {
        let read = DecryptionKey::from_pem(&text).unwrap();
        assert_eq!(read.encryption_key(), key.encryption_key());
    }
    let pkcs1 = pem("RSA PUBLIC KEY", &der(&public)[24..]);
    for text in [
        public.clone(),
        pkcs1.clone(),
        pkcs1.replace("RSA ", ""),
        public.replace("PUBLIC", "RSA PUBLIC"),
        format!("{certificate}{public}"),
        public.replace('\n', "\\r\\n"),
        format!("'{}'", public.replace('\n', " ")),
    ] {
        assert_eq!(
            &EncryptionKey::from_pem(&text).unwrap(),
            key.encryption_key()
        );
    }
}

#[test]
fn both_halves_are_refused_for_the_same_true_reasons() {
    let key = generate_key_pair(2048).unwrap();
    let private = der(key.to_pem().expose());
    let public = der(key.encryption_key().as_pem());
    let (short_public, short_private) = short();
    for (words, private, public) in [
        (
            "RSASSA-PSS",
            under(&private, 0x0a),
            Some(under(&public, 0x0a)),
        ),
        (
            "RSAES-OAEP",
            under(&private, 0x07),
            Some(under(&public, 0x07)),
        ),
        (
            "another algorithm",
            under(&private, 0x63),
            Some(under(&public, 0x63)),
        ),
        ("has 1024 bits", short_private, Some(short_public)),
        (
            "more than two primes",
            of_three_primes(&pkcs1(&private)),
            None,
        ),
    ] {
        let error = DecryptionKey::from_pem(&pem("PRIVATE KEY", &private)).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().contains(words), "{error}");
        if let Some(public) = public {
            let error = EncryptionKey::from_pem(&pem("PUBLIC KEY", &public)).unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
    }
}

#[test]
fn what_is_no_private_key_is_called_what_it_is() {
    let key = generate_key_pair(2048).unwrap();
    let private = key.to_pem().expose().clone();
    let public = key.encryption_key().as_pem();
    let canary = private.lines().nth(5).unwrap()[..32].to_owned();
    let curve = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAQEAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBoAoGCCqGSM49\nAwEHoUQDQgAEMKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D7gS2XpJFbZ\niItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw==\n-----END EC PRIVATE KEY-----\n";
    for (text, words) in [
        (
            private.replace("PRIVATE", "ENCRYPTED PRIVATE"),
            "passphrase",
        ),
        (
            private.replacen(
                '\n',
                "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n",
                1,
            ),
            "passphrase",
        ),
        (
            private.replace("PRIVATE", "OPENSSH PRIVATE"),
            "ssh-keygen -p -m PKCS8",
        ),
        (format!("{private}{private}"), "several private keys"),
        (public.to_owned(), "is a public key"),
        (
            public.replace("PUBLIC KEY", "CERTIFICATE"),
            "is a certificate",
        ),
        (
            private.replace("PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
            "but PGP PRIVATE KEY BLOCK",
        ),
        (curve.to_owned(), "elliptic curve"),
        (private.replacen(&canary, "", 1), "lines missing"),
        (private.replacen(&canary, "...", 1), "shortened with dots"),
        (private[..private.len() / 2].to_owned(), "no END line"),
        ("x".repeat(70_000), "too long"),
        (
            "/run/secrets/key.pem".to_owned(),
            "not the name of its file",
        ),
    ] {
        let error = DecryptionKey::from_pem(&text).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().contains(words), "{words}: {error}");
        assert!(!format!("{error} {error:?}").contains(&canary), "{words}");
    }
    let error = EncryptionKey::from_pem(&public.replace("PUBLIC KEY", "CERTIFICATE")).unwrap_err();
    assert!(error.message().contains("openssl x509"), "{error}");
}

/// Base64 as `base64 -w0` writes it.
fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The key that every table here begins with.
static KEY: std::sync::LazyLock<DecryptionKey> =
    std::sync::LazyLock::new(|| generate_key_pair(2048).unwrap());

/// JSON with one member changed, or without it.
fn with(jwk: &str, name: &str, value: serde_json::Value) -> String {
    let mut members: serde_json::Map<_, _> = serde_json::from_str(jwk).unwrap();
    match value {
        serde_json::Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    serde_json::to_string(&members).unwrap()
}

/// As `jq .` writes it.
fn pretty(jwk: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(jwk).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn keys_are_read_as_meant_in_every_wrapping() {
    let (pem, jwk) = (KEY.to_pem().expose().clone(), KEY.to_jwk().expose().clone());
    let escaped = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let n = serde_json::from_str::<serde_json::Value>(&jwk).unwrap()["n"].clone();
    let n = n.as_str().unwrap();
    for (name, text) in [
        ("JWK", jwk.clone()),
        ("JWK, pretty", pretty(&jwk)),
        ("JWK, pretty, CRLF", pretty(&jwk).replace('\n', "\r\n")),
        ("JWK, a mark before it", format!("\u{feff}{jwk}")),
        ("JWK, blanks around", format!(" \n\t{jwk}\r\n")),
        ("JWK, in typographic quotes", format!("“{jwk}”")),
        ("JWK, in single quotes", format!("'{jwk}'\n")),
        ("JWK, in backticks", format!("`{jwk}`")),
        ("JWK, escaped", escaped(&jwk)),
        (
            "JWK, as a text of JSON",
            serde_json::to_string(&jwk).unwrap(),
        ),
        (
            "JWK, pretty, as a text of JSON",
            serde_json::to_string(&pretty(&jwk)).unwrap(),
        ),
        (
            "JWK, pretty, escaped line ends",
            pretty(&jwk).replace('\n', "\\n"),
        ),
        ("JWK, in base64", base64(&jwk)),
        ("JWK, pretty, in base64", base64(&pretty(&jwk))),
        ("JWK, in base64, in lines", base64(&jwk).replace('Q', "Q\n")),
        (
            "JWK, in base64, in quotes",
            format!("\"{}\"\n", base64(&jwk)),
        ),
        (
            "JWK, in base64 without padding",
            base64(&jwk).replace('=', ""),
        ),
        (
            "JWK, its n in lines",
            jwk.replace(n, &format!("{}\n{}", &n[..64], &n[64..])),
        ),
        ("JWK, with a name", with(&jwk, "kid", "2026".into())),
        (
            "JWK, without alg and use",
            with(&with(&jwk, "alg", ().into()), "use", ().into()),
        ),
        (
            "JWK, with what others write",
            with(&jwk, "ext", true.into()),
        ),
        ("PEM", pem.clone()),
        (
            "PEM, as a text of JSON",
            serde_json::to_string(&pem).unwrap(),
        ),
        ("PEM, in base64", base64(&pem)),
        ("PEM, in base64, in quotes", format!("'{}'", base64(&pem))),
        (
            "PEM, in a line of a file of variables",
            format!("DECRYPTION_KEY=\"{}\"", escaped(&pem)),
        ),
        (
            "PEM, in YAML",
            format!(
                "key: |\n{}",
                pem.replace("\n", "\n  ").replacen('-', "  -", 1)
            ),
        ),
        (
            "PEM, in JSON",
            format!("{{\"private_key\": \"{}\"}}", escaped(&pem)),
        ),
    ] {
        match DecryptionKey::parse(&text) {
            Ok(read) => assert_eq!(read.encryption_key(), KEY.encryption_key(), "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn what_is_no_key_is_refused_truly() {
    let jwk = KEY.to_jwk().expose().clone();
    let members: serde_json::Value = serde_json::from_str(&jwk).unwrap();
    let (n, d) = (
        members["n"].as_str().unwrap(),
        members["d"].as_str().unwrap(),
    );
    let canary = &d[8..40];
    for (words, text) in [
        ("is empty", String::new()),
        ("is empty", "\"\"".to_owned()),
        (
            "not the name of its file",
            "/run/secrets/key.jwk".to_owned(),
        ),
        ("nothing has replaced", "$DECRYPTION_KEY".to_owned()),
        ("nothing has replaced", "${DECRYPTION_KEY}".to_owned()),
        ("nothing has replaced", "{{ .Values.key }}".to_owned()),
        ("typographic", jwk.replace('"', "”")),
        ("quotes are single", jwk.replace('"', "'")),
        (
            "names are without quotes",
            jwk.replace("\"kty\"", "kty")
                .replacen("{\"", "{kty: \"RSA\", \"", 1),
        ),
        ("is cut off", jwk[..jwk.len() - 1].to_owned()),
        ("is cut off", jwk[..jwk.len() / 2].to_owned()),
        ("shortened with dots", jwk.replace(&d[40..], "...")),
        ("shortened with dots", jwk.replace(&d[40..], "…")),
        ("stands after its last }", format!("{jwk},")),
        ("stands after its last }", format!("{jwk};")),
        ("stands after its last }", format!("{jwk} // ours")),
        ("comma before its last }", jwk.replace('}', ",}")),
        ("a comment", jwk.replacen('{', "{/* ours */", 1)),
        (
            "names a member twice",
            jwk.replacen('{', "{\"kty\":\"RSA\",", 1),
        ),
        ("set of keys", format!("{{\"keys\":[{jwk}]}}")),
        ("give that member alone", format!("{{\"key\":{jwk}}}")),
        ("it has no kty", with(&jwk, "kty", ().into())),
        ("on a curve", with(&jwk, "kty", "EC".into())),
        ("on a curve", with(&jwk, "kty", "OKP".into())),
        ("symmetric", with(&jwk, "kty", "oct".into())),
        ("kty is not RSA", with(&jwk, "kty", "rsa".into())),
        ("alg is not RSA-OAEP-256", with(&jwk, "alg", "RS256".into())),
        ("use is not enc", with(&jwk, "use", "sig".into())),
        (
            "for something else",
            with(&jwk, "key_ops", serde_json::json!(["sign"])),
        ),
        ("it has no n", with(&jwk, "n", ().into())),
        ("its n is empty", with(&jwk, "n", "".into())),
        ("its e is no text", with(&jwk, "e", 65537.into())),
        ("it has no q", with(&jwk, "q", ().into())),
        ("public key", with(&jwk, "d", ().into())),
        ("not in base64url", with(&jwk, "n", format!("{n}==").into())),
        (
            "not in base64url",
            with(&jwk, "n", n.replace('-', "+").replace('_', "/").into()),
        ),
        (
            "has a blank in it",
            with(&jwk, "n", format!("{} {}", &n[..9], &n[9..]).into()),
        ),
        ("masked", with(&jwk, "d", "********".into())),
        ("no base64url number", with(&jwk, "n", "ß".into())),
        (
            "do not belong together",
            with(&jwk, "d", members["p"].clone()),
        ),
        ("not JSON", jwk.replacen("\":\"", "\"\"", 1)),
        ("XML", "<RSAKeyValue><Modulus>x".to_owned()),
        ("OpenSSH", "ssh-rsa AAAAB3Nza x@y".to_owned()),
        ("no BEGIN and END", base64("x").replace("eA==", "MIIEvQ==")),
        ("is not in PEM", base64("somebody's password")),
    ] {
        let Err(error) = DecryptionKey::parse(&text) else {
            panic!("to be refused: {words}");
        };
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().contains(words), "{words}: {error}");
        assert!(!format!("{error} {error:?}").contains(canary), "{words}");
    }
}
