//! Which of the four calls a request is, and whom it concerns.

use crate::faults::Step;
use crate::keys::{Environment, Namespace};
use crate::wire::{Members, Received};
use crate::world::{Sandboxed, World};
use crate::{redeem, sign};

/// One of the four calls, as its path tells.
#[derive(Clone, Copy)]
pub(crate) enum Call<'a> {
    Create,
    Challenge,
    Sign,
    Redeem { relay_token: &'a str },
}

impl<'a> Call<'a> {
    pub(crate) fn route(path: &'a str) -> Option<Self> {
        match path {
            "/api/v1/privacy-passes" => return Some(Self::Sign),
            "/api/privacy/v1/relays" => return Some(Self::Create),
            "/api/privacy/v1/relays/challenge" => return Some(Self::Challenge),
            _ => {}
        }
        let relay_token = path
            .strip_prefix("/api/privacy/v1/relays/")?
            .strip_suffix("/generate-claim")?;
        let is_one_segment = !relay_token.is_empty() && !relay_token.contains('/');
        is_one_segment.then_some(Self::Redeem { relay_token })
    }

    pub(crate) fn step(self) -> Step {
        match self {
            Self::Create => Step::Create,
            Self::Challenge => Step::Challenge,
            Self::Sign => Step::Sign,
            Self::Redeem { .. } => Step::Redeem,
        }
    }

    /// Whose rate limit the call counts against.
    pub(crate) fn environment(
        self,
        sandboxed: &Sandboxed,
        world: &World,
        received: &Received,
    ) -> Environment {
        match self {
            Self::Sign => {
                sign::authenticate(sandboxed, received).unwrap_or(Environment::Production)
            }
            Self::Redeem { relay_token } => redeem::environment(world, relay_token),
            Self::Create | Self::Challenge => Members::parse(received)
                .and_then(|mut members| members.flag("sandbox"))
                .map_or(Environment::Production, Environment::from_flag),
        }
    }

    /// Whose key the call is about.
    pub(crate) fn namespace(
        self,
        sandboxed: &Sandboxed,
        world: &World,
        received: &Received,
    ) -> Option<Namespace> {
        let mut members = Members::parse(received);
        let mut text = |name| members.as_mut().ok()?.text(name).ok();
        match self {
            Self::Sign => {
                let key = sandboxed.keys.by_id(&text("key-id")?)?;
                Some(key.namespace.clone())
            }
            Self::Redeem { relay_token } => {
                let relay = world.relays.by_token(relay_token)?;
                Some(relay.namespace.clone())
            }
            Self::Create | Self::Challenge => Some(Namespace {
                claim_type: text("claim-type")?,
                environment: self.environment(sandboxed, world, received),
            }),
        }
    }
}
