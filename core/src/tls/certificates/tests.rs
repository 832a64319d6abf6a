use rcgen::{CertificateParams, KeyPair};

use super::*;

fn pair(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn count(text: &str) -> usize {
    read_certificates(text, "ca_pem").unwrap().len()
}

#[test]
fn every_certificate_is_read_or_none() {
    let ((one, key), (other, _)) = (pair("one"), pair("other"));
    assert_eq!(count(&format!("{one}{other}")), 2);
    // Without a line end between: the second was dropped.
    assert_eq!(count(&format!("{}{other}", one.trim_end())), 2);
    assert_eq!(
        count(
            &one.lines()
                .map(|line| format!("  {line}\n"))
                .collect::<String>()
        ),
        1
    );
    assert_eq!(count(&one.replace('\n', "\\n")), 1);
    // As HAProxy has it.
    assert_eq!(count(&format!("{key}{one}{other}")), 2);
    for (text, words) in [
        (
            format!("{one}{}", &other[..other.len() / 2]),
            "section 2 (CERTIFICATE) has no END line",
        ),
        (
            one.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
            "a request for a certificate",
        ),
        (
            one.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
            "openssl x509",
        ),
        (one.replace("CERTIFICATE", "PKCS7"), "openssl pkcs7"),
        (
            format!("{one}{}", other.replace("CERTIFICATE", "X509 CRL")),
            "take it out",
        ),
        (key.clone(), "holds no certificate, but a private key"),
        ("cert.pem".to_owned(), "not the name of its file"),
    ] {
        let error = read_certificates(&text, "ca_pem").unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().starts_with("ca_pem "), "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn what_cannot_be_trusted_is_counted() {
    let (one, _) = pair("one");
    let mut roots = super::super::public_authorities();
    let before = roots.len();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    let error = super::super::trust(&mut roots, &format!("{one}{no_certificate}"), "ca_pem");
    assert!(error.unwrap_err().message().contains("number 2"));
    super::super::trust(&mut roots, &one, "ca_pem").unwrap();
    assert!(roots.len() > before);
}

#[test]
fn a_servers_key_is_read_or_refused_truly() {
    let (certificate, key) = pair("one");
    for text in [
        key.clone(),
        format!("{certificate}{key}"),
        key.replace("PRIVATE", "RSA PRIVATE"),
        format!(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{key}"
        ),
        key.replace('\n', "\\n"),
    ] {
        read_private_key(&text, "the key file").unwrap();
    }
    let canary = &key.lines().nth(1).unwrap()[8..24];
    for (text, words) in [
        (certificate, "no private key, but CERTIFICATE"),
        (format!("{key}{key}"), "holds several"),
        (key.replace("PRIVATE", "ENCRYPTED PRIVATE"), "passphrase"),
        (
            key.replacen(
                '\n',
                "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
                1,
            ),
            "passphrase",
        ),
        (key.replace("PRIVATE", "OPENSSH PRIVATE"), "OpenSSH"),
        (key.replace("-----END", "-----EDN"), "END line"),
    ] {
        let error = read_private_key(&text, "the key file").unwrap_err();
        assert!(error.message().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains(canary), "{words}");
    }
}

/// Base64 as `base64 -w0` writes it.
fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn certificates_are_read_as_meant_in_every_wrapping() {
    let ((one, key), (two, _)) = (pair("one"), pair("two"));
    let der = |text: &str| read_certificates(text, "it").unwrap();
    let both: Vec<_> = [der(&one), der(&two)].concat();
    let chain = format!("{one}{two}");
    let each = |change: &dyn Fn(&str) -> String| -> String { chain.lines().map(change).collect() };
    let escaped = chain.replace('\n', "\\n");
    let body = one.lines().nth(2).unwrap();
    for (name, text) in [
        ("as it is", chain.clone()),
        ("a mark before it", format!("\u{feff}{chain}")),
        ("a mark before each", format!("\u{feff}{one}\u{feff}{two}")),
        ("CRLF", chain.replace('\n', "\r\n")),
        ("CR alone", chain.replace('\n', "\r")),
        ("no line end at the end", chain.trim_end().to_owned()),
        ("glued", format!("{}{two}", one.trim_end())),
        ("glued by a blank", format!("{} {two}", one.trim_end())),
        ("glued by a comma", format!("{},{two}", one.trim_end())),
        ("line breaks as \\n", escaped.clone()),
        ("escaped twice", chain.replace('\n', "\\\\n")),
        ("blanks for line breaks", chain.replace('\n', " ")),
        ("nothing for line breaks", chain.replace('\n', "")),
        ("indented", each(&|line| format!("    {line}\n"))),
        ("indented by tabs", each(&|line| format!("\t{line}\n"))),
        ("blanks at line ends", each(&|line| format!("{line} \t\n"))),
        ("empty lines between", each(&|line| format!("{line}\n\n"))),
        ("in quotes", format!("\"{chain}\"")),
        (
            "each in quotes",
            format!("'{}','{}'", one.trim_end(), two.trim_end()),
        ),
        ("in typographic quotes", format!("“{chain}”")),
        ("a text of JSON", format!("\"{escaped}\"")),
        (
            "an array of JSON",
            format!(
                "[\"{}\"]",
                escaped.replacen("\\n-----BEGIN", "\",\"-----BEGIN", 1)
            ),
        ),
        (
            "a list of YAML",
            format!("- |\n{}", each(&|line| format!("  {line}\n"))),
        ),
        (
            "a line of a file of variables",
            format!("export CA=\"{escaped}\""),
        ),
        ("in base64", base64(&chain)),
        ("in base64, in quotes", format!("'{}'\n", base64(&chain))),
        ("in base64, in lines", base64(&chain).replace('Q', "Q\n")),
        (
            "names before each, as openssl writes",
            format!("subject=CN=one\n{one}subject=CN=two\n{two}"),
        ),
        (
            "names and values, as `openssl x509 -text`",
            format!("Certificate:\n    Data:\n        Version: 3\n{one}{two}"),
        ),
        ("with the key before", format!("{key}{chain}")),
        ("with the key between", format!("{one}{key}{two}")),
        (
            "with an encrypted key",
            format!("{chain}{}", key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        ),
        (
            "with parameters",
            format!(
                "{chain}-----BEGIN DH PARAMETERS-----\nMAMCAQU=\n-----END DH PARAMETERS-----\n"
            ),
        ),
        (
            "X509 for a label",
            chain.replace("CERTIFICATE", "X509 CERTIFICATE"),
        ),
        (
            "small letters for a label",
            chain.replace("CERTIFICATE", "certificate"),
        ),
        ("a comment between", format!("{one}# the next\n{two}")),
        (
            "words in German between",
            format!("{one}Zwischenzertifikat für Prüfungen\n{two}"),
        ),
        ("sentences after it", format!("{chain}\nRenew in March.\n")),
        (
            "signs that nobody sees",
            chain.replace(body, &format!("\u{200b}{body}\u{ad}")),
        ),
    ] {
        match read_certificates(&text, "it") {
            Ok(read) => assert!(read == both, "{name}: {} were read", read.len()),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn what_is_no_certificate_is_refused_truly() {
    let ((one, key), (two, _)) = (pair("one"), pair("two"));
    let lines: Vec<&str> = one.lines().collect();
    let body = lines[2];
    for (words, text) in [
        ("is empty", String::new()),
        ("is empty", "\u{feff}\r\n".to_owned()),
        (
            "commented out",
            one.lines().map(|line| format!("# {line}\n")).collect(),
        ),
        (
            "not the name of its file",
            "/etc/ssl/certs/ca-certificates.crt".to_owned(),
        ),
        ("nothing has replaced", "$CA_PEM".to_owned()),
        ("nothing has replaced", "{{ .Values.ca }}".to_owned()),
        ("JSON", format!("{{\"ca\": \"{}\"}}", "x")),
        ("is not in PEM", base64("a password")),
        (
            "no BEGIN and END",
            one.lines().filter(|line| !line.contains("-----")).collect(),
        ),
        ("no END line", format!("{one}{}", &two[..two.len() - 30])),
        ("no END line", format!("{one}{}", lines[0])),
        (
            "without its BEGIN",
            format!("{one}{}", two.replacen(lines[0], "", 1)),
        ),
        ("without its END line", format!("{}\n{one}", lines[0])),
        (
            "five plain hyphens",
            format!("{one}{}", two.replace("-----", "—")),
        ),
        ("five plain hyphens", two.replace("-----", "----")),
        (
            "lines missing in section 2",
            format!("{two}{}", one.replacen(&format!("{body}\n"), "", 1)),
        ),
        (
            "too many in section 1",
            one.replacen(body, &format!("{body}\n{body}"), 1),
        ),
        ("shortened with dots", one.replacen(body, "...", 1)),
        ("masked", one.replacen(body, "********", 1)),
        (
            "as in a mail",
            one.lines()
                .map(|line| match line.contains("-----") {
                    true => format!("{line}\n"),
                    false => format!("> {line}\n"),
                })
                .collect(),
        ),
        (
            "base64url",
            one.replacen(body, &format!("-_{}", &body[2..]), 1),
        ),
        ("gap", one.replacen(body, "<base64>", 1)),
        ("UTF-16", one.replace('-', "-\0")),
        (
            "percent-encoded",
            one.replace(' ', "%20").replace('\n', "%0A"),
        ),
        ("but a private key", key.clone()),
        ("a private key", format!("{key}{key}")),
        (
            "a request for a certificate",
            one.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
        ),
        (
            "a request for a certificate",
            one.replace("CERTIFICATE", "NEW CERTIFICATE REQUEST"),
        ),
        (
            "openssl x509",
            one.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        ),
        ("openssl pkcs7", one.replace("CERTIFICATE", "PKCS7")),
        (
            "openssl pkcs7",
            format!("{one}{}", two.replace("CERTIFICATE", "CMS")),
        ),
        (
            "take it out",
            format!("{one}{}", two.replace("CERTIFICATE", "X509 CRL")),
        ),
        (
            "which is no certificate",
            one.replace("CERTIFICATE", "PGP MESSAGE"),
        ),
        (
            "which is no certificate",
            one.replace("CERTIFICATE", "ATTRIBUTE CERTIFICATE"),
        ),
        (
            "holds no certificate, but PUBLIC KEY",
            one.replace("CERTIFICATE", "PUBLIC KEY"),
        ),
        ("OpenSSH", "ssh-rsa AAAAB3Nza x@y".to_owned()),
        (
            "XML",
            "<ds:X509Certificate>MIIB</ds:X509Certificate>".to_owned(),
        ),
        (
            "ends it as",
            one.replace("END CERTIFICATE", "END PRIVATE KEY"),
        ),
        (
            "holds nothing",
            format!("{}\n{}", lines[0], lines[lines.len() - 1]),
        ),
        (
            "something else than it says",
            format!("{}\naGVsbG8=\n{}", lines[0], lines[lines.len() - 1]),
        ),
    ] {
        let Err(error) = read_certificates(&text, "ca_pem") else {
            panic!("to be refused: {words}");
        };
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().contains(words), "{words}: {error}");
        assert!(!format!("{error} {error:?}").contains(body), "{words}");
    }
}
