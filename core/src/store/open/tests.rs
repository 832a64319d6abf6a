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
    for url in ["memory:", " memory:\n", "\"memory:\"", "MEMORY:", "memory"] {
        assert!(
            matches!(Location::parse(url), Ok(Location::Memory)),
            "{url}"
        );
    }
    for url in [
        "postgres://u@h/d\n",
        "postgres://u@h/d\\n",
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

/// What a URL is read as: `memory`, a file, or a server.
fn read_as(url: &str) -> Result<String> {
    Location::parse(url).map(|location| match location {
        Location::Memory => "memory".to_owned(),
        Location::Sqlite(path) => path.display().to_string(),
        Location::Postgres(_) => "postgres".to_owned(),
    })
}

#[cfg(not(windows))]
#[test]
fn store_urls_are_read_as_meant_or_refused_truly() {
    let mut wrong = Vec::new();
    let good = [
        ("memory", "memory"),
        ("Memory:", "memory"),
        ("'memory'\n", "memory"),
        ("sqlite:a.db", "a.db"),
        ("SQLITE:a.db", "a.db"),
        ("sqlite:./a.db", "./a.db"),
        ("sqlite:../a/b.db", "../a/b.db"),
        ("sqlite:/a.db", "/a.db"),
        ("sqlite:///a/b.db", "/a/b.db"),
        // As SQLAlchemy writes an absolute path.
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite:///a b.db", "/a b.db"),
        ("sqlite:a%20b.db", "a b.db"),
        ("sqlite:ä.db", "ä.db"),
        ("sqlite:a%3Fb%23c%25.db", "a?b#c%.db"),
        ("sqlite:a%5Cb.db", "a\\b.db"),
        ("sqlite:a%2C", "a,"),
        ("sqlite:a:b.db", "a:b.db"),
        ("sqlite: a.db ", "a.db"),
        ("sqlite:\"a.db\"", "a.db"),
        ("“sqlite:a.db”", "a.db"),
        ("\\\"sqlite:a.db\\\"", "a.db"),
        ("\u{200b}sqlite:a.db\r\n", "a.db"),
        ("postgres://u:p@h/d", "postgres"),
        ("POSTGRESQL://h/d", "postgres"),
        ("`postgres://h/d`", "postgres"),
    ];
    for (given, meant) in good {
        match read_as(given) {
            Ok(read) if read == meant => {}
            other => wrong.push(format!("{given:?}, meant as {meant}: {other:?}")),
        }
    }
    let bad = [
        ("mem:", "in memory it is `memory:`"),
        ("inmemory:", "in memory it is `memory:`"),
        ("memory:///canary", "`memory:` and nothing more"),
        ("/var/lib/canary.sqlite", "sqlite:///absolute/path"),
        ("./canary.db", "sqlite:relative/path"),
        ("canary.sqlite3", "sqlite:relative/path"),
        ("C:\\data\\canary.db", "sqlite:///absolute/path"),
        ("sqlite3:canary.db", "sqlite:///absolute/path"),
        ("sqlite3:///canary.db", "sqlite:///absolute/path"),
        ("sqlite:///C:/data/canary.db", "only Windows has"),
        ("sqlite:C:/canary.db", "only Windows has"),
        ("sqlite:C:\\data\\canary.db", "%5C"),
        ("sqlite:canary.db\\n", "%5C"),
        ("sqlite:a\\ canary.db", "%5C"),
        ("sqlite://localhost/canary.db", "two slashes"),
        ("sqlite://C:/canary.db", "two slashes"),
        ("sqlite:canary/..%2F", "no file"),
        ("sqlite:///%2F", "no file"),
        ("sqlite:..", "no file"),
        ("sqlite:\"\"", "no file"),
        ("sqlite:canary.db?mode=rwc", "takes no parameters"),
        ("sqlite:canary.db?cache=shared#x", "takes no parameters"),
        ("sqlite:${DATA}/canary.db", "only a shell replaces"),
        ("sqlite:a/${CANARY}.db", "only a shell replaces"),
        ("sqlite:{{ canary }}", "only a shell replaces"),
        ("sqlite:%DATA%\\canary.db", "%25"),
        ("sqlite:100%canary.db", "%25"),
        ("sqlite:canary%2", "%25"),
        ("sqlite:<canary>", "gap in it"),
        ("sqlite:canary\u{200b}.db", "nobody sees"),
        ("sqlite:canary\n.db", "line break in it"),
        ("sqlite:\"canary.db", "%22"),
        ("sqlite:canary.db;", "%3B"),
        ("sqlite:canary.db,", "%2C"),
        (
            "RELAYPASS_STORE=sqlite:canary.db",
            "give what follows the `=`",
        ),
        (
            "export DATABASE_URL=postgres://u:canary@h/d",
            "give what follows the `=`",
        ),
        ("$DATABASE_URL", "nothing has replaced"),
        ("${DATABASE_URL}", "nothing has replaced"),
        ("op://canary/store/url", "nothing has fetched it"),
        ("psql postgres://u:canary@h/d", "the program that reads it"),
        (
            "psql 'postgres://u:canary@h/d'",
            "the program that reads it",
        ),
        (
            "host=h dbname=d password=canary",
            "postgres://user:password@host",
        ),
        (
            "Host=h;Database=d;Password=canary",
            "postgres://user:password@host",
        ),
        ("pgsql://u:canary@h/d", "for PostgreSQL it is postgres://"),
        ("postgis://u:canary@h/d", "for PostgreSQL it is postgres://"),
        ("postgresql+psycopg://u:canary@h/d", "the name of a driver"),
        ("prisma+postgres://canary", "the name of a driver"),
        ("jdbc:sqlite:canary.db", "without JDBC"),
        (
            "mysql://u:canary@h/d",
            "must begin with memory:, sqlite:, postgres://",
        ),
        ("mongodb+srv://u:canary@h", "must begin with"),
        ("postgres:/h/canary", "postgres://"),
        ("postgres//h/canary", "must begin with"),
        ("https://canary.example", "must begin with"),
    ];
    for (given, words) in bad {
        match read_as(given) {
            Ok(read) => wrong.push(format!("{given:?}, to be refused ({words}): {read:?}")),
            Err(error) => {
                let said = error.message();
                if !said.contains(words) || format!("{error} {error:?}").contains("canary") {
                    wrong.push(format!("{given:?}, to be refused ({words}): {said}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        good.len() + bad.len(),
        wrong.join("\n")
    );
}

#[test]
fn on_windows_a_drive_may_stand_first() {
    for (given, meant) in [
        ("C:\\data\\a.db", "C:\\data\\a.db"),
        ("C:/data/a.db", "C:/data/a.db"),
        ("///C:/data/a.db", "C:/data/a.db"),
        ("data\\a.db", "data\\a.db"),
        ("C%3A%5Cdata%5Ca%20b.db", "C:\\data\\a b.db"),
    ] {
        assert_eq!(file_of(given, true), Ok(meant.to_owned()));
    }
}

#[test]
fn the_url_of_a_file_leads_to_it() {
    for file in [
        "/a/b.db",
        "/a b/100%/why?/#1/\"it\"/$x/{{y}}/a\\b/\u{200b},",
        "C:\\data\\a.db",
    ] {
        assert_eq!(path(&sqlite_url(file)), PathBuf::from(file));
    }
}
