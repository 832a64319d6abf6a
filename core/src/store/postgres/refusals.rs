//! What PostgreSQL, or a pooler before it, refuses: its own words, and what to do. Of the refusals that
//! are known here, the messages name users, databases and tables, never a password or a value. Of all
//! others only the SQLSTATE is repeated, and of none the detail, which may be a row.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::Error;

use crate::store::StoreError;
use crate::tls::tls_reason;

/// So much of somebody's message is repeated.
const LONGEST_MESSAGE: usize = 300;

/// There is no connection.
pub(super) fn no_connection(tls_in_words: &str, cause: Error) -> StoreError {
    let advice = match waited_in_vain(&cause) {
        true => format!(" {NONE_LEFT}"),
        false => advice_on_connecting(&cause).to_owned(),
    };
    let text = format!(
        "Cannot connect to PostgreSQL ({tls_in_words}): {}.{advice}",
        in_words(&cause)
    );
    StoreError::caused_by(text, cause)
}

/// No connection came about on which anything was answered, though nobody refused one.
pub(super) fn no_start(waited: Duration) -> StoreError {
    let seconds = waited.as_secs_f64();
    StoreError::new(format!(
        "PostgreSQL does not answer: no new connection was ready in {seconds} seconds. Either a server \
         hangs or cannot be reached, or it is this: {NONE_LEFT}"
    ))
}

const NONE_LEFT: &str =
    "A pooler such as PgBouncer has no connection left: with pool_mode=session, its default_pool_size must \
     be at least pool_size (in the store's URL) times the number of processes.";

/// Whether PgBouncer says that a client has waited for one for longer than it lets anybody wait.
fn waited_in_vain(cause: &Error) -> bool {
    let said = cause.as_db_error();
    said.is_some_and(|said| said.message().contains("query_wait_timeout"))
}

/// Whether a prepared statement is not there, or another one is in its place: behind a pooler that gives
/// each transaction another connection of the server.
pub(super) fn is_lost_by_a_pooler(cause: &Error) -> bool {
    matches!(
        cause.code(),
        Some(&SqlState::INVALID_SQL_STATEMENT_NAME | &SqlState::DUPLICATE_PSTATEMENT)
    )
}

/// A statement was refused, or its connection broke.
pub(super) fn failed(cause: Error, is_broken: bool) -> StoreError {
    let what = match cause.code() {
        Some(&SqlState::UNDEFINED_TABLE) => {
            "The table relaypass_records is missing in this database: run `relaypass store create` \
             with its URL, or the statements that `relaypass store ddl` prints."
        }
        Some(&SqlState::UNDEFINED_COLUMN) => {
            "The table relaypass_records is not the one that `relaypass store ddl` prints."
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            "PostgreSQL refused: this user needs SELECT, INSERT, UPDATE and DELETE on \
             relaypass_records."
        }
        Some(&SqlState::DISK_FULL) => "PostgreSQL has no room left on its disk.",
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
            "This PostgreSQL server takes no writes: it is a replica, or set to read-only."
        }
        _ if is_lost_by_a_pooler(&cause) => {
            "A pooler such as PgBouncer lost a prepared statement. It needs version 1.21 or later and \
             max_prepared_statements above 0, or pool_mode=session."
        }
        _ if waited_in_vain(&cause) => NONE_LEFT,
        _ if is_broken => "The connection to PostgreSQL broke.",
        _ => "PostgreSQL refused a statement.",
    };
    StoreError::caused_by(format!("{what} ({})", in_words(&cause)), cause)
}

/// The table was not created.
pub(super) fn not_created(cause: Error) -> StoreError {
    let advice = match cause.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            "Let the owner of the schema create it, or GRANT CREATE on the schema to this user. If it \
             is there already, this user does not see it: GRANT USAGE on its schema."
        }
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
            "This server takes no writes: it is a replica, or set to read-only."
        }
        _ if waited_in_vain(&cause) => NONE_LEFT,
        _ => "",
    };
    let text = format!(
        "PostgreSQL refused to create the table relaypass_records: {}. {advice}",
        in_words(&cause)
    );
    StoreError::caused_by(text.trim_end().to_owned(), cause)
}

fn advice_on_connecting(cause: &Error) -> &'static str {
    match cause.code() {
        Some(&SqlState::INVALID_PASSWORD) => " The user or the password in the store's URL is wrong.",
        Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            " There is no such user, or pg_hba.conf does not let it in from here."
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => " Create the database, or name another one in the URL.",
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => " GRANT CONNECT on the database to this user.",
        Some(&SqlState::TOO_MANY_CONNECTIONS) => {
            " All replicas together want more connections than the server has: lower pool_size in the \
             URL, or raise max_connections."
        }
        Some(&SqlState::CANNOT_CONNECT_NOW) => " The server starts or stops.",
        Some(&SqlState::PROTOCOL_VIOLATION) => {
            " A pooler such as PgBouncer may have said this: it must know the database and the user, and \
             not refuse a startup parameter (ignore_startup_parameters)."
        }
        _ => "",
    }
}

/// What the server said, or what stood in the way.
fn in_words(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        let code = said.code().code();
        return match names_no_value(said.code()) {
            true => format!("SQLSTATE {code}: {}", shorten(said.message())),
            false => format!("SQLSTATE {code}"),
        };
    }
    if let Some(reason) = tls_reason(error) {
        return reason;
    }
    let first: &(dyn StdError + 'static) = error;
    let causes = std::iter::successors(Some(first), |cause: &&(dyn StdError + 'static)| {
        (*cause).source()
    });
    let io = causes
        .clone()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    match io {
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "nothing listens at that host and port (connection refused)".to_owned()
        }
        Some(error) => shorten(&error.to_string()),
        // Each says a part, the last one most.
        None => shorten(&causes.last().map_or_else(String::new, ToString::to_string)),
    }
}

/// Whether the message of this refusal holds nothing that was stored or sent: of connections, of
/// authorization, of resources, of an operator's intervention, and of what is not there.
fn names_no_value(code: &SqlState) -> bool {
    let of_class = |class: &&str| code.code().starts_with(*class);
    let known = [
        SqlState::INVALID_CATALOG_NAME,
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
    ];
    ["08", "28", "53", "57"].iter().any(of_class) || known.contains(code)
}

fn shorten(text: &str) -> String {
    let text = text.trim_end_matches(['.', '\n']);
    (text
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST_MESSAGE))
    .collect()
}
