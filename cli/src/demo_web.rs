//! `relaypass demo --web`: a small site that verifies ages through a gateway, with a sandbox in
//! Persona's place. What it does is what a site of yours would do, in any language.

mod page;
mod site;

use std::net::SocketAddr;
use std::sync::Arc;

use relaypass::{IdempotencyKey, Secret};
use relaypass_gateway::{Gateway, OperatorToken};
use relaypass_sandbox::Sandbox;
use tokio::net::TcpListener;

use crate::CommandResult;

pub(crate) async fn run(listen: SocketAddr, until_stdin_closes: bool) -> CommandResult {
    let sandbox = Sandbox::start(relaypass_sandbox::Options::default()).await?;
    let token = Secret::new(random());
    let gateway = Gateway::start(relaypass_gateway::Options {
        base_url: Some(sandbox.ready().url.clone()),
        // Its production key: in Persona's sandbox environment every claim passes.
        api_key: Some(Secret::new(sandbox.ready().production_api_key.clone())),
        token: Some(OperatorToken::parse(token.expose())?),
        ..relaypass_gateway::Options::default()
    })
    .await?;
    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let site = site::Site::new(gateway.url(), token, &sandbox.ready().url)?;
    let serving = tokio::spawn(async move {
        // It ends with the process.
        let _ = axum::serve(listener, site::router(Arc::new(site))).await;
    });
    println!(
        "A sandbox stands in for Persona at {}.",
        sandbox.ready().url
    );
    println!("A gateway is at {}.", gateway.url());
    let mut signals = crate::stop::Signals::listen()?;
    println!("Open {url} in a browser. Ctrl-C ends the demonstration.");
    tokio::select! {
        () = signals.next() => {}
        () = crate::stop::stdin_closed(), if until_stdin_closes => {}
    }
    serving.abort();
    gateway.stop().await;
    sandbox.stop().await;
    Ok(())
}

/// A name that nobody can guess.
fn random() -> String {
    let mut rng = relaypass::os_random();
    IdempotencyKey::random(&mut rng).expose().to_owned()
}
