//! Which authority it is that is not trusted: rustls says only that it is unknown.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::WebPkiServerVerifier;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_cert::der::Decode;
use x509_cert::Certificate;

use super::provider;

/// rustls's own judgement of a server's certificate, in which an unknown authority has a name.
#[derive(Debug)]
pub(super) struct NamesTheIssuer(Arc<WebPkiServerVerifier>);

/// Instead of [`CertificateError::UnknownIssuer`]: what that authority calls itself, which nobody has
/// verified. The server is told `certificate_unknown` in place of `unknown_ca`: rustls has one alert for
/// all that is not its own.
#[derive(Debug)]
pub(super) struct UntrustedIssuer(pub(super) String);

impl fmt::Display for UntrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownIssuer: {}", self.0)
    }
}

impl StdError for UntrustedIssuer {}

impl NamesTheIssuer {
    /// Trusts these authorities, of which there is at least one.
    pub(super) fn new(roots: RootCertStore) -> Self {
        let rustls = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        Self(rustls.build().expect("there is an authority to trust"))
    }
}

impl ServerCertVerifier for NamesTheIssuer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged =
            (self.0).verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        judged.map_err(|error| {
            let Error::InvalidCertificate(CertificateError::UnknownIssuer) = error else {
                return error;
            };
            match outermost_issuer(end_entity, intermediates) {
                Some(issuer) => CertificateError::Other(OtherError(Arc::new(issuer))).into(),
                None => error,
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        (self.0).verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        (self.0).verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }
}

/// Names are looked for in chains as they are usual, in size and number: what comes from anybody must not
/// cost time.
const LARGEST_CERTIFICATE: usize = 8 * 1024;
const LONGEST_CHAIN: usize = 8;

/// Who signed the last certificate of the chain, which begins with the server's own: what would have to
/// be trusted. A server may send the others in any order.
fn outermost_issuer(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Option<UntrustedIssuer> {
    let chain = || std::iter::once(end_entity).chain(intermediates);
    if chain().count() > LONGEST_CHAIN || chain().any(|it| it.len() > LARGEST_CERTIFICATE) {
        return None;
    }
    let parsed = |der: &CertificateDer<'_>| Certificate::from_der(der).ok();
    let mut others: Vec<Certificate> = intermediates.iter().filter_map(parsed).collect();
    let mut issuer = parsed(end_entity)?.tbs_certificate.issuer;
    // Each is used once: two may name each other.
    while let Some(next) = (others.iter()).position(|it| it.tbs_certificate.subject == issuer) {
        issuer = others.swap_remove(next).tbs_certificate.issuer;
    }
    Some(UntrustedIssuer(issuer.to_string()))
}
