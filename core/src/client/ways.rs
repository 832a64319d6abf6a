//! By which ways the lanes leave, as far as the options tell.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use url::{Host, Url};

use crate::http::Transport;
use crate::privacy;

/// Both lanes'.
#[derive(Clone)]
pub(super) struct Ways {
    /// Never none; several are proxies.
    pub(super) anonymous: Vec<WayOut>,
    pub(super) identified: WayOut,
    /// Whether no two anonymous calls have one connection, as far as the connections are ours.
    pub(super) is_isolated: bool,
    /// For how long an unused connection is used again, if the connections are ours.
    pub(super) idle_timeout: Duration,
}

/// One lane's. Of a proxy only its host: neither its scheme and port, nor who uses it.
#[derive(Clone)]
pub(super) enum WayOut {
    /// This machine's own address.
    Direct,
    Proxy(String),
    /// A transport of the caller's own: which one, without holding it beyond the client's end.
    Transport(Weak<dyn Transport>),
}

impl WayOut {
    /// Of a lane that is open: its proxy's URL was read before.
    pub(super) fn of(transport: Option<&Arc<dyn Transport>>, proxy: Option<&Url>) -> Self {
        match (transport, proxy) {
            (Some(transport), _) => Self::Transport(Arc::downgrade(transport)),
            (None, None) => Self::Direct,
            (None, Some(url)) => Self::Proxy(host_of(url)),
        }
    }
}

/// Which host a proxy is on, however that is written, as far as that can be told without asking anybody: a name
/// and the address that it stands for are two to us, but for those of this machine.
pub(crate) fn host_of(proxy: &Url) -> String {
    let written = proxy.host_str().unwrap_or_default();
    // socks5h is no special scheme to the URL parser: its hosts come as they were written.
    let plain = Url::parse(&format!("http://{written}"));
    let host = match plain.as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => name.trim_end_matches('.').to_owned(),
        Ok(Some(Host::Ipv4(address))) => address_of(IpAddr::V4(address)),
        Ok(Some(Host::Ipv6(address))) => address_of(IpAddr::V6(address)),
        Ok(None) | Err(_) => written.to_lowercase(),
    };
    match host.ends_with(".localhost") {
        true => THIS_MACHINE.to_owned(),
        false => host,
    }
}

/// An address as text; each of this machine's own is the same to us.
fn address_of(address: IpAddr) -> String {
    let address = address.to_canonical();
    match address.is_loopback() || address.is_unspecified() {
        true => THIS_MACHINE.to_owned(),
        false => address.to_string(),
    }
}

const THIS_MACHINE: &str = "localhost";

impl Ways {
    /// Whether both lanes may leave from one place: with a list, if one of its proxies is there. With other
    /// credentials, by another scheme or port, the proxies of one host may still have one address for both.
    pub(super) fn are_one(&self) -> bool {
        let is_one = |anonymous: &WayOut| match (anonymous, &self.identified) {
            (WayOut::Direct, WayOut::Direct) => true,
            (WayOut::Proxy(one), WayOut::Proxy(other)) => one == other,
            // Two transports of the caller's may be anything.
            (WayOut::Transport(one), WayOut::Transport(other)) => one.ptr_eq(other),
            _ => false,
        };
        self.anonymous.iter().any(is_one)
    }

    /// Whether the calls that must not name us leave from this machine's own address.
    pub(super) fn are_direct(&self) -> bool {
        matches!(self.anonymous[..], [WayOut::Direct])
    }

    /// What kind of way the anonymous lane has. Several are of one kind.
    pub(super) fn of_anonymous(&self) -> &WayOut {
        &self.anonymous[0]
    }

    /// For how long an unused connection of the anonymous lane is used again, if it is ours.
    pub(super) fn anonymous_idle_timeout(&self) -> Option<Duration> {
        match self.of_anonymous() {
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
    use crate::http::Unused;

    fn are_one(anonymous: Option<&str>, identified: Option<&str>) -> bool {
        let read = |text: &str| Url::parse(text).expect("a URL");
        let [anonymous, identified] = [anonymous, identified].map(|text| text.map(read));
        let ways = Ways {
            anonymous: vec![WayOut::of(None, anonymous.as_ref())],
            identified: WayOut::of(None, identified.as_ref()),
            is_isolated: false,
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

    #[test]
    fn a_list_is_one_way_with_whatever_is_on_the_host_of_one_of_its_proxies() {
        let of = |text: &str| WayOut::of(None, Some(&Url::parse(text).expect("a URL")));
        let list = ["socks5h://a:1", "http://b:1", "http://c:1"].map(of);
        for (identified, is_one) in [
            (of("http://a:9"), true),
            (of("http://C:1"), true),
            (of("http://d:1"), false),
            (WayOut::Direct, false),
        ] {
            let ways = Ways {
                anonymous: list.to_vec(),
                identified,
                is_isolated: false,
                idle_timeout: Duration::ZERO,
            };
            assert_eq!(ways.are_one(), is_one);
            assert!(!ways.are_direct());
        }
    }

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        for (one, other) in [
            (
                "socks5h://Proxy.Example:9050",
                "socks5h://proxy.example.:9050/",
            ),
            ("http://PROXY.example:1", "socks5h://proxy.example:1"),
            ("socks5h://127.0.0.1:9050", "http://localhost:9050"),
            ("socks5h://127.0.0.1:9050", "http://127.0.0.1:3128"),
            ("socks5h://[::1]:9050", "socks5h://LOCALHOST.:9050"),
            ("socks5h://127.1:9050", "socks5h://[::ffff:127.0.0.1]:9050"),
            ("socks5h://0x7f.0.0.1:9050", "http://127.0.0.2:9050"),
            ("socks5h://0.0.0.0:9050", "http://tor.localhost:9050"),
            ("socks5h://[2001:DB8::1]:1", "http://[2001:db8:0:0::1]:1"),
            ("socks5h://10.0.0.1:1", "http://[::ffff:10.0.0.1]:1"),
        ] {
            assert!(are_one(Some(one), Some(other)), "{one} {other}");
        }
        for (one, other) in [
            ("http://a.example:1", "http://b.example:1"),
            ("socks5h://127.0.0.1:9050", "socks5h://10.0.0.1:9050"),
        ] {
            assert!(!are_one(Some(one), Some(other)), "{one} {other}");
        }
    }

    #[test]
    fn one_transport_of_ones_own_is_one_way_and_of_two_nothing_is_said() {
        let [one, other]: [Arc<dyn Transport>; 2] = [Arc::new(Unused), Arc::new(Unused)];
        let are_one = |anonymous, identified| {
            let ways = Ways {
                anonymous: vec![WayOut::of(Some(anonymous), None)],
                identified: WayOut::of(Some(identified), None),
                is_isolated: false,
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
