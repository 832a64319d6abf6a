//! Certificates and trust, once for all that speaks TLS: the way to Persona, PostgreSQL, and, in the
//! crates beside this one, the gateway and the command. Not for other programs.

mod certificates;
mod issuer;
mod words;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

pub use certificates::{read_certificates, read_private_key};
pub use words::{tls_in_words, tls_reason};

use self::issuer::NamesTheIssuer;
use crate::error::{Error, Result};

/// Mozilla's authorities, which come with this program: the machine's own are never asked.
pub fn public_authorities() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

/// Trusts the certificates of a PEM text, each of them, as well.
///
/// # Errors
/// `invalid_argument` that begins with `what`, the text's name.
pub fn trust(roots: &mut RootCertStore, pem: &str, what: &str) -> Result<()> {
    for (index, certificate) in read_certificates(pem, what)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|cause| {
            let number = index + 1;
            Error::invalid_argument(format!(
                "{what} has a certificate that cannot be trusted, number {number}: {cause}."
            ))
        })?;
    }
    Ok(())
}

/// What a client of this project speaks TLS with.
pub fn client_config(roots: RootCertStore) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs offers the protocol versions of rustls");
    if roots.is_empty() {
        // Nobody is trusted, and there is nothing more to say.
        return config.with_root_certificates(roots).with_no_client_auth();
    }
    config
        .dangerous() // It is rustls's own judgement, in other words.
        .with_custom_certificate_verifier(Arc::new(NamesTheIssuer::new(roots)))
        .with_no_client_auth()
}

/// The one cryptography of this project.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
