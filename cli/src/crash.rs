//! The demonstration's crash: a process is killed while it redeems, and another one completes what
//! it began. Nothing is billed twice, and the claim is not lost.

use std::error::Error;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use relaypass::{store, ClaimType, Client, StartVerification, VerificationId};
use relaypass_sandbox::Ready;
use serde_json::{json, Value};
use tokio::process::{Child, Command};

use crate::control::{Control, CLAIM_TYPE};
use crate::CommandResult;

/// How long the killed process would have had to wait for its answer.
const LATE: u64 = 9_000;

/// What a process of the demonstration does.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Complete the verification with this id; without it, start one
    #[arg(long)]
    complete: Option<String>,
}

/// One of the processes: a verification on a SQLite file, named by the environment.
pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let client = Client::builder()
        .base_url(variable("RELAYPASS_BASE_URL")?)
        .api_key(variable("RELAYPASS_API_KEY")?)
        .store(store::open(&variable("RELAYPASS_STORE")?)?)
        .build()?;
    let line = match arguments.complete {
        None => {
            let request = StartVerification::new(ClaimType::parse(CLAIM_TYPE)?);
            let verification = client.verifications().start(request).await?;
            let hosted_url = verification.hosted_url.ok_or("the verification is over")?;
            json!({"id": verification.id.as_str(), "hosted_url": hosted_url.expose()})
        }
        Some(id) => {
            let id = VerificationId::parse(id)?;
            let answer = client.verifications().complete(&id, false).await?;
            json!({"status": answer.status.as_str()})
        }
    };
    println!("{line}");
    Ok(())
}

/// Starts a verification in one process, kills a second one while it redeems, and completes in a
/// third.
pub(crate) async fn demonstrate(ready: &Ready, control: &Control) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("relaypass-demo-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let result = kill_and_complete(ready, control, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn kill_and_complete(
    ready: &Ready,
    control: &Control,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let worker = |arguments: &[&str]| spawn(ready, folder, arguments);
    let before = control.ledger().await?;

    let started = answer(worker(&[])?).await?;
    let id = started["id"].as_str().ok_or("no id")?;
    println!("1  a process starts a verification, stores it in a SQLite file, and ends");
    control
        .visit(started["hosted_url"].as_str().ok_or("no page")?)
        .await?;
    println!("2  the visitor verifies");

    control.delay_redemption(LATE).await?;
    let mut doomed = worker(&["--complete", id])?;
    wait_until_redeemed(control, &before).await?;
    doomed.kill().await?;
    println!("3  a second process redeems the pass; it is killed (SIGKILL) when Persona has");
    println!("   executed the request and before the answer is there");

    let status = answer(worker(&["--complete", id])?).await?;
    let status = status["status"].as_str().unwrap_or("?");
    println!("4  a third process asks again with the stored key, and gets the answer: {status}");

    let ledger = control.ledger().await?;
    let more = |what: &str| {
        ledger[what]
            .as_i64()
            .zip(before[what].as_i64())
            .map(|(now, then)| now - then)
    };
    let (billed, redeemed) = (more("billed"), more("redeemed"));
    println!(
        "   for this verification: {} billed, {} redeemed\n",
        billed.unwrap_or(-1),
        redeemed.unwrap_or(-1)
    );
    match (status, billed, redeemed) {
        ("passed", Some(1), Some(1)) => Ok(()),
        _ => Err(format!("the crash was not survived: {status}, {ledger}").into()),
    }
}

fn spawn(ready: &Ready, folder: &Path, arguments: &[&str]) -> Result<Child, Box<dyn Error>> {
    let file = folder.join("verifications.sqlite");
    let child = Command::new(std::env::current_exe()?)
        .arg("demo-process")
        .args(arguments)
        .env("RELAYPASS_BASE_URL", &ready.url)
        .env("RELAYPASS_API_KEY", &ready.production_api_key)
        .env(
            "RELAYPASS_STORE",
            store::sqlite_url(&file.display().to_string()),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// The line that a process prints before it ends.
async fn answer(child: Child) -> Result<Value, Box<dyn Error>> {
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        return Err(format!(
            "a process of the demonstration ended with {}",
            output.status
        )
        .into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn wait_until_redeemed(control: &Control, before: &Value) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    while control.ledger().await?["redeemed"] == before["redeemed"] {
        if began.elapsed() > Duration::from_millis(LATE) {
            return Err("the second process never redeemed the pass".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
