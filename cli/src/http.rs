//! How this command asks over HTTP: the same trust as everything else here, the machine's proxies and
//! certificates left alone, and reasons in words.

use std::error::Error as StdError;
use std::io;

use relaypass::tls;

/// A client that trusts the public authorities, which come with it, and the certificates of `ca`, a PEM
/// text, as well. An image without any certificates does.
///
/// # Errors
/// What is wrong with `ca`.
pub(crate) fn client(ca: Option<&str>) -> Result<reqwest::ClientBuilder, relaypass::Error> {
    let mut roots = tls::public_authorities();
    if let Some(pem) = ca {
        tls::trust(&mut roots, pem, "--ca")?;
    }
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls::client_config(roots));
    Ok(builder
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none()))
}

/// Why there is no answer.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if let Some(reason) = tls::tls_reason(error) {
        return reason;
    }
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let causes = std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| {
        (*cause).source()
    });
    if let Some(error) = causes
        .clone()
        .find_map(|cause| cause.downcast_ref::<io::Error>())
    {
        return match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "nothing listens there (connection refused)".to_owned()
            }
            io::ErrorKind::ConnectionReset => {
                "the connection was broken off: it may speak https, or something else".to_owned()
            }
            _ => error.to_string(),
        };
    }
    match causes.last() {
        Some(cause) => {
            format!("what answers there does not speak HTTP, or speaks https ({cause})")
        }
        None => error.to_string(),
    }
}
