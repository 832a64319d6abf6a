//! `relaypass health`: for images that hold nothing else to ask with.

use std::path::PathBuf;
use std::time::Duration;

use crate::CommandResult;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the gateway is
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
    let mut client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(3));
    if let Some(path) = &arguments.ca {
        let pem = std::fs::read(path)
            .map_err(|error| format!("--ca: {} cannot be read: {error}", path.display()))?;
        client = client.add_root_certificate(reqwest::Certificate::from_pem(&pem)?);
    }
    let endpoint = match arguments.ready {
        true => "readyz",
        false => "healthz",
    };
    let url = format!("{}/{endpoint}", arguments.url.trim_end_matches('/'));
    let answer = client.build()?.get(&url).send().await?;
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(format!("{url} answered {}", answer.status()).into()),
    }
}
