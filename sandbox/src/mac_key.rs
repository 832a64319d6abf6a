//! The issuer's secret, and what it binds a challenge to.

use aws_lc_rs::hmac;

use crate::keys::Namespace;
use crate::random::{hex, random_bytes};

/// The issuer's secret for challenges.
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn random() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random_bytes::<32>()))
    }

    pub(crate) fn mac(&self, tag: &str, binding: &Binding<'_>, head: &str, tail: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [tag, "\n", &binding.label(), head, tail] {
            context.update(part.as_bytes());
        }
        hex(context.sign().as_ref())
    }

    /// A MAC that looks like any other and begins with a tag of 32 hex digits.
    pub(crate) fn tagged(
        &self,
        tag: &str,
        binding: &Binding<'_>,
        head: &str,
        tail: &str,
    ) -> String {
        let mac = self.mac(tag, binding, head, tail);
        format!("{tag}{}", &mac[..32])
    }

    pub(crate) fn made(&self, mac: &str, binding: &Binding<'_>, head: &str, tail: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        let same = |ours: String| bool::from(ours.as_bytes().ct_eq(mac.as_bytes()));
        same(self.mac("", binding, head, tail))
            || mac
                .get(..32)
                .is_some_and(|tag| same(self.tagged(tag, binding, head, tail)))
    }
}

/// What a challenge is good for.
pub(crate) enum Binding<'a> {
    /// Any relay of this claim type and environment (the current generation).
    ClaimType(&'a Namespace),
    /// This relay only (the first generation).
    Relay(&'a str),
}

impl Binding<'_> {
    /// A text for each binding; no two bindings have the same.
    fn label(&self) -> String {
        match self {
            Self::ClaimType(namespace) => format!(
                "claim-type\n{}\n{}\n",
                namespace.environment.name(),
                namespace.claim_type
            ),
            Self::Relay(relay_token) => format!("relay\n{relay_token}\n"),
        }
    }
}
