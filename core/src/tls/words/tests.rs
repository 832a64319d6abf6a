//! Real handshakes, in memory.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::{ClientConnection, ServerConfig, ServerConnection};
use rustls_pki_types::{PrivatePkcs8KeyDer, ServerName};

use super::*;
use crate::tls::{client_config, provider, public_authorities, trust};

/// A certificate for `localhost` that is its own authority, changed by `change`.
fn own(change: impl FnOnce(&mut CertificateParams)) -> (String, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let chain = vec![certificate.der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.into());
    (certificate.pem(), config.unwrap())
}

/// What comes of a handshake with a server, for a client that trusts `ca` as well.
fn handshake(ca: Option<&str>, server: ServerConfig, name: &str) -> Result<(), String> {
    let mut roots = public_authorities();
    if let Some(ca) = ca {
        trust(&mut roots, ca, "ca_pem").unwrap();
    }
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client_config(roots)), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        // It reads a part at a time.
        let mut unread = sent.as_slice();
        while !unread.is_empty() {
            server.read_tls(&mut unread).unwrap();
            server
                .process_new_packets()
                .map_err(|error| tls_in_words(&error))?;
        }
        sent.clear();
        server.write_tls(&mut sent).unwrap();
        let mut unread = sent.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread).unwrap();
            client
                .process_new_packets()
                .map_err(|error| tls_in_words(&error))?;
        }
    }
    Ok(())
}

fn failure(change: impl FnOnce(&mut CertificateParams)) -> String {
    let (pem, server) = own(change);
    handshake(Some(&pem), server, "localhost").unwrap_err()
}

#[test]
fn a_self_signed_certificate_that_is_trusted_is_taken() {
    let (pem, server) = own(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(handshake(Some(&pem), server, "localhost"), Ok(()));
}

#[test]
fn an_authoritys_certificate_as_a_servers_own_is_called_that_with_the_way_out() {
    let text = failure(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert!(text.contains("cannot be a server's own"), "{text}");
    assert!(
        text.contains("basicConstraints=critical,CA:FALSE"),
        "{text}"
    );
}

#[test]
fn every_failure_says_what_failed() {
    let (_, server) = own(|_| {});
    let text = handshake(None, server, "localhost").unwrap_err();
    assert!(
        text.contains("an authority that is not trusted here"),
        "{text}"
    );

    let text = failure(|params| params.not_after = rcgen::date_time_ymd(2001, 2, 3));
    assert!(text.contains("expired on 2001-02-03"), "{text}");

    let text = failure(|params| params.not_before = rcgen::date_time_ymd(3001, 2, 3));
    assert!(text.contains("valid from 3001-02-03"), "{text}");

    let text = failure(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert!(text.contains("not for servers"), "{text}");

    let (pem, server) = own(|_| {});
    let text = handshake(Some(&pem), server, "other.example").unwrap_err();
    assert!(
        text.contains("localhost") && text.contains("not for other.example"),
        "{text}"
    );

    let text = failure(|params| params.subject_alt_names.clear());
    assert!(text.contains("names no host"), "{text}");
}

#[test]
fn an_authority_that_is_not_trusted_is_named() {
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        (params.distinguished_name).push(DnType::CommonName, name);
        params
    };
    let long = "\u{202e}a".repeat(500);
    for (name, said) in [
        (
            "Shop Root",
            Some("calls itself CN=Shop Root (UnknownIssuer)"),
        ),
        (&long, Some("calls itself CN=?a?a")),
        // Larger than certificates are: it is not looked into.
        (&"b".repeat(9_000), None),
    ] {
        let key = KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority(name), key).unwrap();
        let key = KeyPair::generate().unwrap();
        let between = CertifiedIssuer::signed_by(authority("Between"), key, &root).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &between).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), between.der().clone()], key.into())
            .unwrap();
        let text = handshake(None, server, "localhost").unwrap_err();
        let is_named = said.is_some();
        assert!(
            text.contains(said.unwrap_or("not trusted here (UnknownIssuer)")),
            "{text}"
        );
        assert_eq!(text.contains("calls itself"), is_named, "{text}");
        assert!(
            text.contains("the certificates between"),
            "the way out is not cut off: {text}"
        );
        assert!(text.len() < 600 && !text.contains('\u{202e}'), "{text}");
    }
}

#[test]
fn another_authority_of_the_same_name_is_noticed() {
    let authority = || {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (trusted, signer) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &signer).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    let text = handshake(Some(&trusted.pem()), server, "localhost").unwrap_err();
    assert!(
        text.contains("signature") && text.contains("same name"),
        "{text}"
    );
}

#[test]
fn a_server_without_tls_is_called_that() {
    let config = Arc::new(client_config(public_authorities()));
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    client
        .read_tls(&mut &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..])
        .unwrap();
    let error = client.process_new_packets().unwrap_err();
    let text = tls_in_words(&error);
    assert!(text.contains("does not speak TLS"), "{text}");
    // However deep it lies.
    let wrapped = std::io::Error::other(std::io::Error::other(error));
    assert_eq!(tls_reason(&wrapped), Some(text));
}
