//! What a gateway is told at its start.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use relaypass::{
    given, tls, DecryptionKeys, EncryptionForm, Isolation, PassBinding, Privacy, SealKey, Secret,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::InconsistentKeys::Unknown;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;

/// The options of a [`Gateway`](crate::Gateway).
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where Persona is; by default `https://api.withpersona.com`.
    pub base_url: Option<String>,
    /// Where steps and verifications are kept, as for [`relaypass::store::open`]. `memory:` forgets
    /// everything with the process.
    pub store: String,
    /// The keys under which everything stored is sealed, the newest first. Only `memory:` does
    /// without.
    pub seal_keys: Vec<SealKey>,
    /// The key that buys passes for the verification endpoints. The three steps bring their own.
    pub api_key: Option<Secret<String>>,
    /// What the callers of the verification endpoints show. Without one, they are closed.
    pub token: Option<OperatorToken>,
    /// The keys that open the claims of the verification endpoints, the newest first.
    pub decryption_key: Option<DecryptionKeys>,
    /// In which form the encryption key of the verification endpoints is sent to Persona. Callers of
    /// the three steps choose by the form that they send.
    pub encryption_form: EncryptionForm,
    /// The way out for the calls that must not name anybody, or several with blanks or commas between them.
    pub anonymous_proxy: Option<Secret<String>>,
    /// The way out for the call that names its caller.
    pub identified_proxy: Option<Secret<String>>,
    /// Certificates to trust beside the public ones, in PEM.
    pub ca_pem: Option<String>,
    /// How long one request to Persona may take; by default 10 seconds. A call with its retries takes
    /// at most 30, or this, whichever is longer.
    pub timeout: Option<Duration>,
    /// How often a failed request is asked again; by default 3 times.
    pub retries: Option<u32>,
    /// What verifications bind their passes to.
    pub pass_binding: PassBinding,
    /// How long after its relay a verification may buy its pass; by default 2 minutes.
    pub purchase_window: Option<Duration>,
    /// How many passes to hold ready for the verification endpoints.
    pub pass_pool: u32,
    /// How far the gateway goes so that Persona cannot tell whose a relay is. A strict one buys passes for
    /// its pool only: the endpoint that sells them to callers is refused.
    pub privacy: Privacy,
    /// What anonymous calls of different relays share.
    pub isolation: Isolation,
    /// Certificate and key, to serve `https`.
    pub tls: Option<Tls>,
    /// What one client may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            base_url: None,
            store: "memory:".to_owned(),
            seal_keys: Vec::new(),
            api_key: None,
            token: None,
            decryption_key: None,
            encryption_form: EncryptionForm::default(),
            anonymous_proxy: None,
            identified_proxy: None,
            ca_pem: None,
            timeout: None,
            retries: None,
            pass_binding: PassBinding::default(),
            purchase_window: None,
            pass_pool: 0,
            privacy: Privacy::default(),
            isolation: Isolation::default(),
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Bounds that keep one client from taking everything.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// The largest request head, in bytes; at least 8192.
    pub head: usize,
    /// How long a client may take to send a request's head, and how long a connection may be idle.
    pub head_time: Duration,
    /// How long a client may take to send a request's body.
    pub body_time: Duration,
    /// How many calls are worked on at once. More are refused with 503.
    pub calls: usize,
    /// How many connections are open at once. More wait to be accepted.
    pub connections: usize,
    /// How long a stop waits for what is in flight.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 * 1024,
            head: 32 * 1024,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(10),
            calls: 512,
            connections: 16_384,
            shutdown_grace: Duration::from_secs(35),
        }
    }
}

/// The bearer token of the verification endpoints.
#[derive(Clone)]
pub struct OperatorToken(Secret<String>);

impl OperatorToken {
    /// Reads a token of 16 to 512 visible ASCII characters, without blanks, line ends and quotes around it.
    ///
    /// # Errors
    /// For anything else: a short one can be guessed.
    pub fn parse(text: &str) -> Result<Self, StartError> {
        let refused = |why: &str| StartError::new("token", why);
        let text = given::secret(text).map_err(refused)?;
        if let Some(why) = given::why_not_visible(text) {
            return Err(refused(why));
        }
        if text.ends_with("\\n") {
            return Err(refused(
                "ends with a line break that was written as backslash and n: take it off",
            ));
        }
        if !(16..=512).contains(&text.len()) {
            return Err(refused("must have 16 to 512 visible ASCII characters"));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// Whether `shown` is this token. It takes the same time for every wrong one: hashes are
    /// compared, so that the length does not tell either.
    pub(crate) fn matches(&self, shown: &str) -> bool {
        use aws_lc_rs::digest::{digest, SHA256};
        use subtle::ConstantTimeEq as _;

        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        (hash(shown).as_ref())
            .ct_eq(hash(self.0.expose()).as_ref())
            .into()
    }
}

/// Certificate chain and private key, in PEM.
#[derive(Clone)]
pub struct Tls {
    /// The certificate and those that vouch for it.
    pub certificates_pem: String,
    /// The private key.
    pub key_pem: Secret<String>,
}

impl Tls {
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, StartError> {
        let wrong = |what: &str| StartError::new("tls", what);
        let chain = tls::read_certificates(&self.certificates_pem, "the certificate file")
            .map_err(|error| wrong(error.message()))?;
        let key = tls::read_private_key(self.key_pem.expose(), "the key file")
            .map_err(|error| wrong(error.message()))?;
        let key = (tls::provider().key_provider.load_private_key(key))
            .map_err(|_| wrong("the private key is of a kind that TLS cannot sign with here"))?;
        let key = Arc::new(CertifiedKey::new(chain, key));
        check_order(&key)?;
        let mut config = ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(|_| wrong("cannot be set up"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The key must be that of the first certificate; the others vouch for it.
fn check_order(given: &CertifiedKey) -> Result<(), StartError> {
    use rustls::Error::{InconsistentKeys, InvalidCertificate};

    let compare = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(&given.key)).keys_match()
    };
    // A key that cannot say what its public half is may be the right one.
    let belongs = |certificate| {
        matches!(
            compare(certificate),
            Ok(()) | Err(InconsistentKeys(Unknown))
        )
    };
    let message = match given.cert.iter().position(belongs) {
        Some(0) => return Ok(()),
        Some(index) => format!(
            "the private key belongs to certificate {} of {}: the server's own stands first, and after it \
             those that vouch for it",
            index + 1,
            given.cert.len()
        ),
        None if matches!(compare(&given.cert[0]), Err(InvalidCertificate(_))) => {
            "the first certificate cannot be read".to_owned()
        }
        None => "the private key does not belong to the certificate".to_owned(),
    };
    Err(StartError::new("tls", message))
}

/// Why a gateway does not start: which setting is at fault, and what is wrong with it.
#[derive(Debug)]
pub struct StartError {
    setting: &'static str,
    message: String,
}

impl StartError {
    pub(crate) fn new(setting: &'static str, message: impl Into<String>) -> Self {
        Self {
            setting,
            message: message.into(),
        }
    }

    /// The option at fault, as [`Options`] names it.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is wrong with it.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_meant_or_refused_truly() {
        let token = "canary-0123456789";
        for form in [
            "¤",
            "¤\n",
            " ¤\r\n",
            "\u{feff}¤",
            "\"¤\"",
            "'¤'",
            "“¤”",
            "`¤`",
            "\\\"¤\\\"",
            "\u{200b}¤\u{a0}",
        ] {
            let read = OperatorToken::parse(&form.replace('¤', token));
            assert!(read.is_ok_and(|read| read.matches(token)), "{form:?}");
        }
        // Whatever a generator of passwords makes.
        for odd in [
            "abc=def==0123456789",
            "A=bcdef0123456789",
            "/abc+def/01234567==",
            "a,b;c:d!e?f*g(h)0",
            "\"abc0123456789defg",
            "$2y$10$abcdefghijkl",
            "a\\nb\\tc0123456789",
            "x%41y%420123456789",
        ] {
            let read = OperatorToken::parse(odd);
            assert!(read.is_ok_and(|read| read.matches(odd)), "{odd:?}");
        }
        for (form, words) in [
            ("", "is empty"),
            ("''", "is empty"),
            ("canary", "16 to 512"),
            ("Bearer ¤", "`Bearer`"),
            ("Authorization: Bearer ¤", "whole line of a header"),
            ("RELAYPASS_GATEWAY_TOKEN=¤", "give what follows the `=`"),
            ("export TOKEN=¤", "give what follows the `=`"),
            ("GATEWAY_TOKEN: ¤", "give what follows the `=`"),
            ("{\"token\": \"¤\"}", "is JSON"),
            ("$RELAYPASS_GATEWAY_TOKEN", "nothing has replaced"),
            ("${RELAYPASS_GATEWAY_TOKEN}", "nothing has replaced"),
            ("{{ .Values.gateway.token }}", "nothing has replaced"),
            ("%RELAYPASS_GATEWAY_TOKEN%", "nothing has replaced"),
            ("<the gateway's token>", "gap that was to be filled"),
            ("op://vault/gateway/token", "nothing has fetched it"),
            ("****************", "is masked"),
            ("canary-0123456...", "shortened with dots"),
            ("¤\\n", "written as backslash and n"),
            ("¤ ¤", "a blank in it"),
            ("¤ # ours", "a blank in it"),
            ("¤\n¤", "a line break in it"),
            ("canary\u{200b}-0123456789", "nobody sees"),
            ("canäry-0123456789", "outside ASCII"),
            ("\"¤\",\"¤\"", "has quotes around it and within"),
            ("-----BEGIN CERTIFICATE-----\n¤", "in PEM"),
        ] {
            let Err(error) = OperatorToken::parse(&form.replace('¤', token)) else {
                panic!("{form:?} is to be refused: {words}");
            };
            assert!(error.message().contains(words), "{form:?}: {error}");
            assert!(!error.message().contains("canary"), "{form:?}: {error}");
        }
        assert!(OperatorToken::parse(&"x".repeat(512)).is_ok());
        assert!(OperatorToken::parse(&"x".repeat(513)).is_err());
    }
}
