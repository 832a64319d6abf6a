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
