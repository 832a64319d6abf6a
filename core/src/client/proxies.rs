//! The proxies that a client is given, as texts.

use std::collections::BTreeSet;

use url::Url;

use super::rules::MOST_PROXIES;
use crate::error::{Error, Result};
use crate::given::{items, meant};
use crate::http::{parse_proxy, BaseUrl};
use crate::secret::Secret;

/// Where a SOCKS proxy listens unless its URL says otherwise.
const SOCKS_PORT: u16 = 1080;

/// Reads the proxies of the calls that must not name us: one or several URLs in each text, with blanks or commas
/// between them, as a variable of the environment has them.
///
/// # Errors
/// `invalid_argument` if there is none, or more than 100, for one that is none, and for one that is there twice. A list
/// that is empty by mistake must not mean a direct connection.
pub(super) fn read_anonymous(texts: &[Secret<String>], base_url: &BaseUrl) -> Result<Vec<Url>> {
    let mut urls = Vec::new();
    // What is empty is not set.
    let texts = texts.iter().map(|text| text.expose().as_str());
    for text in texts.filter(|text| !meant(text).is_empty()) {
        let items = items(text).map_err(|place| {
            Error::invalid_argument(format!(
                "The list of anonymous proxies has nothing at its place {place}: a proxy is missing \
                 there, or there is a comma too many."
            ))
        })?;
        urls.extend(items.into_iter().flat_map(str::split_whitespace).map(meant));
    }
    if urls.windows(2).any(|pair| is_cut(pair[0], pair[1])) {
        return Err(Error::invalid_argument(
            "An anonymous proxy has a comma or a blank in its password, where a proxy ends: in a password \
             these are written %2C and %20.",
        ));
    }
    let count = urls.len();
    if count == 0 {
        return Err(Error::invalid_argument(
            "The anonymous proxy is empty: it looks like socks5h://host:port.",
        ));
    }
    if count > MOST_PROXIES {
        return Err(Error::invalid_argument(
            "At most 100 anonymous proxies can be named.",
        ));
    }
    let mut proxies = Vec::with_capacity(count);
    let mut names = BTreeSet::new();
    for (index, url) in urls.into_iter().enumerate() {
        let what = match count {
            1 => "The anonymous proxy".to_owned(),
            _ => format!("Anonymous proxy {} of {count}", index + 1),
        };
        let proxy = parse_proxy(url, &what, base_url)?;
        if !names.insert(name_of(&proxy)) {
            let why = "is there twice: proxies are told apart by scheme, user, host and port, not by password";
            return Err(Error::invalid_argument(format!("{what} {why}.")));
        }
        proxies.push(proxy);
    }
    Ok(proxies)
}

/// Whether two proxies of a list are one, whose password was taken apart: `http://user:a` and `b@host:1`.
fn is_cut(first: &str, second: &str) -> bool {
    let (_, rest) = first.split_once("://").unwrap_or_default();
    let port = rest.rsplit_once(':').map(|(_, port)| port);
    let is_port = |port: &str| port.bytes().all(|it| it.is_ascii_digit() || it == b'/');
    let ends_in_password = !rest.contains('@') && port.is_some_and(|port| !is_port(port));
    ends_in_password && second.contains('@') && !second.contains("://")
}

/// What a proxy is known by among several: not by its password, which may change, and not by what no proxy sees.
pub(super) fn name_of(proxy: &Url) -> String {
    // socks5h is no special scheme to the URL parser: its hosts come as they were written, and without a port.
    let host = proxy.host_str().unwrap_or_default().to_lowercase();
    let port = proxy.port_or_known_default().unwrap_or(SOCKS_PORT);
    format!("{}://{}@{host}:{port}", proxy.scheme(), proxy.username())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Vec<String>> {
        let texts: Vec<_> = texts
            .iter()
            .map(|it| Secret::new((*it).to_owned()))
            .collect();
        let base_url = BaseUrl::parse(BaseUrl::PERSONA).expect("it is good");
        let read = read_anonymous(&texts, &base_url);
        read.map(|urls| urls.iter().map(Url::to_string).collect())
    }

    #[test]
    fn several_are_a_list_or_one_text_with_blanks_or_commas() {
        let both = ["http://one:1/", "socks5h://two:2"];
        for texts in [
            &["http://one:1", "socks5h://two:2"][..],
            &["http://one:1 socks5h://two:2"],
            &["http://one:1,socks5h://two:2"],
            &[" http://one:1 ,\n socks5h://two:2,\n"],
            &["", "http://one:1,", " socks5h://two:2"],
            &["http://one:1\nsocks5h://two:2\n"],
            &["\"http://one:1\", \"socks5h://two:2\""],
            &["'http://one:1,socks5h://two:2'"],
            &["\"http://one:1\" \"socks5h://two:2\""],
            &["[\"http://one:1\", \"socks5h://two:2\"]"],
            &["\u{feff}http://one:1,\u{200b}socks5h://two:2\r\n"],
            &["“http://one:1”, “socks5h://two:2”"],
        ] {
            assert_eq!(read(texts).expect("they are good"), both, "{texts:?}");
        }
        assert_eq!(read(&["http://one:1"]).expect("it is good"), both[..1]);
    }

    #[test]
    fn a_comma_in_a_password_is_written_as_in_any_url() {
        let read = read(&["http://a:b%2Cc@one:1"]).expect("it is good");
        assert_eq!(read, ["http://a:b%2Cc@one:1/"]);
    }

    #[test]
    fn what_is_no_list_of_proxies_is_refused_and_the_place_told() {
        let many = (1..=101).map(|port| format!("http://one:{port} "));
        let many: String = many.collect();
        for (texts, says) in [
            (&[][..], "is empty"),
            (&[""], "is empty"),
            (&[" , "], "nothing at its place 1"),
            (&["http://user:a,b@one:1"], "written %2C"),
            (&["http://two:2,socks5h://user:a,b@one:1"], "written %2C"),
            (&["http://user:a b@one:1"], "written %2C and %20"),
            (&["http://one:1,,http://two:1"], "nothing at its place 2"),
            (&["http://one:1", ",socks5h://two:2"], "nothing at its place 1"),
            (&["http://one:1;http://two:1"], "more than one URL"),
            (&["http://one:1;"], "comma or semicolon"),
            (&["http://one:1 and http://two:1"], "proxy 2 of 3 has no scheme"),
            (&["PROXIES=http://a:canary@one:1"], "must begin with http"),
            (&["MY_PROXIES=http://a:canary@one:1"], "whole line"),
            (&["http://a:canary@one:1 # ours"], "proxy 2 of 3 has no scheme"),
            (&["$PROXY_A,$PROXY_B"], "proxy 1 of 2 is the name of a variable"),
            (&["tor:9050"], "The anonymous proxy has no scheme"),
            (
                &["http://one:1", "tor"],
                "Anonymous proxy 2 of 2 has no scheme",
            ),
            (
                &["http://one:1,socks5://canary@two:2"],
                "proxy 2 of 2 must use socks5h",
            ),
            (
                &["http://one:1", "http://two:1", "http://ONE:1/"],
                "proxy 3 of 3 is there twice",
            ),
            // All relays would leave by the first.
            (
                &["http://a:canary1@one:1", "http://a:canary2@one:1"],
                "proxy 2 of 2 is there twice: proxies are told apart by scheme, user, host and port, not by password",
            ),
            (
                &["socks5h://tor:1080", "socks5h://TOR"],
                "proxy 2 of 2 is there twice",
            ),
            (
                &["socks5h://tor:1080", "socks5h://other/path?query#fragment"],
                "proxy 2 of 2 must not hold a path",
            ),
            (&[many.as_str()], "At most 100"),
        ] {
            let error = read(texts).expect_err("it is refused");
            assert_eq!(error.code(), "invalid_argument", "{texts:?}");
            assert!(error.to_string().contains(says), "{error}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_password_that_changes_makes_no_other_proxy_and_a_user_does() {
        let [one, same, other] = ["http://a:b@h:1", "http://a:c@h:1", "http://d:b@h:1"]
            .map(|url| name_of(&Url::parse(url).expect("a URL")));
        assert!(one == same && one != other);
    }

    #[test]
    fn what_differs_in_more_than_spelling_is_another_proxy() {
        let different = [
            "socks5h://tor:1",
            "socks5h://tor:2",
            "socks5h://other:1",
            "socks5h://user@tor:1",
            "http://tor:1",
        ];
        assert_eq!(read(&different).expect("they are good").len(), 5);
        let most: Vec<_> = (1..=100).map(|port| format!("http://one:{port}")).collect();
        let most: Vec<_> = most.iter().map(String::as_str).collect();
        assert_eq!(read(&most).expect("they are good").len(), 100);
    }
}
