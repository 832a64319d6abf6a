//! Stores by URL: the same texts in every language.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "sqlite")]
use percent_encoding::percent_decode_str;

use super::table::{POSTGRES_DDL, SQLITE_DDL};
#[cfg(feature = "postgres")]
use super::PostgresStore;
#[cfg(feature = "sqlite")]
use super::SqliteStore;
use super::{BuiltInStore, Store, StoreError};
#[cfg(feature = "sqlite")]
use crate::encoding::percent_encode;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "sqlite")]
use crate::given::why_in_one_line;
use crate::given::{meant, stands_for_another, without_escaped_ends};

/// Opens the store at `url`. Nothing is connected or created yet.
///
/// * `memory:`: a new [`MemoryStore`](super::MemoryStore), each time.
/// * `sqlite:///absolute/path` or `sqlite:relative/path`: a `SqliteStore`. Percent-encoding is
///   decoded, so that a path may hold `%`, `?` and `#` as `%25`, `%3F` and `%23`.
/// * `postgres://…` or `postgresql://…`: a `PostgresStore`, which has the parameters.
///
/// # Errors
/// `invalid_argument`: the URL cannot be right, or is of a database whose feature (`sqlite`, `postgres`)
/// the crate was built without. No error repeats the URL, which may hold a password.
pub fn open(url: &str) -> Result<Arc<dyn Store>> {
    Ok(BuiltInStore::open(url)?.store())
}

/// Creates the table of the store at `url`, unless it is there. Only PostgreSQL needs it: SQLite
/// does it by itself, and memory has none.
///
/// # Errors
/// * `invalid_argument`: the URL cannot be right.
/// * `store`: the database failed or refused.
pub async fn create_table(url: &str) -> Result<()> {
    let created = match Location::parse(url)? {
        Location::Memory => Ok(()),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(path) => SqliteStore::open(path).create_table().await,
        #[cfg(feature = "postgres")]
        Location::Postgres(store) => store.create_table().await,
    };
    created.map_err(|error| store_failed(error).in_operation("store.create_table"))
}

/// The statements that create the table in PostgreSQL. They may be run again.
pub fn postgres_ddl() -> &'static str {
    POSTGRES_DDL
}

/// The statements that create the table in SQLite. `SqliteStore` runs them by itself.
pub fn sqlite_ddl() -> &'static str {
    SQLITE_DDL
}

/// The URL of the SQLite file at this path, as [`open`] reads it.
#[doc(hidden)]
#[cfg(feature = "sqlite")]
pub fn sqlite_url(path: &str) -> String {
    let parts: Vec<_> = path.split('/').map(percent_encode).collect();
    format!("sqlite:{}", parts.join("/"))
}

pub(super) enum Location {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresStore>),
}

impl Location {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let url = meant(url);
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        match scheme.to_ascii_lowercase().as_str() {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "" if rest.eq_ignore_ascii_case("memory") => Ok(Self::Memory),
            "memory" => Err(Error::invalid_argument(
                "The store's URL is `memory:` and nothing more.",
            )),
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                let store = PostgresStore::open(without_escaped_ends(url))?;
                Ok(Self::Postgres(Box::new(store)))
            }
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(left_out("SQLite", "sqlite")),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(left_out("PostgreSQL", "postgres")),
            scheme => Err(Error::invalid_argument(match stands_for_another(url) {
                Some(why) => format!("The store's URL {why}."),
                None => format!(
                    "The store's URL must begin with memory:, sqlite:, postgres:// or postgresql://{}.",
                    habit_of(scheme, rest)
                ),
            })),
        }
    }
}

/// What another library would take here.
fn habit_of(scheme: &str, rest: &str) -> &'static str {
    match scheme {
        "" if rest.is_empty() => "; it is empty",
        "" if rest.starts_with(':') || rest.starts_with("memory") => "; in memory it is `memory:`",
        "mem" | "inmemory" | "in-memory" => "; in memory it is `memory:`",
        _ if is_like_a_path(scheme, rest) => {
            "; a SQLite file is sqlite:///absolute/path or sqlite:relative/path"
        }
        _ if scheme.contains("host=") || rest.to_ascii_lowercase().contains("host=") => {
            ": keywords such as host= are written as postgres://user:password@host/database"
        }
        "psql" => ", without the name of the program that reads it",
        scheme if scheme.starts_with("psql ") => ", without the name of the program that reads it",
        "sqlite3" | "file+sqlite" => "; a SQLite file is sqlite:///absolute/path",
        "pgsql" | "pg" | "postgis" | "timescaledb" | "cockroachdb" | "cockroach" => {
            "; for PostgreSQL it is postgres://"
        }
        "jdbc" => ", without JDBC's `jdbc:`, and with the user and password before the host",
        "file" => ", not with `file:`; a SQLite file is sqlite:///absolute/path",
        // SQLAlchemy's.
        scheme if scheme.contains('+') => ", without the name of a driver after `+`",
        _ => "",
    }
}

/// The name of a file without a scheme, of Windows as well.
fn is_like_a_path(scheme: &str, rest: &str) -> bool {
    let ends = |with: &&str| rest.to_ascii_lowercase().ends_with(*with);
    let is_drive = scheme.len() == 1 && rest.starts_with(['\\', '/']);
    let is_path = scheme.is_empty()
        && (rest.starts_with(['/', '.', '~', '\\'])
            || [".db", ".sqlite", ".sqlite3", ".db3"].iter().any(ends));
    is_drive || is_path
}

/// What was not compiled in.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn left_out(database: &str, feature: &str) -> Error {
    Error::invalid_argument(format!(
        "This program was built without {database}: build the crate relaypass with its feature \
         `{feature}`."
    ))
}

#[cfg(feature = "sqlite")]
fn sqlite_path(rest: &str) -> Result<PathBuf> {
    match file_of(meant(rest), cfg!(windows)) {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(what) => Err(Error::invalid_argument(format!("The SQLite URL {what}"))),
    }
}

/// The name of the file. On Windows, `\` separates folders as well, and a drive may stand first.
#[cfg(feature = "sqlite")]
fn file_of(rest: &str, on_windows: bool) -> std::result::Result<String, &'static str> {
    // SQLite's own names for it. As a file's name they would be no accident, and nobody's wish.
    if rest.contains(":memory:")
        || rest.contains("mode=memory")
        || matches!(rest, "memory" | "memory:")
    {
        return Err("names no file. The store in memory is `memory:`.");
    }
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some("") => return Err("names no file. The store in memory is `memory:`."),
        Some(_) => {
            return Err("has two slashes: it is sqlite:///absolute/path, or sqlite:relative/path.")
        }
        None => rest,
    };
    if path.contains(['?', '#']) {
        return Err("takes no parameters; in a path, `?` is %3F and `#` is %23.");
    }
    if let Some(why) = why_no_path(path, on_windows) {
        return Err(why);
    }
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return Err(
            "is not UTF-8 when its percent-encoding is decoded; a `%` of the path is written as %25.",
        );
    };
    if path.contains('\0') {
        return Err("has a zero character in its path.");
    }
    let relative = path.trim_start_matches('/');
    let has_drive = relative
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphabetic)
        && relative[1..].starts_with(":/");
    match (has_drive, on_windows) {
        (true, false) => return Err("names a drive, which only Windows has."),
        (true, true) => return Ok(relative.to_owned()),
        (false, _) => {}
    }
    if path.is_empty() || path.ends_with('/') || matches!(&*path, "." | "..") {
        return Err("names no file.");
    }
    // SQLAlchemy writes four slashes for what is three here.
    Ok(match path.starts_with("//") {
        true => format!("/{relative}"),
        false => path.into_owned(),
    })
}

/// What a path has, before its percent-encoding is decoded, that nobody means.
#[cfg(feature = "sqlite")]
fn why_no_path(path: &str, on_windows: bool) -> Option<&'static str> {
    let relative = path.trim_start_matches('/');
    let is_hex = |after: &&str| {
        let pair = after.as_bytes().get(..2);
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    // A blank within a name is of it, and so is what joins and parts letters in some scripts.
    let without_blanks = path.replace([' ', '\u{3000}', '\u{200c}', '\u{200d}'], "");
    if relative == "~" || relative.starts_with("~/") {
        Some("begins its path with `~`, which only a shell replaces: write the folder out.")
    } else if relative.starts_with('$') || relative.contains("${") || relative.contains("{{") {
        Some("has a variable in its path, which only a shell replaces: write it out.")
    } else if relative.starts_with('<') {
        Some("has a gap in it that was to be filled.")
    } else if why_in_one_line(&without_blanks).is_some() {
        Some(
            "has a line break in it, or a sign that nobody sees: type it anew, or copy it from \
             elsewhere.",
        )
    } else if !path.split('%').skip(1).all(|after| is_hex(&after)) {
        Some("has a `%` that encodes nothing: a `%` of the path is written as %25.")
    } else if path.contains('\\') && !on_windows {
        Some(
            "has a backslash in it: folders are separated by `/`, and a backslash of a name is \
             written as %5C.",
        )
    } else if path.contains(['"', '`']) {
        Some("has a quote in its path: one of a name is written as %22 or %60.")
    } else if path.ends_with([',', ';']) {
        Some("ends with a comma or semicolon: one of a name is written as %2C or %3B.")
    } else {
        None
    }
}

pub(crate) fn store_failed(error: StoreError) -> Error {
    let (what, source) = error.into_parts();
    let error = Error::new(ErrorKind::Store, what);
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

#[cfg(test)]
mod tests;
