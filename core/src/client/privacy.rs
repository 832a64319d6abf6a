//! What a client does so that Persona cannot join its calls, and what strict privacy asks of its
//! options.

use super::options::PassBinding;
use super::ways::{WayOut, Ways};
use crate::error::{Error, ErrorKind, Result};
use crate::given::one_of;

/// How far a client goes so that Persona cannot tell whose a relay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Privacy {
    /// What costs nothing is done; what Persona could join is told as an [`Event`](crate::Event).
    #[default]
    Standard,
    /// What Persona could join is refused with the code `privacy_refused`, before anything is sent that
    /// names us. See [`ClientBuilder::privacy`](crate::ClientBuilder::privacy).
    Strict,
}

/// What anonymous calls of different relays share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Connections that are open already are used again, for whatever relay.
    #[default]
    None,
    /// No connection: each anonymous call has one of its own. See
    /// [`ClientBuilder::isolation`](crate::ClientBuilder::isolation).
    Relay,
}

impl Isolation {
    /// Reads `none` or `relay`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let names = [("none", Isolation::None), ("relay", Isolation::Relay)];
        one_of("The isolation", text, &names)
    }
}

impl Privacy {
    /// Reads `standard` or `strict`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let names = [("standard", Privacy::Standard), ("strict", Privacy::Strict)];
        one_of("The privacy", text, &names)
    }

    pub(crate) fn is_strict(self) -> bool {
        self == Privacy::Strict
    }
}

/// What strict privacy asks of a client's options.
///
/// # Errors
/// `invalid_argument` where passes cannot be bought ahead, `privacy_refused` where both lanes leave from one
/// place; and what to change.
pub(super) fn check_strict(pass_pool: u32, binding: PassBinding, ways: &Ways) -> Result<()> {
    if pass_pool == 0 {
        return Err(Error::invalid_argument(
            "privacy = \"strict\" takes passes from the pool only: set pass_pool to how many are to be held \
             ready, best to twice as many as you use in a week, and set store.",
        ));
    }
    if binding == PassBinding::Relay {
        return Err(Error::invalid_argument(
            "privacy = \"strict\" needs passes that can be bought ahead: leave pass_binding at \"claim_type\".",
        ));
    }
    if ways.are_direct() {
        return Err(refused(
            "privacy = \"strict\" needs another way out for the calls that must not name you: set \
             anonymous_proxy, best to exits that many others use, such as Tor's.",
        ));
    }
    if ways.are_one() {
        return Err(refused(match ways.of_anonymous() {
            WayOut::Transport(_) => {
                "privacy = \"strict\" needs different ways out for the two lanes: both have the same transport. \
                 Give each one of its own."
            }
            _ if ways.anonymous.len() > 1 => {
                "privacy = \"strict\" needs different ways out for the two lanes: one of the proxies of \
                 anonymous_proxy is on the host of identified_proxy. Leave it out of the list, or name another \
                 identified_proxy."
            }
            _ => {
                "privacy = \"strict\" needs different ways out for the two lanes: anonymous_proxy and \
                 identified_proxy are on the same host. Leave identified_proxy out, or name one on another host."
            }
        }));
    }
    Ok(())
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::PrivacyRefused, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::http::{Transport, Unused};

    fn check(pass_pool: u32, binding: PassBinding, ways: [WayOut; 2]) -> (&'static str, String) {
        let [anonymous, identified] = ways;
        let ways = Ways {
            anonymous: vec![anonymous],
            identified,
            is_isolated: true,
            idle_timeout: Duration::ZERO,
        };
        match check_strict(pass_pool, binding, &ways) {
            Ok(()) => ("good", String::new()),
            Err(error) => (error.code(), error.to_string()),
        }
    }

    fn proxies(urls: [&str; 2]) -> [WayOut; 2] {
        urls.map(|text| WayOut::of(None, Url::parse(text).ok().as_ref()))
    }

    #[test]
    fn strict_says_what_is_missing() {
        const TOR: &str = "socks5h://tor:9050";
        for (pool, binding, urls, code, says) in [
            (1, PassBinding::ClaimType, [TOR, ""], "good", ""),
            (
                1,
                PassBinding::ClaimType,
                [TOR, "http://other:9050"],
                "good",
                "",
            ),
            (
                0,
                PassBinding::ClaimType,
                [TOR, ""],
                "invalid_argument",
                "set pass_pool",
            ),
            (
                1,
                PassBinding::Relay,
                [TOR, ""],
                "invalid_argument",
                "pass_binding",
            ),
            (
                1,
                PassBinding::ClaimType,
                ["", ""],
                "privacy_refused",
                "set anonymous_proxy",
            ),
            (
                1,
                PassBinding::ClaimType,
                ["", "http://proxy:1"],
                "privacy_refused",
                "set anonymous_proxy",
            ),
            (
                1,
                PassBinding::ClaimType,
                [TOR, "http://a:b@TOR:3128"],
                "privacy_refused",
                "on the same host",
            ),
        ] {
            let (found, message) = check(pool, binding, proxies(urls));
            assert_eq!(found, code, "{urls:?}");
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn strict_says_that_it_is_one_of_a_list() {
        let of = |text: &str| WayOut::of(None, Url::parse(text).ok().as_ref());
        let ways = Ways {
            anonymous: ["http://a:1", "http://b:1"].map(of).to_vec(),
            identified: of("http://b:2"),
            is_isolated: true,
            idle_timeout: Duration::ZERO,
        };
        let error = check_strict(1, PassBinding::ClaimType, &ways).expect_err("it is refused");
        assert_eq!(error.code(), "privacy_refused");
        assert!(error.to_string().contains("one of the proxies"), "{error}");
    }

    #[test]
    fn one_transport_for_both_lanes_is_one_way_out() {
        let [one, other]: [Arc<dyn Transport>; 2] = [Arc::new(Unused), Arc::new(Unused)];
        let of = |transports: [&Arc<dyn Transport>; 2]| {
            let ways = transports.map(|transport| WayOut::of(Some(transport), None));
            check(1, PassBinding::ClaimType, ways)
        };
        let (code, message) = of([&one, &one]);
        assert_eq!(code, "privacy_refused");
        assert!(message.contains("the same transport"), "{message}");
        assert_eq!(of([&one, &other]).0, "good");
    }
}
