//! What a client does so that Persona cannot join its calls, and what strict privacy asks of its
//! options.

use std::net::IpAddr;

use url::{Host, Url};

use super::options::PassBinding;
use crate::error::{Error, Result};

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

impl Privacy {
    /// Reads `standard` or `strict`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "standard" => Ok(Privacy::Standard),
            "strict" => Ok(Privacy::Strict),
            _ => Err(Error::invalid_argument(
                "The privacy is \"standard\" or \"strict\".",
            )),
        }
    }

    pub(crate) fn is_strict(self) -> bool {
        self == Privacy::Strict
    }
}

/// One lane's way out.
pub(super) enum WayOut<'a> {
    /// This machine's own address.
    Direct,
    Proxy(&'a Url),
    /// A transport of the caller's, who answers for it.
    Own,
}

impl WayOut<'_> {
    fn is(&self, other: &WayOut) -> bool {
        match (self, other) {
            (WayOut::Direct, WayOut::Direct) => true,
            // Other credentials, or another scheme, may still leave from the same address.
            (WayOut::Proxy(one), WayOut::Proxy(other)) => listens_at(one) == listens_at(other),
            _ => false,
        }
    }
}

/// Where a proxy is, however it is written, as far as that can be told without asking anybody: a name and the
/// address that it stands for are two to us, but for those of this machine.
fn listens_at(proxy: &Url) -> (String, u16) {
    let port = proxy.port().unwrap_or(match proxy.scheme() {
        "http" => 80,
        "https" => 443,
        _ => 1080,
    });
    let written = proxy.host_str().unwrap_or_default();
    // socks5h is no special scheme to the URL parser: its hosts come as they were written.
    let plain = Url::parse(&format!("http://{written}"));
    let host = match plain.as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => name.trim_end_matches('.').to_owned(),
        Ok(Some(Host::Ipv4(address))) => numbered(IpAddr::V4(address)),
        Ok(Some(Host::Ipv6(address))) => numbered(IpAddr::V6(address)),
        Ok(None) | Err(_) => written.to_lowercase(),
    };
    let is_local = host == THIS_MACHINE || host.ends_with(".localhost");
    (
        if is_local {
            THIS_MACHINE.to_owned()
        } else {
            host
        },
        port,
    )
}

/// An address; each of this machine's own is the same to us.
fn numbered(address: IpAddr) -> String {
    let address = address.to_canonical();
    match address.is_loopback() || address.is_unspecified() {
        true => THIS_MACHINE.to_owned(),
        false => address.to_string(),
    }
}

const THIS_MACHINE: &str = "localhost";

/// What strict privacy asks of a client's options.
///
/// # Errors
/// `invalid_argument`, and what to change.
pub(super) fn check_strict(
    pass_pool: u32,
    binding: PassBinding,
    anonymous: &WayOut,
    identified: &WayOut,
) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::invalid_argument(format!(
            "privacy = \"strict\" {what}"
        )))
    };
    if pass_pool == 0 {
        return refused(
            "takes passes from the pool only: set pass_pool to how many are to be held ready, best to twice \
             as many as you use in a week, and set store.",
        );
    }
    if binding == PassBinding::Relay {
        return refused(
            "needs passes that can be bought ahead: leave pass_binding at \"claim_type\".",
        );
    }
    if matches!(anonymous, WayOut::Direct) {
        return refused(
            "needs another way out for the calls that must not name you: set anonymous_proxy, best \
             to exits that many others use, such as Tor's.",
        );
    }
    if anonymous.is(identified) {
        return refused(
            "needs different ways out for the two lanes: anonymous_proxy and identified_proxy are \
             the same proxy. Leave identified_proxy out, or name another one.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pass_pool: u32, binding: PassBinding, anonymous: &str, identified: &str) -> String {
        let urls = [anonymous, identified].map(|text| Url::parse(text).ok());
        let [anonymous, identified] = [0, 1].map(|lane| match &urls[lane] {
            None => WayOut::Direct,
            Some(url) => WayOut::Proxy(url),
        });
        match check_strict(pass_pool, binding, &anonymous, &identified) {
            Ok(()) => "good".to_owned(),
            Err(error) => {
                assert_eq!(error.code(), "invalid_argument");
                error.to_string()
            }
        }
    }

    #[test]
    fn strict_says_what_is_missing() {
        let by_type = |pool, anonymous, identified| {
            check(pool, PassBinding::ClaimType, anonymous, identified)
        };
        assert_eq!(by_type(1, "socks5h://tor:9050", ""), "good");
        assert_eq!(
            by_type(1, "socks5h://tor:9050", "http://other:9050"),
            "good"
        );
        assert!(by_type(0, "socks5h://tor:9050", "").contains("set pass_pool"));
        assert!(by_type(1, "", "").contains("set anonymous_proxy"));
        assert!(by_type(1, "", "http://proxy:1").contains("set anonymous_proxy"));
        let bound = check(1, PassBinding::Relay, "socks5h://tor:9050", "");
        assert!(bound.contains("pass_binding"));
    }

    #[test]
    fn two_proxies_are_two() {
        for (anonymous, identified) in [
            ("socks5h://tor:9050", "socks5h://tor:9051"),
            ("http://proxy", "https://proxy"),
            ("http://a.example:1", "http://b.example:1"),
            ("socks5h://127.0.0.1:9050", "socks5h://10.0.0.1:9050"),
            ("socks5h://127.0.0.1:9050", "http://127.0.0.1:3128"),
        ] {
            let found = check(1, PassBinding::ClaimType, anonymous, identified);
            assert_eq!(found, "good", "{anonymous} {identified}");
        }
    }

    #[test]
    fn two_lanes_through_one_proxy_leave_from_one_address() {
        for (anonymous, identified) in [
            ("socks5h://tor:9050", "socks5h://tor:9050"),
            ("socks5h://a:b@tor:9050", "socks5h://c:d@tor:9050"),
            ("http://proxy:3128", "socks5h://proxy:3128"),
            ("https://proxy", "https://proxy:443"),
            ("http://proxy", "http://proxy:80/"),
            ("socks5h://proxy", "socks5h://proxy:1080"),
            (
                "socks5h://Proxy.Example:9050",
                "socks5h://proxy.example.:9050/",
            ),
            ("http://PROXY.example:1", "socks5h://proxy.example:1"),
            ("socks5h://127.0.0.1:9050", "http://localhost:9050"),
            ("socks5h://[::1]:9050", "socks5h://LOCALHOST.:9050"),
            ("socks5h://127.1:9050", "socks5h://[::ffff:127.0.0.1]:9050"),
            ("socks5h://0x7f.0.0.1:9050", "http://127.0.0.2:9050"),
            ("socks5h://0.0.0.0:9050", "http://tor.localhost:9050"),
            ("socks5h://[2001:DB8::1]:1", "http://[2001:db8:0:0::1]:1"),
            ("socks5h://10.0.0.1:1", "http://[::ffff:10.0.0.1]:1"),
        ] {
            let refused = check(1, PassBinding::ClaimType, anonymous, identified);
            assert!(
                refused.contains("the same proxy"),
                "{anonymous} {identified}"
            );
        }
    }
}
