//! By which ways the lanes leave, as far as the options tell.

use std::time::Duration;

use url::Url;

use crate::privacy;

/// Both lanes'.
#[derive(Clone)]
pub(super) struct Ways {
    pub(super) anonymous: WayOut,
    pub(super) identified: WayOut,
    /// For how long an unused connection is used again, if the connections are ours.
    pub(super) idle_timeout: Duration,
}

/// One lane's. Of a proxy only where it is: neither its scheme nor who uses it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum WayOut {
    /// This machine's own address.
    Direct,
    Proxy {
        host: Option<String>,
        port: Option<u16>,
    },
    /// A transport of the caller's own.
    Transport,
}

impl WayOut {
    /// Of a lane that is open: its proxy's URL was read before.
    pub(super) fn of(has_transport: bool, proxy: Option<&str>) -> Self {
        match (has_transport, proxy.map(Url::parse)) {
            (true, _) => Self::Transport,
            (false, None) => Self::Direct,
            (false, Some(url)) => {
                let url = url.ok();
                let host = url.as_ref().and_then(Url::host_str);
                Self::Proxy {
                    host: host.map(str::to_ascii_lowercase),
                    port: url.as_ref().and_then(Url::port_or_known_default),
                }
            }
        }
    }
}

impl Ways {
    /// Whether both lanes leave from one place. With other credentials, or by another scheme, the same
    /// proxy may still have one address for both.
    pub(super) fn are_one(&self) -> bool {
        // Two transports of the caller's may be anything.
        self.anonymous == self.identified && self.anonymous != WayOut::Transport
    }
}

impl From<&WayOut> for privacy::WayOut {
    fn from(way_out: &WayOut) -> Self {
        match way_out {
            WayOut::Direct => Self::Direct,
            WayOut::Proxy { .. } => Self::Proxy,
            WayOut::Transport => Self::Transport,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_one(anonymous: Option<&str>, identified: Option<&str>) -> bool {
        let ways = Ways {
            anonymous: WayOut::of(false, anonymous),
            identified: WayOut::of(false, identified),
            idle_timeout: Duration::ZERO,
        };
        ways.are_one()
    }

    #[test]
    fn one_proxy_is_one_way_whoever_says_to_be_its_user() {
        assert!(are_one(None, None));
        let tor = Some("socks5h://tor:9050");
        for same in [
            "socks5h://tor:9050",
            "socks5h://a:b@tor:9050",
            "http://TOR:9050",
        ] {
            assert!(are_one(tor, Some(same)), "{same}");
        }
        assert!(are_one(Some("https://proxy"), Some("https://proxy:443")));
        for other in [
            None,
            Some("socks5h://tor:9051"),
            Some("socks5h://other:9050"),
        ] {
            assert!(!are_one(tor, other), "{other:?}");
            assert!(!are_one(other, tor), "{other:?}");
        }
    }

    #[test]
    fn of_two_transports_of_ones_own_nothing_is_said() {
        let own = WayOut::of(true, None);
        let ways = Ways {
            anonymous: own.clone(),
            identified: own,
            idle_timeout: Duration::ZERO,
        };
        assert!(!ways.are_one());
    }
}
