//! `relaypass demo`: the three steps and a crash against an embedded sandbox, explained.

use std::error::Error;
use std::net::SocketAddr;
use std::process::Stdio;

use relaypass::{
    generate_key_pair, ClaimType, Client, CreateRelay, EncryptionForm, GenerateClaim,
    IssuePrivacyPass,
};
use relaypass_sandbox::{Options, Ready, Sandbox};
use tokio::process::Command;

use crate::control::{Control, CLAIM_TYPE};
use crate::crash;
use crate::narrate::narrate;
use crate::{demo_web, CommandResult};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also run a program of your own against the same sandbox, as NAME=COMMAND; it finds
    /// RELAYPASS_BASE_URL and RELAYPASS_API_KEY in its environment and must end with a line
    /// `passed` or `failed`
    #[arg(long = "with", value_name = "NAME=COMMAND")]
    with: Vec<String>,
    /// A site to click through instead: it verifies ages through a gateway
    #[arg(long, conflicts_with = "with")]
    web: bool,
    /// Where the site listens. Port 0 takes a free one
    #[arg(long, requires = "web", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// End the site when standard input closes
    #[arg(long, requires = "web")]
    until_stdin_closes: bool,
}

pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    if arguments.web {
        return demo_web::run(arguments.listen, arguments.until_stdin_closes).await;
    }
    let sandbox = Sandbox::start(Options::default()).await?;
    let control = Control::new(sandbox.ready());
    println!(
        "A sandbox stands in for Persona at {}.",
        sandbox.ready().url
    );
    println!("Its production key is used, so that billing shows; no real money is near.\n");

    let mut results = Vec::new();
    println!("== rust ==");
    let passed = three_steps(sandbox.ready(), &control).await?;
    narrate(&control.take_requests().await?);
    results.push(("rust".to_owned(), passed));

    for program in &arguments.with {
        let (name, command) = program.split_once('=').ok_or("--with takes NAME=COMMAND")?;
        println!("== {name} ==");
        let passed = run_program(command, sandbox.ready())
            .await
            .map_err(|error| format!("{name}: {error}"))?;
        narrate(&control.take_requests().await?);
        results.push((name.to_owned(), passed));
    }

    println!("== a crash, and nothing lost ==");
    crash::demonstrate(sandbox.ready(), &control).await?;
    control.take_requests().await?;

    println!("What Persona could still do: match the calls by your address and by time. See");
    println!("docs/privacy.md for what to do about it.\n");
    let ledger = control.ledger().await?;
    let outcomes: Vec<String> = results
        .iter()
        .map(|(name, passed)| format!("{name} {}", if *passed { "passed" } else { "failed" }))
        .collect();
    println!(
        "demo: {}; {} {} billed, {} redeemed",
        outcomes.join(", "),
        ledger["billed"],
        if ledger["billed"] == 1 {
            "pass"
        } else {
            "passes"
        },
        ledger["redeemed"]
    );
    sandbox.stop().await;
    // One for each language, and the one that survived the crash.
    let expected = 1 + u64::try_from(results.len()).expect("a handful of programs");
    let all_passed = results.iter().all(|(_, passed)| *passed);
    let one_bill_each = ledger["billed"] == expected && ledger["redeemed"] == expected;
    if all_passed && one_bill_each && ledger["double_spends"] == 0 {
        Ok(())
    } else {
        Err(format!("not as it should be: {ledger}").into())
    }
}

async fn three_steps(ready: &Ready, control: &Control) -> Result<bool, Box<dyn Error>> {
    let client = Client::builder()
        .base_url(&ready.url)
        .api_key(&ready.production_api_key)
        .decryption_key(generate_key_pair(2048)?)
        // The newer form; the programs that follow leave it to `auto`, which begins with PEM.
        .encryption_form(EncryptionForm::Jwk)
        .build()?;
    let claim_type = ClaimType::parse(CLAIM_TYPE)?;
    let relay = client
        .relays()
        .create(CreateRelay::new(claim_type.clone()))
        .await?;
    let pass = client
        .relays()
        .issue_privacy_pass(IssuePrivacyPass::ClaimType(claim_type.clone()))
        .await?;
    control.visitor_passes(&relay).await?;
    let mut request = GenerateClaim::new(
        relay.relay_token,
        relay.relay_secret,
        pass.privacy_pass_token,
    );
    request.claim_type = Some(claim_type);
    let answer = client.relays().generate_claim(request).await?;
    Ok(answer.claim.is_some_and(|claim| claim.passed()))
}

async fn run_program(command: &str, ready: &Ready) -> Result<bool, Box<dyn Error>> {
    let output = Command::new("sh")
        .args(["-c", command])
        .env("RELAYPASS_BASE_URL", &ready.url)
        .env("RELAYPASS_API_KEY", &ready.production_api_key)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().last() {
        Some("passed") if output.status.success() => Ok(true),
        Some("failed") if output.status.success() => Ok(false),
        last => Err(format!("the program ended with {}: {last:?}", output.status).into()),
    }
}
