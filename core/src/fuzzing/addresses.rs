//! URLs that people give: Persona's, proxies', stores'.

use std::net::Ipv6Addr;

use url::{Host, Url};

use super::{is_one_of, keeps_secrets};
use crate::client::proxy_host;
use crate::http::{parse_proxy, BaseUrl};
use crate::store::BuiltInStore;

/// Base URLs and proxies' URLs.
pub fn address(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let persona = BaseUrl::parse(BaseUrl::PERSONA).expect("her own");
    match keeps_secrets(text, BaseUrl::parse) {
        Ok(url) => {
            let read = url.as_str();
            assert!(!read.ends_with('/'), "{read}");
            let parsed = Url::parse(read).expect("it was read before");
            assert!(parsed.username().is_empty() && parsed.password().is_none());
            assert_eq!((parsed.query(), parsed.fragment()), (None, None));
            let is_loopback = match parsed.host().expect("it has one") {
                Host::Domain(name) => name == "localhost",
                Host::Ipv4(address) => address.octets()[0] == 127,
                Host::Ipv6(address) => address == Ipv6Addr::LOCALHOST,
            };
            match parsed.scheme() {
                "https" => {}
                scheme => assert!(scheme == "http" && is_loopback, "{read}"),
            }
            let again = BaseUrl::parse(read).expect("it was read before");
            assert_eq!(again.as_str(), read);
            assert_eq!(again.hosted_page(), url.hosted_page());
            proxy(text, &url);
        }
        Err(error) => is_one_of(&error, &["invalid_argument"]),
    }
    proxy(text, &persona);
}

fn proxy(text: &str, base_url: &BaseUrl) {
    match keeps_secrets(text, |text| parse_proxy(text, "The proxy", base_url)) {
        Ok(url) => {
            assert!(["http", "https", "socks5h"].contains(&url.scheme()));
            let host = proxy_host(&url);
            assert!(!host.is_empty());
            let again = parse_proxy(url.as_str(), "The proxy", base_url).expect("it was read");
            assert_eq!((&again, proxy_host(&again)), (&url, host));
        }
        Err(error) => is_one_of(&error, &["invalid_argument"]),
    }
}

/// URLs of stores. Nothing is connected or created by reading one.
pub fn store_url(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    // It names a file, which is read at once: what there is on this machine is nobody's to try.
    if text.contains("sslrootcert") {
        return;
    }
    match keeps_secrets(text, BuiltInStore::open) {
        Ok(store) => {
            let again = BuiltInStore::open_to_read(text).expect("it was read before");
            let same = std::mem::discriminant(&store) == std::mem::discriminant(&again);
            assert!(same, "read as two kinds of stores");
        }
        Err(error) => {
            is_one_of(&error, &["invalid_argument"]);
            assert!(BuiltInStore::open_to_read(text).is_err());
        }
    }
}
