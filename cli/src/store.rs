//! `relaypass store`.

use std::sync::Arc;
use std::time::SystemTime;

use clap::{Subcommand, ValueEnum};
use relaypass::store::{self, conformance, BuiltInStore};

use crate::{settings, CommandResult};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the statements that create the table
    Ddl {
        /// The database they are for
        #[arg(long, value_enum, default_value = "postgres")]
        dialect: Dialect,
    },
    /// Create the table in the store at URL, unless it is there
    Create {
        /// sqlite:///absolute/path, sqlite:relative/path or postgres://user@host/database; left out,
        /// it is RELAYPASS_STORE of the environment, or in the file that RELAYPASS_STORE_FILE names
        url: Option<String>,
    },
    /// Delete the records at URL that need not be kept any more; what is open stays
    Prune {
        /// As for create
        url: Option<String>,
    },
    /// Check that the store at URL keeps the contract. Deletes what it writes
    Check {
        /// As for create
        url: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Dialect {
    Postgres,
    Sqlite,
}

pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    match arguments.command {
        Command::Ddl { dialect } => {
            print!("{}", ddl(dialect));
            Ok(())
        }
        Command::Create { url } => {
            store::create_table(&address(url)?)
                .await
                .map_err(with_causes)?;
            println!("The table relaypass_records is there.");
            Ok(())
        }
        Command::Prune { url } => prune(&address(url)?).await,
        Command::Check { url } => check(address(url)?).await,
    }
}

/// The URL that was given, or the environment's.
fn address(url: Option<String>) -> Result<String, String> {
    if let Some(url) = url {
        return Ok(url);
    }
    let url = settings::secret("RELAYPASS_STORE")?;
    let url = url.ok_or("say which store: its URL, or RELAYPASS_STORE in the environment")?;
    Ok(url.expose().clone())
}

fn ddl(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => store::postgres_ddl(),
        Dialect::Sqlite => store::sqlite_ddl(),
    }
}

async fn prune(url: &str) -> CommandResult {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let store = BuiltInStore::open(url)?;
    let deleted = store.delete_expired(u64::try_from(now.as_millis())?).await;
    let deleted = deleted.map_err(with_causes)?;
    println!("{deleted} records deleted.");
    Ok(())
}

async fn check(url: String) -> CommandResult {
    let opened = BuiltInStore::open(&url)?;
    // A memory store is another one each time it is opened.
    let is_kept = !matches!(opened, BuiltInStore::Memory(_));
    let opened = opened.store();
    let reopen = is_kept.then(|| -> conformance::Reopen {
        Box::new(move || {
            let reopened = store::open(&url);
            Box::pin(async move {
                reopened.map_err(|error| store::StoreError::caused_by("It does not open.", error))
            })
        })
    });
    let report = conformance::check(Arc::clone(&opened), reopen)
        .await
        .map_err(with_causes)?;
    println!("{report}");
    Ok(())
}

/// An error in one line with all that led to it: the person at the terminal set up the database.
fn with_causes(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some errors say their cause as well.
        if !text.contains(&words) {
            text = format!("{text} {words}");
        }
        cause = error.source();
    }
    text
}
