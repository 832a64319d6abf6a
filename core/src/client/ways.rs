//! By which ways the lanes leave, as far as the options tell.

use std::sync::{Arc, Weak};
use std::time::Duration;

use url::Url;

use crate::http::Transport;
use crate::privacy;

/// Both lanes'.
#[derive(Clone)]
pub(super) struct Ways {
    pub(super) anonymous: WayOut,
    pub(super) identified: WayOut,
    /// For how long an unused connection is used again, if the connections are ours.
    pub(super) idle_timeout: Duration,
}

/// One lane's. Of a proxy only its host: neither its scheme and port, nor who uses it.
#[derive(Clone)]
pub(super) enum WayOut {
    /// This machine's own address.
    Direct,
    Proxy(Option<String>),
    /// A transport of the caller's own: which one, without holding it beyond the client's end.
    Transport(Weak<dyn Transport>),
}

impl WayOut {
    /// Of a lane that is open: its proxy's URL was read before.
    pub(super) fn of(transport: Option<&Arc<dyn Transport>>, proxy: Option<&str>) -> Self {
        match (transport, proxy.map(Url::parse)) {
            (Some(transport), _) => Self::Transport(Arc::downgrade(transport)),
            (None, None) => Self::Direct,
            (None, Some(url)) => {
                let url = url.ok();
                let host = url.as_ref().and_then(Url::host_str);
                Self::Proxy(host.map(str::to_ascii_lowercase))
            }
        }
    }
}

impl Ways {
    /// Whether both lanes leave from one place. With other credentials, by another scheme or port, the
    /// proxies of one host may still have one address for both.
    pub(super) fn are_one(&self) -> bool {
        match (&self.anonymous, &self.identified) {
            (WayOut::Direct, WayOut::Direct) => true,
            (WayOut::Proxy(one), WayOut::Proxy(other)) => one == other,
            // Two transports of the caller's may be anything.
            (WayOut::Transport(one), WayOut::Transport(other)) => one.ptr_eq(other),
            _ => false,
        }
    }

    /// For how long an unused connection of the anonymous lane is used again, if it is ours.
    pub(super) fn anonymous_idle_timeout(&self) -> Option<Duration> {
        match self.anonymous {
            WayOut::Direct | WayOut::Proxy(_) => Some(self.idle_timeout),
            WayOut::Transport(_) => None,
        }
    }
}

impl From<&WayOut> for privacy::WayOut {
    fn from(way_out: &WayOut) -> Self {
        match way_out {
            WayOut::Direct => Self::Direct,
            WayOut::Proxy(_) => Self::Proxy,
            WayOut::Transport(_) => Self::Transport,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::future::BoxFuture;
    use crate::http::{Connection, Response, SendFailure};
    use crate::wire::Request;

    fn are_one(anonymous: Option<&str>, identified: Option<&str>) -> bool {
        let ways = Ways {
            anonymous: WayOut::of(None, anonymous),
            identified: WayOut::of(None, identified),
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
            "socks5h://tor:9051",
        ] {
            assert!(are_one(tor, Some(same)), "{same}");
        }
        assert!(are_one(Some("https://proxy"), Some("https://proxy:443")));
        for other in [None, Some("socks5h://other:9050")] {
            assert!(!are_one(tor, other), "{other:?}");
            assert!(!are_one(other, tor), "{other:?}");
        }
    }

    struct Own;

    impl Transport for Own {
        fn send<'a>(
            &'a self,
            _: &'a str,
            _: &'a Request,
            _: Connection,
            _: Duration,
        ) -> BoxFuture<'a, Result<Response, SendFailure>> {
            unreachable!("nothing is sent")
        }
    }

    #[test]
    fn one_transport_of_ones_own_is_one_way_and_of_two_nothing_is_said() {
        let [one, other]: [Arc<dyn Transport>; 2] = [Arc::new(Own), Arc::new(Own)];
        let are_one = |anonymous, identified| {
            let ways = Ways {
                anonymous: WayOut::of(Some(anonymous), None),
                identified: WayOut::of(Some(identified), None),
                idle_timeout: Duration::from_secs(20),
            };
            // It has connections of its own.
            assert_eq!(ways.anonymous_idle_timeout(), None);
            ways.are_one()
        };
        assert!(are_one(&one, &one));
        assert!(!are_one(&one, &other));
    }
}
