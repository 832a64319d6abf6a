//! The transport over reqwest and rustls.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::client::Resumption;
use rustls::ClientConfig;
use url::Url;
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
use crate::secret::rand_core::Rng;
use crate::secret::{os_random, Secret};
use crate::tls;
use crate::wire::{Request, ResponseHead};

/// What makes one lane's route.
pub(crate) struct RouteOptions<'a> {
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
        let takes_any = |proxy: &&Url| proxy.scheme() == "socks5h" && proxy.username().is_empty();
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
        let (body, watch) = WatchedBody::new(request.body());
        let failed = |error: reqwest::Error| describe(&error, watch.forbid());
        let response = client
            .post(url)
            .headers(header_map(request))
            .body(reqwest::Body::wrap(body))
            .timeout(timeout)
            .send()
            .await;
        let mut response = response.map_err(failed)?;
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

/// Reads a proxy's URL.
///
/// # Errors
/// `invalid_argument` for other schemes; `socks5` is one of them, because it looks names up here,
/// past the proxy. For `socks5h` without the crate's feature `socks`. And for a proxy on another
/// machine when Persona is spoken to without TLS.
pub(crate) fn parse_proxy(text: &str, what: &str, base_url: &BaseUrl) -> Result<Url> {
    let refused = |why: &str| Error::invalid_argument(format!("{what} {why}."));
    let url = Url::parse(text).map_err(|_| refused("is not a URL, like socks5h://host:port"))?;
    match url.scheme() {
        "socks5h" if !cfg!(feature = "socks") => return Err(refused(
            "is a SOCKS proxy, and this program was built without: build the crate relaypass with \
             its feature `socks`",
        )),
        "http" | "https" | "socks5h" if url.host_str().is_some_and(|host| !host.is_empty()) => {}
        "socks5" | "socks4" | "socks4a" | "socks" => return Err(refused(
            "must use socks5h: other socks proxies look names up on this machine, where others \
                 can see it",
        )),
        _ => return Err(refused("must begin with http, https or socks5h")),
    }
    // socks5h is no special scheme to the URL parser: its addresses come as names.
    let address = url.host_str().unwrap_or_default();
    let is_local = Url::parse(&format!("http://{address}"))
        .is_ok_and(|plain| plain.host().is_some_and(|host| is_loopback(&host)));
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

fn header_map(request: &Request) -> HeaderMap {
    request
        .headers()
        .map(|(name, value)| {
            let mut header = HeaderValue::from_str(value.expose())
                .expect("header values were checked when their types were made");
            header.set_sensitive(true);
            (HeaderName::from_static(name), header)
        })
        .collect()
}

fn read_head(response: &reqwest::Response) -> ResponseHead {
    let header = |name: &str| {
        let values = response.headers().get_all(name).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
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

    #[test]
    fn a_ca_that_is_no_certificate_is_refused() {
        for pem in [
            "",
            "garbage",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let route = RouteOptions {
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
