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
use crate::error::{Error, ErrorKind, Result};
use crate::given::meant;

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
            "memory" => Err(Error::invalid_argument(
                "The store's URL is `memory:` and nothing more.",
            )),
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self::Postgres(Box::new(PostgresStore::open(url)?))),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(left_out("SQLite", "sqlite")),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(left_out("PostgreSQL", "postgres")),
            scheme => Err(Error::invalid_argument(format!(
                "The store's URL must begin with memory:, sqlite:, postgres:// or postgresql://{}.",
                habit_of(scheme, rest)
            ))),
        }
    }
}

/// What another library would take here.
fn habit_of(scheme: &str, rest: &str) -> &'static str {
    match scheme {
        "" if rest.is_empty() => "; it is empty",
        "" if rest == "memory" => "; in memory it is `memory:`",
        "" if rest.starts_with(':') || rest.starts_with("memory") => "; in memory it is `memory:`",
        "jdbc" => ", without JDBC's `jdbc:`, and with the user and password before the host",
        "file" => ", not with `file:`; a SQLite file is sqlite:///absolute/path",
        // SQLAlchemy's.
        scheme if scheme.contains('+') => ", without the name of a driver after `+`",
        _ => "",
    }
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
    let wrong = |what| Err(Error::invalid_argument(format!("The SQLite URL {what}")));
    // SQLite's own names for it. As a file's name they would be no accident, and nobody's wish.
    if rest.contains(":memory:")
        || rest.contains("mode=memory")
        || matches!(rest, "memory" | "memory:")
    {
        return wrong("names no file. The store in memory is `memory:`.");
    }
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some("") => return wrong("names no file. The store in memory is `memory:`."),
        Some(_) => {
            return wrong(
                "has two slashes: it is sqlite:///absolute/path, or sqlite:relative/path.",
            )
        }
        None => rest,
    };
    if path.contains(['?', '#']) {
        return wrong("takes no parameters; in a path, `?` is %3F and `#` is %23.");
    }
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return wrong("is not UTF-8 when its percent-encoding is decoded.");
    };
    if path.contains('\0') {
        return wrong("has a zero character in its path.");
    }
    let relative = path.trim_start_matches('/');
    if relative == "~" || relative.starts_with("~/") {
        return wrong(
            "begins its path with `~`, which only a shell replaces: write the folder out.",
        );
    }
    if relative.starts_with('$') {
        return wrong(
            "begins its path with a variable, which only a shell replaces: write it out.",
        );
    }
    if path.is_empty() || path.ends_with('/') || matches!(&*path, "." | "..") {
        return wrong("names no file.");
    }
    Ok(PathBuf::from(&*path))
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
mod tests {
    use super::*;
    use crate::store::{Record, Swap};

    fn path(url: &str) -> PathBuf {
        match Location::parse(url) {
            Ok(Location::Sqlite(path)) => path,
            _ => panic!("{url}"),
        }
    }

    #[test]
    fn a_path_is_absolute_with_three_slashes_and_relative_without() {
        assert_eq!(path("sqlite:///a/b%20c.db"), PathBuf::from("/a/b c.db"));
        assert_eq!(path("sqlite:/a/b"), PathBuf::from("/a/b"));
        assert_eq!(path("sqlite:a/b%3f%25"), PathBuf::from("a/b?%"));
    }

    #[test]
    fn what_stands_around_a_url_is_no_part_of_it() {
        for url in [
            "sqlite:a/b",
            " sqlite:a/b\r\n",
            "\"sqlite:a/b\"",
            "'sqlite:a/b'",
            "\u{feff}sqlite:a/b",
            "SQLite:a/b",
        ] {
            assert_eq!(path(url), PathBuf::from("a/b"));
        }
        for url in ["memory:", " memory:\n", "\"memory:\"", "MEMORY:"] {
            assert!(
                matches!(Location::parse(url), Ok(Location::Memory)),
                "{url}"
            );
        }
        for url in [
            "postgres://u@h/d\n",
            "'postgresql://u@h/d'",
            "Postgres://u@h/d",
        ] {
            assert!(
                matches!(Location::parse(url), Ok(Location::Postgres(_))),
                "{url}"
            );
        }
    }

    #[test]
    fn a_url_that_cannot_be_right_is_refused_with_the_reason_and_not_repeated() {
        for (url, words) in [
            ("", "it is empty"),
            ("\"\"", "it is empty"),
            ("canary", "begin with"),
            ("/canary/x.sqlite", "begin with"),
            ("redis://:canary@h", "begin with"),
            (
                "jdbc:postgresql://h/d?user=u&password=canary",
                "without JDBC",
            ),
            (
                "postgresql+asyncpg://u:canary@h/d",
                "without the name of a driver",
            ),
            ("sqlite+aiosqlite:///canary", "without the name of a driver"),
            ("file:canary.db", "not with `file:`"),
            ("memory", "in memory it is `memory:`"),
            (":memory:", "in memory it is `memory:`"),
            ("memory:canary", "memory:"),
            ("memory://", "memory:"),
            ("sqlite://canary/x", "two slashes"),
            ("sqlite://./canary", "two slashes"),
            ("sqlite:", "no file"),
            ("sqlite:///", "no file"),
            ("sqlite:.", "no file"),
            ("sqlite:canary/", "no file"),
            ("sqlite://", "store in memory is `memory:`"),
            ("sqlite::memory:", "store in memory is `memory:`"),
            ("sqlite:///:memory:", "store in memory is `memory:`"),
            ("sqlite://:memory:", "store in memory is `memory:`"),
            ("sqlite:memory", "store in memory is `memory:`"),
            (
                "sqlite:///file::memory:?cache=shared",
                "store in memory is `memory:`",
            ),
            ("sqlite:canary?mode=memory", "store in memory is `memory:`"),
            ("sqlite:~/canary", "only a shell replaces"),
            ("sqlite:///~/canary", "only a shell replaces"),
            ("sqlite:$HOME/canary", "only a shell replaces"),
            ("sqlite:///canary?mode=ro", "parameters"),
            ("sqlite:canary#1", "parameters"),
            ("sqlite:canary%00", "zero"),
            ("sqlite:canary%ff", "UTF-8"),
            ("postgres://u:canary@h/d?x=y", "`x`"),
            ("postgres://u:p@canary@h/d", "%40"),
            ("postgres:u:canary", "postgres://"),
        ] {
            let error = open(url).err().expect(url);
            assert_eq!(error.code(), "invalid_argument");
            assert!(error.message().contains(words), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
        }
    }

    #[tokio::test]
    async fn two_memory_stores_share_nothing() {
        let (one, other) = (open("memory:").unwrap(), open("memory:").unwrap());
        let record = Record {
            value: vec![1],
            version: 1,
            due_at: None,
            expires_at: None,
        };
        let swap = one.compare_and_swap("key", None, Some(record)).await;
        assert_eq!(swap.unwrap(), Swap::Done);
        assert!(other.load("key").await.unwrap().is_none());
    }
}
