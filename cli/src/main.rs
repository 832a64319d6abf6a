//! The command `relaypass`: the gateway, a local sandbox, a demonstration, a key generator, what a store
//! needs, and what can be linked.
#![forbid(unsafe_code)]

mod control;
mod crash;
mod demo;
mod demo_web;
mod gateway;
mod health;
mod http;
mod keygen;
mod narrate;
mod privacy;
mod sandbox;
mod settings;
mod stop;
mod store;
mod surface;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Persona Relay and Privacy Pass for servers. Not affiliated with Persona.
#[derive(Parser)]
#[command(name = "relaypass", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve Persona Relay over HTTP, for languages without a package of their own
    Gateway(Box<gateway::Arguments>),
    /// Ask a gateway whether it is well; the exit status is the answer
    Health(health::Arguments),
    /// Start a stand-in for Persona on this machine, for tests and trials
    Sandbox(sandbox::Arguments),
    /// Run the three steps and a crash against an embedded sandbox and explain each; or, with --web,
    /// a site to click through
    Demo(demo::Arguments),
    /// One process of the demonstration's crash
    #[command(hide = true)]
    DemoProcess(crash::Arguments),
    /// Generate the key pair that claims are encrypted with
    Keygen(keygen::Arguments),
    /// Print what every package of relaypass offers, as JSON, for their tests
    #[command(hide = true)]
    Surface,
    /// Create or check the database that verifications are kept in
    Store(store::Arguments),
    /// Say what Persona could link as a gateway with these settings is configured; nothing is sent
    ///
    /// The gateway is not started, and nothing is created or changed: a SQLite file that is not there yet, or
    /// is empty, has seen nothing; a table that is missing in PostgreSQL is an error. The exit status is 0 when the report was printed, whatever is in it, and 1 when a setting cannot be
    /// right or the store cannot be read.
    #[command(after_help = gateway::SECRETS)]
    Privacy(Box<privacy::Arguments>),
}

fn main() -> ExitCode {
    settings::tidy_environment();
    let command = Arguments::parse().command;
    let runtime = tokio::runtime::Runtime::new();
    let result = runtime
        .map_err(|error| format!("this machine has no threads to give: {error}").into())
        .and_then(|runtime| runtime.block_on(run(command)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relaypass: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> CommandResult {
    match command {
        Command::Gateway(arguments) => gateway::run(*arguments).await,
        Command::Health(arguments) => health::run(arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::DemoProcess(arguments) => crash::run(arguments).await,
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Surface => surface::print(),
        Command::Store(arguments) => store::run(arguments).await,
        Command::Privacy(arguments) => privacy::run(*arguments).await,
    }
}

/// What a command fails with: one line for the person at the terminal.
type CommandResult = Result<(), Box<dyn std::error::Error>>;
