//! What failed in TLS, in words: what, and what to do. No secret takes part in it; names that the
//! other side chose are cut short.

use std::error::Error as StdError;

use rustls::{AlertDescription, CertificateError, Error};
use rustls_pki_types::UnixTime;
use time::OffsetDateTime;

use super::issuer::UntrustedIssuer;

/// So much of the names in somebody's certificate is repeated.
const LONGEST_NAMES: usize = 200;

/// The reason of the first TLS error in a chain of causes.
pub fn tls_reason(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<Error>() {
            return Some(tls_in_words(tls));
        }
        // An I/O error does not name what it wraps as its source, but what that one names.
        if let Some(within) = error
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref())
        {
            if let Some(reason) = tls_reason(within) {
                return Some(reason);
            }
        }
        cause = error.source();
    }
    None
}

/// A TLS error in words.
pub fn tls_in_words(error: &Error) -> String {
    let words = match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => refused(*alert).to_owned(),
        Error::InvalidMessage(_) => {
            "what answers there does not speak TLS: plain http, or another protocol".to_owned()
        }
        Error::PeerIncompatible(_) => {
            "the server and this program have no version or cipher of TLS in common".to_owned()
        }
        error => error.to_string(),
    };
    format!("TLS: {}", printable(&words, LONGEST_NAMES + 300))
}

fn certificate(error: &CertificateError) -> String {
    use CertificateError::*;
    match error {
        UnknownIssuer => unknown_issuer(""),
        Expired => "the server's certificate has expired".to_owned(),
        ExpiredContext { not_after, .. } => format!(
            "the server's certificate expired on {}, by this machine's clock",
            day(*not_after)
        ),
        NotValidYet => "the server's certificate is not valid yet".to_owned(),
        NotValidYetContext { not_before, .. } => format!(
            "the server's certificate is valid from {} on, by this machine's clock",
            day(*not_before)
        ),
        NotValidForName => "the server's certificate is for another name".to_owned(),
        NotValidForNameContext { expected, presented } => {
            let names = shorten(&presented.join(", "));
            let expected = expected.to_str();
            match presented.is_empty() {
                true => format!(
                    "the server's certificate names no host (subjectAltName), and so is not for \
                     {expected}"
                ),
                false => format!("the server's certificate is for {names}, and not for {expected}"),
            }
        }
        InvalidPurpose | InvalidPurposeContext { .. } => {
            "the server's certificate is not for servers (extendedKeyUsage)".to_owned()
        }
        BadSignature => {
            "the signature of the server's certificate is wrong: another authority of the same name \
             may have made it"
                .to_owned()
        }
        Revoked => "the server's certificate was revoked".to_owned(),
        BadEncoding => "the server's certificate cannot be read".to_owned(),
        Other(other) => match other.0.downcast_ref::<UntrustedIssuer>() {
            Some(issuer) => {
                unknown_issuer(&format!(", which calls itself {}", shorten(&issuer.0)))
            }
            None => of_webpki(&other.to_string()).to_owned(),
        },
        error => format!("the server's certificate is refused: {error}"),
    }
}

fn unknown_issuer(name: &str) -> String {
    format!(
        "the server's certificate comes from an authority that is not trusted here{name} \
         (UnknownIssuer). If it should be, name that authority's certificate as one to trust, or let \
         the server send the certificates between"
    )
}

/// What only its text tells apart here; a handshake in the tests fails if it changes.
fn of_webpki(text: &str) -> &str {
    match text {
        "CaUsedAsEndEntity" => {
            "the server shows the certificate of an authority (CA:TRUE), which cannot be a server's own \
             (CaUsedAsEndEntity). Make one that is not: openssl req -x509 … -addext \
             basicConstraints=critical,CA:FALSE"
        }
        "UnsupportedCertVersion" => {
            "the server's certificate is of version 1. Make one of version 3, with a subjectAltName"
        }
        text => text,
    }
}

/// The other side's word for why it ended the handshake.
fn refused(alert: AlertDescription) -> &'static str {
    use AlertDescription::*;
    match alert {
        HandshakeFailure | InsufficientSecurity => {
            "the other side ended the handshake: it finds no cipher in common, or wants a certificate"
        }
        ProtocolVersion => "the other side speaks no version of TLS that this program does",
        CertificateRequired | BadCertificate | UnknownCA | CertificateUnknown | AccessDenied => {
            "the other side wants a client's certificate, which this program has none of"
        }
        UnrecognisedName => "the other side knows no server of this name",
        InternalError => "the other side failed inside",
        _ => "the other side ended the connection with an alert",
    }
}

fn day(time: UnixTime) -> String {
    let at = i64::try_from(time.as_secs()).ok();
    let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    at.map_or("a day out of range".to_owned(), |at| {
        format!(
            "{:04}-{:02}-{:02}",
            at.year(),
            u8::from(at.month()),
            at.day()
        )
    })
}

/// Names that the other side chose: nothing in them may change how the rest is shown.
fn shorten(names: &str) -> String {
    let plain =
        |letter: char| letter.is_alphanumeric() || letter.is_ascii_graphic() || letter == ' ';
    names
        .chars()
        .map(|letter| if plain(letter) { letter } else { '?' })
        .take(LONGEST_NAMES)
        .collect()
}

fn printable(text: &str, most: usize) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(most)
        .collect()
}

#[cfg(test)]
mod tests;
