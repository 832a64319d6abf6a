//! Two lanes: the call that names us, and the calls that must not.
//!
//! They have nothing in common but the address: no connection pool, no TLS state, no type. The
//! compiler keeps the API key out of the anonymous one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::gate::{Gate, Gates};
use super::transport::{Connection, FailureCause, Response, SendFailure, Sent, Transport};
use crate::credential::ApiKey;
use crate::error::{Error, Result};
use crate::future::BoxFuture;
use crate::given::{read_host_url, UrlForm};
use crate::releasable::Releasable;
use crate::wire::{AnonymousRequest, Request, SignRequest};

const PERSONAS: UrlForm = UrlForm {
    schemes: &["https", "http"],
    default_scheme: None,
    begins_with: "https://",
    like: BaseUrl::PERSONA,
};

/// Where Persona is: `https`, or `http` on loopback.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl(String);

impl BaseUrl {
    pub(crate) const PERSONA: &'static str = "https://api.withpersona.com";

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| Err(Error::invalid_argument(format!("The base URL {why}.")));
        let url = match read_host_url(text, &PERSONAS) {
            Ok(url) => url,
            Err(why) => return refused(&why),
        };
        let is_local = url.host().is_some_and(|host| is_loopback(&host));
        if url.scheme() == "http" && !is_local {
            return refused(
                "must begin with https: plain http would show every secret on the way (only loopback \
                 addresses may do without)",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("must not hold a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refused("must not hold a query or a fragment");
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn url(&self) -> Url {
        Url::parse(&self.0).expect("it was parsed before")
    }

    /// The page for visitors: Persona's own, or that of whoever stands in for Persona.
    pub(crate) fn hosted_page(&self) -> String {
        match self.0.as_str() {
            Self::PERSONA => "https://relay.withpersona.com/relay".to_owned(),
            _ => self.join("/relay"),
        }
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

pub(super) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

/// A lane and the only requests it takes.
pub(crate) trait Lane: Sync {
    type Request: Send + Sync;

    fn send<'a>(
        &'a self,
        request: &'a Self::Request,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, std::result::Result<Response, SendFailure>>;

    /// Where requests wait while Persona asks for a pause.
    fn gate(&self) -> &Gate;

    /// Takes the request's own secrets, and the lane's, out of a text.
    fn scrub(&self, request: &Self::Request, text: &str) -> String;
}

/// A transport, and where it leads.
#[derive(Clone)]
pub(crate) struct Route {
    transport: Arc<Releasable<dyn Transport>>,
    base_url: BaseUrl,
    /// Which of several proxies it leaves by, and how many those are.
    place: Option<(usize, usize)>,
}

/// Create, challenge, redeem. There is no place for an API key.
#[derive(Clone)]
pub(crate) struct AnonymousLane {
    route: Route,
    gate: Gate,
    /// Whether each call has a connection of its own: then no two are seen to be one caller's by it.
    isolates: bool,
}

/// Signs blinded messages, and can do nothing else.
pub(crate) struct IdentifiedLane {
    route: Route,
    api_key: ApiKey,
    gate: Gate,
}

impl Route {
    pub(crate) fn new(transport: Arc<dyn Transport>, base_url: BaseUrl) -> Self {
        Self {
            transport: Arc::new(Releasable::new(transport)),
            base_url,
            place: None,
        }
    }

    /// The same as one of several proxies: which of how many, counted from one.
    pub(super) fn placed(self, number: usize, count: usize) -> Self {
        Self {
            place: Some((number, count)),
            ..self
        }
    }

    /// Lets go of the connections.
    pub(crate) fn release(&self) {
        self.transport.release();
    }

    async fn deliver(
        &self,
        request: &Request,
        connection: Connection,
        timeout: Duration,
    ) -> std::result::Result<Response, SendFailure> {
        let url = self.base_url.join(request.path());
        let Some(transport) = self.transport.get() else {
            return Err(SendFailure {
                sent: Sent::Nothing,
                cause: FailureCause::Network,
                description: "the client was closed".to_owned(),
            });
        };
        let sent = transport.send(&url, request, connection, timeout).await;
        sent.map_err(|failure| self.locate(failure))
    }

    /// Says which of several proxies it was: not by what may be a secret.
    fn locate(&self, failure: SendFailure) -> SendFailure {
        match self.place {
            None => failure,
            Some((number, count)) => SendFailure {
                description: format!("{}, through proxy {number} of {count}", failure.description),
                ..failure
            },
        }
    }
}

impl AnonymousLane {
    pub(super) fn new(route: Route, gate: Gate, isolates: bool) -> Self {
        Self {
            route,
            gate,
            isolates,
        }
    }

    /// The same lane for requests under another limit.
    pub(super) fn behind(&self, gate: Gate) -> Self {
        Self {
            gate,
            ..self.clone()
        }
    }

    /// Lets go of the connections.
    pub(super) fn release(&self) {
        self.route.release();
    }
}

impl IdentifiedLane {
    pub(crate) fn new(route: Route, api_key: ApiKey, gates: &Arc<Gates>) -> Self {
        let gate = Gate::new(gates, &["key", api_key.expose()]);
        Self {
            route,
            api_key,
            gate,
        }
    }

    pub(crate) fn api_key(&self) -> &ApiKey {
        &self.api_key
    }
}

impl Lane for AnonymousLane {
    type Request = AnonymousRequest;

    fn send<'a>(
        &'a self,
        request: &'a AnonymousRequest,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, std::result::Result<Response, SendFailure>> {
        let connection = match self.isolates {
            true => Connection::Fresh,
            false => connection,
        };
        Box::pin(async move {
            let request = request.request();
            self.route.deliver(request, connection, timeout).await
        })
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn scrub(&self, request: &AnonymousRequest, text: &str) -> String {
        request.request().scrub(text)
    }
}

impl Lane for IdentifiedLane {
    type Request = SignRequest;

    fn send<'a>(
        &'a self,
        request: &'a SignRequest,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, std::result::Result<Response, SendFailure>> {
        let request = request.authorized(&self.api_key);
        Box::pin(async move { self.route.deliver(&request, connection, timeout).await })
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn scrub(&self, request: &SignRequest, text: &str) -> String {
        request.scrub(&self.api_key, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "https://api.withpersona.com",
            "https://example.com/prefix/",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:80",
            "http://localhost:1",
        ] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.withpersona.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1",
            "api.withpersona.com",
            "https://user:canary@example.com",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "",
        ] {
            let error = BaseUrl::parse(bad).unwrap_err();
            assert_eq!(error.code(), "invalid_argument", "{bad}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_host_that_is_a_dot_is_none() {
        for bad in ["https://.", "https://..:443/", "http://./", "https://"] {
            let error = BaseUrl::parse(bad).unwrap_err();
            assert!(error.to_string().contains("has no host"), "{bad}: {error}");
        }
        assert!(BaseUrl::parse("https://example.com.").is_ok());
    }

    #[test]
    fn a_prefix_of_the_base_url_is_kept() {
        let base = BaseUrl::parse("https://example.com/prefix/").unwrap();
        assert_eq!(base.join("/api/x"), "https://example.com/prefix/api/x");
    }
}
