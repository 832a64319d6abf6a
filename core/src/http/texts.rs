//! The URLs that people give for Persona and for proxies: each form is read as it is meant, or refused with
//! the true reason. What is read of lists is in `client/proxies.rs`.

use super::{parse_proxy, BaseUrl};
use crate::error::Result;

/// Stands for a password, or a piece of one.
const CANARY: &str = "canary";

fn check(read: impl Fn(&str) -> Result<String>, good: &[(&str, &str)], bad: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (given, meant) in good {
        match read(given) {
            Ok(url) if url == *meant => {}
            other => wrong.push(format!("{given:?}, meant as {meant}: {other:?}")),
        }
    }
    for (given, words) in bad {
        match read(given) {
            Ok(url) => wrong.push(format!("{given:?}, to be refused ({words}): {url:?}")),
            Err(error) => {
                let said = error.to_string();
                let is_silent = !format!("{said}{error:?}").contains(CANARY);
                if !said.contains(words) || !is_silent || error.code() != "invalid_argument" {
                    wrong.push(format!("{given:?}, to be refused ({words}): {said}"));
                }
            }
        }
    }
    let count = good.len() + bad.len();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn base_urls_are_read_as_meant_or_refused_truly() {
    let persona = "https://api.withpersona.com";
    check(
        |text| BaseUrl::parse(text).map(|url| url.as_str().to_owned()),
        &[
            (persona, persona),
            ("https://api.withpersona.com/", persona),
            ("https://api.withpersona.com//", persona),
            ("HTTPS://API.WithPersona.com", persona),
            ("https://api.withpersona.com:443", persona),
            (" https://api.withpersona.com\r\n", persona),
            ("\u{feff}https://api.withpersona.com", persona),
            ("\u{200b}https://api.withpersona.com\u{a0}", persona),
            ("\"https://api.withpersona.com\"", persona),
            ("'https://api.withpersona.com/'\n", persona),
            ("“https://api.withpersona.com”", persona),
            ("`https://api.withpersona.com`", persona),
            ("<https://api.withpersona.com>", persona),
            ("https://api.withpersona.com\\n", persona),
            ("\\\"https://api.withpersona.com\\\"", persona),
            ("https://example.com/prefix/", "https://example.com/prefix"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("https://example.com.", "https://example.com."),
            ("https://my_host:1", "https://my_host:1"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://192.0.2.1:0443", "https://192.0.2.1"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://LOCALHOST", "http://localhost"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ],
        &[
            ("", "is empty"),
            ("\"\"", "is empty"),
            (
                "api.withpersona.com",
                "has no scheme: it must begin with https://",
            ),
            ("localhost", "has no scheme"),
            ("localhost:8080", "has no scheme"),
            ("127.0.0.1:8080", "has no scheme"),
            ("//api.withpersona.com", "has no scheme"),
            ("/api", "has no scheme"),
            ("https:api.withpersona.com", "needs `://`"),
            ("https:/api.withpersona.com", "needs `://`"),
            ("https//api.withpersona.com", "needs `://`"),
            ("https:///api.withpersona.com", "has no host"),
            ("https://", "has no host"),
            ("https://:443", "has no host"),
            ("https://?x", "has no host"),
            ("htps://api.withpersona.com", "must begin with https"),
            ("ftp://127.0.0.1", "must begin with https"),
            ("https://https://api.withpersona.com", "two schemes"),
            ("https:\\\\api.withpersona.com", "backslash"),
            ("https://api.withpersona.com\\api", "backslash"),
            (
                "http://api.withpersona.com",
                "must begin with https: plain http",
            ),
            ("http://0.0.0.0:8080", "must begin with https: plain http"),
            (
                "http://localhost.example.com",
                "must begin with https: plain http",
            ),
            ("https://user:canary@example.com", "user name or password"),
            ("https://canary@example.com", "user name or password"),
            ("https://user:ca/canary@example.com", "%2F"),
            ("https://user:1#canary@example.com", "%23"),
            ("https://example.com/?a=canary", "query or a fragment"),
            ("https://example.com/#canary", "query or a fragment"),
            ("https://example.com:0", "port that is not from 1 to 65535"),
            (
                "https://example.com:65536",
                "port that is not from 1 to 65535",
            ),
            (
                "https://example.com:99999999999",
                "port that is not from 1 to 65535",
            ),
            ("https://example.com:", "no port after it"),
            ("https://example.com:https", "port that is no number"),
            ("https://::1:8443", "in brackets"),
            ("https://[::1", "without its `]`"),
            ("https://[::1]8443", "between its host and its port"),
            ("https://[fe80::1%25eth0]", "zone"),
            ("https://[example.com]", "host that is none"),
            ("http://0177.0.0.1", "four numbers"),
            ("http://127.1", "four numbers"),
            ("http://2130706433", "four numbers"),
            ("http://0x7f.0.0.1", "four numbers"),
            ("https://300.1.1.1", "host that is none"),
            ("https://.", "has no host"),
            ("https://example..com", "two dots"),
            ("https://exa mple.com", "has a blank in it"),
            ("https://api.with\npersona.com", "line break in it"),
            ("https://api.with\tpersona.com", "blank in it"),
            ("https://api.with\u{200b}persona.com", "nobody sees"),
            ("https://api.withpersona.com\u{0}", "control character"),
            ("https://api.withpersona.com,", "comma or semicolon"),
            ("https://api.withpersona.com;", "comma or semicolon"),
            ("\"https://api.withpersona.com\",", "a quote in it"),
            (
                "https://a.example,https://b.example",
                "two schemes, or is more than one",
            ),
            (
                "https://a.example,b.example",
                "comma or semicolon in its host",
            ),
            ("RELAYPASS_BASE_URL=https://canary.example", "whole line"),
            ("export BASE_URL=https://canary.example", "whole line"),
            ("$BASE_URL", "variable that nothing has replaced"),
            ("https://${HOST}", "nothing has replaced"),
            ("https://$HOST:443", "variable for its host"),
            ("https://{{ .Values.host }}", "nothing has replaced"),
            ("https://<host>", "gap in it"),
            ("https://*:443", "`*` for its host"),
            (
                "[Persona](https://api.withpersona.com)",
                "must begin with https",
            ),
        ],
    );
}

#[test]
fn proxies_urls_are_read_as_meant_or_refused_truly() {
    let https = BaseUrl::parse(BaseUrl::PERSONA).expect("her own");
    check(
        |text| parse_proxy(text, "The proxy", &https).map(|url| url.as_str().to_owned()),
        &[
            ("http://proxy:3128", "http://proxy:3128/"),
            ("HTTP://Proxy:3128/", "http://proxy:3128/"),
            ("http://proxy", "http://proxy/"),
            ("https://proxy.example", "https://proxy.example/"),
            ("socks5h://tor:9050", "socks5h://tor:9050"),
            ("SOCKS5H://TOR:9050/", "socks5h://tor:9050/"),
            ("socks5h://tor", "socks5h://tor"),
            ("socks5h://127.0.0.1:9050", "socks5h://127.0.0.1:9050"),
            ("socks5h://[::1]:9050", "socks5h://[::1]:9050"),
            ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128/"),
            (
                "socks5h://bücher.example:1",
                "socks5h://xn--bcher-kva.example:1",
            ),
            ("http://my_proxy:3128", "http://my_proxy:3128/"),
            ("http://proxy.example.:3128", "http://proxy.example.:3128/"),
            ("http://u:p@proxy:1", "http://u:p@proxy:1/"),
            ("http://u:p%40w@proxy:1", "http://u:p%40w@proxy:1/"),
            // The last `@` ends them: no host has one.
            ("http://u:p@w@proxy:1", "http://u:p%40w@proxy:1/"),
            ("http://u:p:w@proxy:1", "http://u:p%3Aw@proxy:1/"),
            ("http://u:$p!@proxy:1", "http://u:$p!@proxy:1/"),
            ("http://u@proxy:1", "http://u@proxy:1/"),
            ("socks5h://u:p@tor:9050", "socks5h://u:p@tor:9050"),
            (" socks5h://tor:9050\r\n", "socks5h://tor:9050"),
            ("\u{feff}'socks5h://tor:9050'", "socks5h://tor:9050"),
            ("“socks5h://tor:9050”", "socks5h://tor:9050"),
            ("socks5h://tor:9050\\n", "socks5h://tor:9050"),
        ],
        &[
            ("", "is empty"),
            (
                "proxy:3128",
                "no scheme: it must begin with http://, https:// or socks5h://",
            ),
            ("proxy.example", "no scheme"),
            ("localhost", "no scheme"),
            ("127.0.0.1:9050", "no scheme"),
            ("[::1]:9050", "no scheme"),
            ("u:canary@proxy:3128", "no scheme"),
            ("http:proxy:3128", "needs `://`"),
            ("http:/proxy:3128", "needs `://`"),
            ("socks5h:tor", "needs `://`"),
            ("http:///proxy", "has no host"),
            ("http://u:canary@", "has no host"),
            ("http://u:canary@:3128", "has no host"),
            (
                "ftp://canary",
                "must begin with http://, https:// or socks5h://",
            ),
            ("tcp://proxy:1", "must begin with"),
            ("socks5://u:canary@tor:9050", "must use socks5h"),
            ("socks://tor:9050", "must use socks5h"),
            ("socks4a://tor:9050", "must use socks5h"),
            ("http://u:canary/x@proxy:1", "%2F"),
            ("http://u:12/canary@proxy:1", "%2F"),
            ("http://u:12#canary@proxy:1", "%23"),
            ("http://u:12?canary@proxy:1", "%3F"),
            ("http://u:ca\\canary@proxy:1", "backslash"),
            ("http://u:canary canary@proxy:1", "has a blank in it"),
            ("http://proxy:3128/proxy.pac", "path, a query or a fragment"),
            ("http://proxy:3128?canary", "path, a query or a fragment"),
            ("socks5h://tor:9050/#canary", "path, a query or a fragment"),
            ("http://proxy:0", "port that is not from 1"),
            ("socks5h://tor:65536", "port that is not from 1"),
            ("http://proxy:", "no port after it"),
            ("http://proxy:port", "port that is no number"),
            ("http://proxy:3128:3129", "more than one `:`"),
            ("http://::1:3128", "in brackets"),
            ("http://fe80::1%eth0:3128", "in brackets"),
            ("http://[fe80::1%eth0]:3128", "zone"),
            ("socks5h://010.0.0.1:9050", "four numbers"),
            ("socks5h://127.1:9050", "four numbers"),
            ("socks5h://tor\u{ad}\u{200b}:9050", "nobody sees"),
            ("socks5h://to\nr:9050", "line break in it"),
            (
                "http://one:1;http://two:2",
                "two schemes, or is more than one",
            ),
            ("http://one:1;", "comma or semicolon"),
            ("HTTPS_PROXY=http://u:canary@proxy:1", "whole line"),
            ("http://${PROXY}:3128", "nothing has replaced"),
            ("http://u:<canary>@proxy:1", "gap in it"),
            ("http://%HOST%:3128", "host that is none"),
            ("DIRECT", "no scheme"),
            ("PROXY proxy:3128", "has a blank in it"),
        ],
    );
}
