//! `relaypass health`: for images that hold nothing else to ask with.

use std::path::PathBuf;
use std::time::Duration;

use relaypass::given::{read_host_url, UrlForm};
use reqwest::Url;

use crate::settings::read;
use crate::{http, CommandResult};

/// A gateway that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// So much of an answer is printed.
const LONGEST_DETAILS: usize = 200;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the gateway is; without a scheme, http
    #[arg(env = "RELAYPASS_URL", default_value = "http://127.0.0.1:8480")]
    url: String,
    /// Ask whether it is ready (its store answers), not only whether it is alive
    #[arg(long)]
    ready: bool,
    /// A certificate to trust, in PEM: that of a gateway with https
    #[arg(long)]
    ca: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    let ca = arguments
        .ca
        .as_deref()
        .map(|path| read("--ca", path))
        .transpose()?;
    let client = http::client(ca.as_deref().map(String::as_str))?;
    let client = client.timeout(PATIENCE).build()?;
    let endpoint = match arguments.ready {
        true => "readyz",
        false => "healthz",
    };
    let url = address(&arguments.url)?;
    let asked = format!("{}/{endpoint}", url.as_str().trim_end_matches('/'));
    let url = named(url, endpoint);
    let answer = match client.get(&asked).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let reason = http::reason(&error);
            let hint = match reason.contains("UnknownIssuer") {
                true => " (--ca)",
                false => "",
            };
            return Err(format!("{url}: {reason}{hint}").into());
        }
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    // The gateway's own word for it; of a stranger's page, nothing.
    let details = answer.text().await.ok().and_then(|body| {
        let body: serde_json::Value = serde_json::from_str(&body).ok()?;
        let details = body["errors"][0]["details"].as_str()?.chars();
        let details = details.filter(|letter| !letter.is_control());
        Some(format!(
            ": {}",
            details.take(LONGEST_DETAILS).collect::<String>()
        ))
    });
    Err(format!("{url} answered {status}{}", details.unwrap_or_default()).into())
}

const GATEWAYS: UrlForm = UrlForm {
    schemes: &["http", "https"],
    default_scheme: Some("http"),
    begins_with: "http:// or https://",
    like: "http://127.0.0.1:8480",
};

/// The address of a gateway: a URL, or its host and port.
fn address(given: &str) -> Result<Url, String> {
    let url = read_host_url(given, &GATEWAYS).map_err(|why| format!("the address {why}"))?;
    match url.query().is_some() || url.fragment().is_some() {
        true => Err("the address must not hold a query or a fragment".to_owned()),
        false => Ok(url),
    }
}

/// The endpoint that is asked, to be printed: without the user and password that a URL may hold.
fn named(url: Url, endpoint: &str) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!(
        "{}://{}{port}{path}/{endpoint}",
        url.scheme(),
        url.host_str().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_has_no_password() {
        let url = address("http://u:canary@h:1/base").unwrap();
        assert_eq!(named(url, "healthz"), "http://h:1/base/healthz");
        let url = address("[::1]:8480").unwrap();
        assert_eq!(named(url, "readyz"), "http://[::1]:8480/readyz");
    }

    #[test]
    fn an_address_needs_no_scheme() {
        for (given, url) in [
            ("127.0.0.1:8480", "http://127.0.0.1:8480/"),
            ("localhost", "http://localhost/"),
            ("[::1]:8480", "http://[::1]:8480/"),
            ("https://gateway:8443/base", "https://gateway:8443/base"),
        ] {
            assert_eq!(address(given).unwrap().as_str(), url);
        }
        for (given, words) in [
            ("", "is empty"),
            ("ftp://h", "must begin with http"),
            ("unix:///run/x", "must begin with http"),
            ("http://", "has no host"),
            (":8480", "has no host"),
            ("http://u:canary@[h", "without its `]`"),
            // It would stand before the endpoint's path.
            ("http://h:1/?canary", "a query"),
            ("h:1/#canary", "a fragment"),
        ] {
            let error = address(given).unwrap_err();
            assert!(
                error.contains(words) && !error.contains("canary"),
                "{given}: {error}"
            );
        }
    }
}
