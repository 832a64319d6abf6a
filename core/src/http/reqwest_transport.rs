//! The transport over reqwest and rustls.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Method;
use rustls::client::Resumption;
use rustls::ClientConfig;
use url::{Position, Url};
use zeroize::Zeroizing;

use super::clock::now_ms;
use super::lane::{is_loopback, BaseUrl};
use super::transport::{
    Connection, FailureCause, Response, SendFailure, Sent, Transport, LARGEST_BODY,
};
use super::watched_body::WatchedBody;
use crate::encoding::encode_hex;
use crate::error::{Error, Result};
use crate::future::BoxFuture;
use crate::given::{read_host_url, UrlForm};
use crate::secret::rand_core::Rng;
use crate::secret::{os_random, Secret};
use crate::tls;
use crate::wire::{Request, ResponseHead, CONSTANT_HEADERS};

/// What makes one lane's route.
pub(crate) struct RouteOptions<'a> {
    /// Where it leads.
    pub(crate) base_url: &'a BaseUrl,
    /// `http`, `https` or `socks5h`; none means a direct connection. Never the environment's.
    pub(crate) proxy: Option<&'a Url>,
    /// Certificates to trust beside the public ones, in PEM.
    pub(crate) ca_pem: Option<&'a str>,
    /// How long a connection that nobody uses is kept.
    pub(crate) idle_timeout: Duration,
    /// Whether TLS sessions may be resumed. A ticket is a name that the server gave us.
    pub(crate) resumption: bool,
    /// Whether each fresh connection through a SOCKS proxy has random credentials, unless the proxy's own
    /// are given: Tor gives each a circuit of its own (`IsolateSOCKSAuth`).
    pub(crate) isolates: bool,
}

/// One lane's connections: a pool of its own, TLS state of its own.
pub(crate) struct ReqwestTransport {
    /// What all requests' URLs begin with, read once.
    base_url: Url,
    pooled: reqwest::Client,
    /// Never reuses a connection.
    fresh: reqwest::Client,
    /// What each fresh connection is made with anew, if it is to have credentials of its own.
    isolated: Option<Isolated>,
}

/// A SOCKS proxy that takes any credentials.
struct Isolated {
    tls: ClientConfig,
    proxy: Url,
}

impl Isolated {
    fn of(route: &RouteOptions<'_>) -> Result<Option<Self>> {
        let has_own = |proxy: &Url| !proxy.username().is_empty() || proxy.password().is_some();
        let takes_any = |proxy: &&Url| proxy.scheme() == "socks5h" && !has_own(proxy);
        let Some(proxy) = route.proxy.filter(|_| route.isolates).filter(takes_any) else {
            return Ok(None);
        };
        Ok(Some(Self {
            tls: tls_config(route)?,
            proxy: proxy.clone(),
        }))
    }

    /// For one connection.
    fn client(&self) -> Result<reqwest::Client> {
        let mut name = [0; 16];
        os_random().fill_bytes(&mut name);
        let name = encode_hex(&name);
        let mut proxy = self.proxy.clone();
        // Both are refused only where a URL has no host, and this one has.
        let _ = proxy.set_username(&name);
        let _ = proxy.set_password(Some(&name));
        client(self.tls.clone(), Some(&proxy), Duration::ZERO, 0)
    }
}

impl ReqwestTransport {
    pub(crate) fn new(route: &RouteOptions<'_>) -> Result<Self> {
        // Each with TLS sessions of its own: a fresh connection resumes none of the pooled ones'.
        let client = |connections| {
            client(
                tls_config(route)?,
                route.proxy,
                route.idle_timeout,
                connections,
            )
        };
        Ok(Self {
            base_url: route.base_url.url(),
            pooled: client(usize::MAX)?,
            fresh: client(0)?,
            isolated: Isolated::of(route)?,
        })
    }

    async fn exchange(
        &self,
        url: &str,
        request: &Request,
        connection: Connection,
        timeout: Duration,
    ) -> std::result::Result<Response, SendFailure> {
        let of_its_own = self
            .isolated
            .as_ref()
            .filter(|_| connection == Connection::Fresh);
        let of_its_own = of_its_own.map(Isolated::client).transpose();
        let of_its_own = of_its_own.map_err(|error| SendFailure {
            sent: Sent::Nothing,
            cause: FailureCause::Network,
            description: error.message().to_owned(),
        })?;
        let client = match (connection, &of_its_own) {
            (Connection::Any, _) => &self.pooled,
            (Connection::Fresh, None) => &self.fresh,
            (Connection::Fresh, Some(client)) => client,
        };
        let url = read_url(url, &self.base_url).map_err(|_| SendFailure {
            sent: Sent::Nothing,
            cause: FailureCause::Network,
            description: "the URL cannot be read".to_owned(),
        })?;
        let (body, watch) = WatchedBody::new(request.body());
        let mut sent = reqwest::Request::new(Method::POST, url);
        *sent.headers_mut() = header_map(request);
        *sent.body_mut() = Some(reqwest::Body::wrap(body));
        *sent.timeout_mut() = Some(timeout);
        let failed = |error: reqwest::Error| describe(&error, watch.forbid());
        let mut response = client.execute(sent).await.map_err(failed)?;
        let head = read_head(&response);
        let announced = response.content_length();
        let Ok(capacity) = usize::try_from(announced.unwrap_or(LARGEST_BODY as u64)) else {
            return Ok(Response { head, body: None });
        };
        if capacity > LARGEST_BODY {
            return Ok(Response { head, body: None });
        }
        // Room for all of it at once: a buffer that grew would leave copies behind.
        let mut body = Zeroizing::new(Vec::with_capacity(capacity));
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Ok(Response { head, body: None });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            head,
            body: Some(Secret::new(std::mem::take(&mut *body))),
        })
    }
}

impl Transport for ReqwestTransport {
    fn send<'a>(
        &'a self,
        url: &'a str,
        request: &'a Request,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, std::result::Result<Response, SendFailure>> {
        Box::pin(self.exchange(url, request, connection, timeout))
    }
}

/// The socks proxies that are refused have their own reason.
const PROXIES: UrlForm = UrlForm {
    schemes: &[
        "http", "https", "socks5h", "socks5", "socks4", "socks4a", "socks",
    ],
    default_scheme: None,
    begins_with: "http://, https:// or socks5h://",
    like: "socks5h://host:port",
};

/// Reads a proxy's URL.
///
/// # Errors
/// `invalid_argument` for other schemes; `socks5` is one of them, because it looks names up here,
/// past the proxy. For `socks5h` without the crate's feature `socks`. And for a proxy on another
/// machine when Persona is spoken to without TLS.
pub(crate) fn parse_proxy(text: &str, what: &str, base_url: &BaseUrl) -> Result<Url> {
    let refused = |why: &str| Error::invalid_argument(format!("{what} {why}."));
    let url = read_host_url(text, &PROXIES).map_err(|why| refused(&why))?;
    match url.scheme() {
        "socks5h" if !cfg!(feature = "socks") => {
            return Err(refused(
                "is a SOCKS proxy, and this program was built without: build the crate relaypass \
                 with its feature `socks`",
            ))
        }
        "http" | "https" | "socks5h" => {}
        _ => return Err(refused(
            "must use socks5h: other socks proxies look names up on this machine, where others \
                 can see it",
        )),
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "must not hold a path, a query or a fragment, which no proxy sees",
        ));
    }
    // socks5h is no special scheme to the URL parser: addresses are names to it.
    let plain = Url::parse(&format!("http://{}", url.host_str().unwrap_or_default()));
    let is_local = plain.is_ok_and(|plain| plain.host().is_some_and(|host| is_loopback(&host)));
    if !base_url.is_https() && !is_local {
        return Err(refused(
            "is on another machine, and the base URL is plain http: every secret would be readable \
             on the way",
        ));
    }
    Ok(url)
}

fn client(
    tls: ClientConfig,
    proxy: Option<&Url>,
    idle_timeout: Duration,
    idle_connections: usize,
) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .tcp_nodelay(true)
        .pool_idle_timeout(idle_timeout)
        .pool_max_idle_per_host(idle_connections);
    if let Some(proxy) = proxy {
        let proxy = reqwest::Proxy::all(proxy.as_str())
            .map_err(|_| Error::invalid_argument("The proxy's URL cannot be used."))?;
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|_| Error::invalid_argument("The HTTP client cannot be built from these options."))
}

fn tls_config(route: &RouteOptions<'_>) -> Result<ClientConfig> {
    let mut roots = tls::public_authorities();
    if let Some(pem) = route.ca_pem {
        tls::trust(&mut roots, pem, "ca_pem")?;
    }
    let mut config = tls::client_config(roots);
    if !route.resumption {
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}

/// A URL of this client's own making. Reading its host is most of what reading a URL takes, and that is
/// always the same.
fn read_url(text: &str, base_url: &Url) -> std::result::Result<Url, url::ParseError> {
    let path = text.strip_prefix(&base_url[..Position::BeforePath]);
    match path.filter(|path| path.starts_with('/') && !path.contains(['?', '#'])) {
        Some(path) => {
            let mut url = base_url.clone();
            url.set_path(path);
            Ok(url)
        }
        None => Url::parse(text),
    }
}

fn header_map(request: &Request) -> HeaderMap {
    let own = request.own_headers();
    // Two more come from the HTTP library.
    let mut headers = HeaderMap::with_capacity(CONSTANT_HEADERS.len() + own.len() + 2);
    for (name, value) in CONSTANT_HEADERS {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    for header in own {
        let mut value = HeaderValue::from_str(header.value.expose())
            .expect("header values were checked when their types were made");
        value.set_sensitive(true);
        headers.append(HeaderName::from_static(header.name), value);
    }
    headers
}

fn read_head(response: &reqwest::Response) -> ResponseHead {
    let header = |name: &str| {
        let values = response.headers().get_all(name).iter();
        let mut texts = values.filter_map(|value| value.to_str().ok());
        let first = texts.next()?.to_owned();
        Some(texts.fold(first, |texts, text| texts + ", " + text))
    };
    ResponseHead::read(response.status().as_u16(), header, now_ms())
}

/// Says what happened in words that cannot hold a secret: reqwest's own texts hold URLs, and those
/// hold relay tokens and proxy passwords.
fn describe(error: &reqwest::Error, sent: Sent) -> SendFailure {
    let proxys = causes(error).find_map(said_by_proxy);
    let cause = match proxys {
        Some((cause, _)) => cause,
        None if error.is_timeout() => FailureCause::Timeout,
        None => FailureCause::Network,
    };
    let what = match (sent, cause) {
        (Sent::Nothing, FailureCause::Timeout) => "connecting took too long",
        (Sent::Nothing, _) => "no connection",
        (Sent::Perhaps, FailureCause::Timeout) => "no whole answer in time",
        (Sent::Perhaps, _) => "the connection broke before a whole answer came",
    };
    let reason = match proxys {
        Some((_, words)) => Some(words.to_owned()),
        None => causes(error).find_map(reason),
    };
    let is_proxys = causes(error).any(is_on_the_way_to_the_proxy);
    let reason = reason.map(|reason| match is_proxys {
        true => format!("to the proxy: {reason}"),
        false => reason,
    });
    let reason = reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    SendFailure {
        sent,
        cause,
        description: format!("{what}{reason}"),
    }
}

/// What a proxy has to say, which only the texts of the HTTP library tell. It does not tell a 403 from a
/// 502: both are no 200.
fn said_by_proxy(cause: &(dyn StdError + 'static)) -> Option<(FailureCause, &'static str)> {
    Some(match cause.to_string().as_str() {
        "tunnel error: proxy authorization required" => (
            FailureCause::Refused,
            "the proxy answered 407: it wants a user and a password in its URL, or other ones",
        ),
        "tunnel error: unsuccessful" => (
            FailureCause::Network,
            "the proxy refused the tunnel: it may not allow this host (403) or not reach it (502)",
        ),
        "tunnel error: unexpected end of file" => (
            FailureCause::Network,
            "the proxy closed the connection without an answer: it may be none, or want TLS",
        ),
        _ => return None,
    })
}

/// Whether it failed before the proxy was asked for anything.
fn is_on_the_way_to_the_proxy(cause: &(dyn StdError + 'static)) -> bool {
    cause
        .to_string()
        .ends_with("failed to create underlying connection")
}

/// What can be said of a cause: TLS alerts and the kinds of I/O errors are made of fixed words.
fn reason(cause: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls::tls_in_words(tls));
    }
    let io = cause.downcast_ref::<io::Error>()?;
    // An I/O error around another error says less than the one within.
    let within = io.get_ref().and_then(|within| reason(within));
    Some(within.unwrap_or_else(|| io.kind().to_string()))
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| {
        (*cause).source()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_looks_names_up_here_is_refused() {
        let https = BaseUrl::parse(BaseUrl::PERSONA).unwrap();
        for good in [
            "http://127.0.0.1:3128",
            "socks5h://u:p@tor:9050",
            "https://proxy:443",
        ] {
            assert!(parse_proxy(good, "The proxy", &https).is_ok(), "{good}");
        }
        for bad in [
            "socks5://u:canary@tor:9050",
            "tor:9050",
            "ftp://canary",
            "",
            "http://",
        ] {
            let error = parse_proxy(bad, "The proxy", &https).unwrap_err();
            assert_eq!(error.code(), "invalid_argument", "{bad}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_proxy_whose_host_is_a_dot_has_none() {
        let https = BaseUrl::parse(BaseUrl::PERSONA).unwrap();
        for bad in [
            "http://.:1",
            "https://..",
            "socks5h://.",
            "socks5h://%2E",
            "socks5h://。:1",
            "socks5h://",
        ] {
            let error = parse_proxy(bad, "The proxy", &https).unwrap_err();
            assert!(error.to_string().contains("has no host"), "{bad}: {error}");
        }
        assert!(parse_proxy("http://proxy.example.:1", "The proxy", &https).is_ok());
    }

    #[test]
    fn a_proxy_on_another_machine_does_not_get_to_read_plain_http() {
        let plain = BaseUrl::parse("http://127.0.0.1:1").unwrap();
        for good in [
            "http://127.0.0.1:2",
            "socks5h://127.0.0.1:2",
            "socks5h://localhost:2",
        ] {
            assert!(parse_proxy(good, "The proxy", &plain).is_ok(), "{good}");
        }
        for bad in ["http://proxy.example:3128", "socks5h://10.0.0.1:1"] {
            let error = parse_proxy(bad, "The proxy", &plain).unwrap_err();
            assert_eq!(error.code(), "invalid_argument", "{bad}");
        }
    }

    #[cfg(feature = "socks")]
    #[test]
    fn a_socks_proxy_that_is_given_credentials_or_half_of_them_gets_no_others() {
        let base_url = BaseUrl::parse(BaseUrl::PERSONA).unwrap();
        let gets_random_ones = |own: &str| {
            let proxy = Url::parse(&format!("socks5h://{own}tor:9050")).unwrap();
            let route = RouteOptions {
                base_url: &base_url,
                proxy: Some(&proxy),
                ca_pem: None,
                idle_timeout: Duration::ZERO,
                resumption: false,
                isolates: true,
            };
            Isolated::of(&route).unwrap().is_some()
        };
        assert!(gets_random_ones(""));
        for own in ["user:secret@", "user@", ":secret@"] {
            assert!(!gets_random_ones(own), "{own}");
        }
    }

    #[test]
    fn a_url_is_read_as_if_it_were_read_whole() {
        for base in [
            "https://example.com",
            "http://127.0.0.1:1/prefix/",
            "https://[::1]:2",
        ] {
            let base_url = BaseUrl::parse(base).unwrap();
            for path in [
                "/api/privacy/v1/relays",
                "/a%2F..%2Fb/c",
                "/a/../b/./c%20d",
                "/ä?b#c",
                "@elsewhere/a",
                ":9/a",
                "",
            ] {
                let text = format!("{}{path}", base_url.as_str());
                assert_eq!(
                    read_url(&text, &base_url.url()),
                    Url::parse(&text),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_ca_that_is_no_certificate_is_refused() {
        for pem in [
            "",
            "garbage",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let route = RouteOptions {
                base_url: &BaseUrl::parse(BaseUrl::PERSONA).unwrap(),
                proxy: None,
                ca_pem: Some(pem),
                idle_timeout: Duration::from_secs(1),
                resumption: false,
                isolates: false,
            };
            assert_eq!(tls_config(&route).unwrap_err().code(), "invalid_argument");
        }
    }
}
