//! Certificates and a server's private key, out of the PEM that people give.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::encoding::pem::{self, Fault, Section};
use crate::error::{Error, Result};

/// The certificates of a PEM text, in order; at least one. Private keys and parameters may stand
/// beside them, as in many a server's file, and are left alone.
///
/// # Errors
/// `invalid_argument` that begins with `what`, the text's name, and says why: each certificate that
/// stands there is read, or none is.
pub fn read_certificates(text: &str, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let refused = |reason: &str| Error::invalid_argument(format!("{what} {reason}."));
    let sections = pem::read(text).map_err(|Fault(reason)| refused(&reason))?;
    let mut certificates = Vec::new();
    for section in &sections {
        match section.label() {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let der = section.der().map_err(|Fault(reason)| refused(&reason))?;
                certificates.push(CertificateDer::from(der.to_vec()));
            }
            label if is_key_or_parameters(label) => {}
            label => return Err(refused(&of_no_use(label))),
        }
    }
    match certificates.is_empty() {
        true => Err(refused(&match sections.iter().any(is_private_key) {
            true => "holds no certificate, but a private key".to_owned(),
            false => format!("holds no certificate, but {}", sections[0].label()),
        })),
        false => Ok(certificates),
    }
}

/// The one private key of a PEM text, in any form (PKCS#8, PKCS#1, SEC1), whatever its label.
///
/// # Errors
/// `invalid_argument` that begins with `what`, the text's name, and says why.
pub fn read_private_key(text: &str, what: &str) -> Result<PrivateKeyDer<'static>> {
    let refused = |reason: &str| Error::invalid_argument(format!("{what} {reason}."));
    let sections = pem::read(text).map_err(|Fault(reason)| refused(&reason))?;
    let mut keys = sections.iter().filter(|section| is_private_key(section));
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key,
        (Some(_), Some(_)) => return Err(refused("must hold one private key, and holds several")),
        (None, _) => {
            return Err(refused(&format!(
                "holds no private key, but {}",
                sections[0].label()
            )))
        }
    };
    if key.is_encrypted() {
        return Err(refused(
            "is protected by a passphrase. Decrypt it first: `openssl pkey -in FILE -out NEW`",
        ));
    }
    if key.label() == "OPENSSH PRIVATE KEY" {
        return Err(refused(
            "is in the format of OpenSSH. `ssh-keygen -p -m PKCS8 -f FILE` writes it anew in PEM",
        ));
    }
    let der = key.der().map_err(|Fault(reason)| refused(&reason))?;
    PrivateKeyDer::try_from(der.to_vec())
        .map_err(|_| refused("holds no private key in the form of PKCS#8, PKCS#1 or SEC1"))
}

fn is_private_key(section: &Section) -> bool {
    section.label().ends_with("PRIVATE KEY")
}

fn is_key_or_parameters(label: &str) -> bool {
    label.ends_with("KEY") || label.ends_with("PARAMETERS")
}

fn of_no_use(label: &str) -> String {
    match label {
        "TRUSTED CERTIFICATE" => {
            "holds a TRUSTED CERTIFICATE, which only OpenSSL reads. `openssl x509 -in FILE -out NEW` \
             writes a plain one"
        }
        "PKCS7" | "CMS" => {
            "holds PKCS#7. `openssl pkcs7 -in FILE -print_certs -out NEW` writes its certificates"
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "holds a request for a certificate, and not the certificate"
        }
        "X509 CRL" => "holds a list of revoked certificates, which nothing here looks at: take it out",
        label => return format!("holds {label}, which is no certificate: take it out"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
