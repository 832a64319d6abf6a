//! The issuer's RSA keys: one for each environment and claim type, made when first needed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use aws_lc_rs::digest::{digest, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{self, RsaPublicKeyComponents, RSA_PSS_2048_8192_SHA384};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::multi_prime::{PrivateKey, PUBLIC_EXPONENT};
use crate::random::{hex, random_bytes};

/// No claim type that Persona publishes is a quarter as long.
const LONGEST_CLAIM_TYPE: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Environment {
    Production,
    Sandbox,
}

impl Environment {
    pub(crate) fn from_flag(sandbox: bool) -> Self {
        if sandbox {
            Self::Sandbox
        } else {
            Self::Production
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }
}

/// What a pass is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Namespace {
    pub(crate) environment: Environment,
    pub(crate) claim_type: String,
}

/// Whether a text is a claim type. Persona's set is open, so any name in its style will do.
pub(crate) fn is_claim_type(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_CLAIM_TYPE
        && (text.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(crate) struct IssuerKey {
    pub(crate) namespace: Namespace,
    /// base64url of the public key's SPKI.
    pub(crate) token_key: String,
    /// Hex SHA-256 of the SPKI.
    id: String,
    /// An id that is no hash of the key, of 65 characters like the published samples.
    opaque_id: String,
    secret: PrivateKey,
    public_der: Vec<u8>,
    retired: AtomicBool,
}

impl IssuerKey {
    /// Takes some ten milliseconds of 2048 bits, several times that of 4096.
    fn generate(namespace: Namespace, bits: usize) -> Self {
        let bits = u32::try_from(bits).expect("the settings allow some thousand bits");
        let secret = PrivateKey::generate(bits);
        let public = RsaPublicKeyComponents {
            n: secret.modulus(),
            e: &PUBLIC_EXPONENT[..],
        };
        let spki: PublicKeyX509Der<'_> = public.as_der().expect("a sound key can be encoded");
        let public_der = spki.as_ref().to_vec();

        Self {
            namespace,
            token_key: URL_SAFE_NO_PAD.encode(&public_der),
            id: hex(digest(&SHA256, &public_der).as_ref()),
            opaque_id: hex(digest(&SHA256, &[b"opaque", public_der.as_slice()].concat()).as_ref())
                + "b",
            secret,
            public_der,
            retired: AtomicBool::new(false),
        }
    }

    pub(crate) fn id(&self, opaque: bool) -> &str {
        if opaque {
            &self.opaque_id
        } else {
            &self.id
        }
    }

    /// Whether the bytes are a number that this key can sign: as long as the modulus, and below it.
    pub(crate) fn takes(&self, blinded_message: &[u8]) -> bool {
        let modulus = self.secret.modulus();
        blinded_message.len() == modulus.len() && blinded_message < modulus
    }

    /// The blind signature (RFC 9474 section 4.3) of a message that [`takes`](Self::takes) admits.
    pub(crate) async fn blind_sign(self: Arc<Self>, blinded_message: Vec<u8>) -> Vec<u8> {
        spawn_blocking(move || self.secret.private_operation(&blinded_message))
            .await
            .expect("signing does not panic")
    }

    /// A number like a blinded message, but of nobody's making.
    pub(crate) fn random_message(&self) -> Vec<u8> {
        let mut message: Vec<u8> = std::iter::repeat_with(random_bytes::<32>)
            .take(self.secret.modulus().len() / 32)
            .flatten()
            .collect();
        // The modulus has its top bit set: a number without it is below.
        message[0] &= 0x7f;
        message
    }

    /// Checks with another library than the one that signed.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature::UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, &self.public_der)
            .verify(message, signature)
            .is_ok()
    }

    /// A retired key signs no more; what it signed is still good.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }
}

type KeyCell = Arc<OnceCell<Arc<IssuerKey>>>;

/// All keys. They survive a reset: making them is slow, and they say nothing about what happened.
#[derive(Default)]
pub(crate) struct KeyRing {
    current: Mutex<HashMap<(Namespace, usize), KeyCell>>,
    by_id: RwLock<HashMap<String, Arc<IssuerKey>>>,
}

impl KeyRing {
    /// The namespace's key of that size.
    pub(crate) async fn current(&self, namespace: &Namespace, bits: usize) -> Arc<IssuerKey> {
        let cell = {
            let mut current = self.current.lock().expect("no panic while looking up");
            Arc::clone(current.entry((namespace.clone(), bits)).or_default())
        };
        Arc::clone(
            cell.get_or_init(|| async {
                let namespace = namespace.clone();
                let key = spawn_blocking(move || IssuerKey::generate(namespace, bits))
                    .await
                    .expect("key generation does not panic");
                let key = Arc::new(key);
                let mut by_id = self.by_id.write().expect("no panic while inserting");
                by_id.insert(key.id.clone(), Arc::clone(&key));
                by_id.insert(key.opaque_id.clone(), Arc::clone(&key));
                Arc::clone(&key)
            })
            .await,
        )
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<IssuerKey>> {
        let by_id = self.by_id.read().expect("no panic while looking up");
        by_id.get(id).map(Arc::clone)
    }

    /// Retires the namespace's keys of every size; the next use makes new ones.
    pub(crate) fn rotate(&self, namespace: &Namespace) {
        let mut current = self.current.lock().expect("no panic while looking up");
        current.retain(|(of, _), cell| {
            if of != namespace {
                return true;
            }
            if let Some(key) = cell.get() {
                key.retired.store(true, Ordering::SeqCst);
            }
            false
        });
    }
}
