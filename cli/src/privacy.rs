//! `relaypass privacy`.

use std::io::{stdout, Write as _};

use crate::{gateway, CommandResult};

/// A gateway's settings, from flags and the environment.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON: what `GET /privacy` of the gateway answers its operator
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: gateway::Arguments,
}

pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    let report = arguments.settings.privacy_report().await?;
    let mut output = stdout();
    match arguments.json {
        true => writeln!(output, "{}", serde_json::to_string_pretty(&report)?)?,
        false => output.write_all(report.text().as_bytes())?,
    }
    Ok(())
}
