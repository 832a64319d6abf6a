//! How often a call waits for the way to PostgreSQL and back, over a link that counts, and that nothing is
//! said too early for the sake of it. docs/storage.md has these numbers.

use std::time::Duration;

use futures_util::future::join_all;
use relaypass::store::{create_table, open, Record, Store, Swap};

use crate::support::link::{port_of, Link};
use crate::support::services::{connect, Services};

fn record(version: u64) -> Option<Record> {
    Some(Record {
        value: vec![7; 2000],
        version,
        due_at: Some(version),
        expires_at: None,
    })
}

/// A database with the table: its own URL, a link to it, and the URL by way of that.
async fn linked() -> Option<(String, Link, String)> {
    let url = Services::start().postgres_database().await?;
    create_table(&url).await.unwrap();
    let link = Link::to(port_of(&url), Duration::ZERO);
    let by_link = link.url(&url);
    Some((url, link, by_link))
}

/// One call after the other, of each kind and outcome; the round trips of each.
async fn calls(store: &dyn Store, link: &Link) -> Vec<(&'static str, usize)> {
    let mut counted = Vec::new();
    for (name, expected, new, swap) in [
        ("insert", None, record(1), Swap::Done),
        ("insert, refused", None, record(1), Swap::Refused),
        ("update", Some(1), record(2), Swap::Done),
        ("update, refused", Some(1), record(2), Swap::Refused),
        ("delete, refused", Some(1), None, Swap::Refused),
        ("delete", Some(2), None, Swap::Done),
        ("delete of nothing", None, None, Swap::Done),
    ] {
        let swapped = store.compare_and_swap("key", expected, new).await;
        assert_eq!(swapped.unwrap(), swap, "{name}");
        counted.push((name, link.take()));
    }
    assert!(store.load("key").await.unwrap().is_none());
    counted.push(("load", link.take()));
    store.scan("", None, 100).await.unwrap();
    counted.push(("scan", link.take()));
    store.scan("", Some(1), 100).await.unwrap();
    counted.push(("scan of what is due", link.take()));
    let upkeep = store.upkeep().unwrap();
    upkeep.delete_expired(1, 100).await.unwrap();
    counted.push(("prune", link.take()));
    counted
}

#[tokio::test]
async fn a_call_takes_one_round_trip_the_first_of_its_kind_on_a_connection_too() {
    let Some((_, link, url)) = linked().await else {
        return;
    };
    let store = open(&format!("{url}?pool_size=1")).unwrap();
    store.load("key").await.unwrap();
    link.take();
    for time in ["first", "second", "third"] {
        for (name, round_trips) in calls(&*store, &link).await {
            assert_eq!(round_trips, 1, "{name}, {time} time");
        }
    }
}

#[tokio::test]
async fn a_new_connection_takes_five_round_trips_beside_its_first_call() {
    let Some((_, link, url)) = linked().await else {
        return;
    };
    // With a password (SCRAM) and without TLS.
    let store = open(&url).unwrap();
    let swap = store.compare_and_swap("key", None, record(1)).await;
    assert_eq!(swap.unwrap(), Swap::Done);
    assert_eq!(link.take(), 6);
}

/// Each would rest for longer than it is trusted, and each call connect anew.
#[tokio::test]
async fn connections_of_a_busy_moment_are_not_used_in_turn_afterwards() {
    let Some((url, _, by_link)) = linked().await else {
        return;
    };
    // Four that begin together take long on a machine that has other things to do.
    let store = open(&format!("{by_link}?connect_timeout=60")).unwrap();
    let client = connect(&url).await;
    for result in join_all((0..4).map(|_| store.load("key"))).await {
        result.unwrap();
    }
    let used_since = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'relaypass' AND state_change > $1";
    let now = client.query_one("SELECT clock_timestamp() - interval '1 hour'", &[]);
    let an_hour_ago: std::time::SystemTime = now.await.unwrap().get(0);
    let used = client.query_one(used_since, &[&an_hour_ago]).await;
    assert_eq!(used.unwrap().get::<_, i64>(0), 4);
    let now = client.query_one("SELECT clock_timestamp()", &[]).await;
    let now: std::time::SystemTime = now.unwrap().get(0);
    for _ in 0..8 {
        store.load("key").await.unwrap();
    }
    let used = client.query_one(used_since, &[&now]).await;
    assert_eq!(used.unwrap().get::<_, i64>(0), 1);
}

/// A trigger of the table that runs when a transaction commits, after the statement has told its rows.
async fn at_commit(url: &str, statement: &str) {
    let trigger = format!(
        "CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN {statement}; RETURN NULL; END $$; \
         DROP TRIGGER IF EXISTS at_commit ON relaypass_records; \
         CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE OR DELETE ON relaypass_records \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()"
    );
    connect(url).await.batch_execute(&trigger).await.unwrap();
}

/// Swaps that end while they are committed, on a connection that never saw them and on one that did: what
/// was said.
async fn failed_commits(url: &str, statement: &str) -> Vec<String> {
    let store = open(&format!("{url}?pool_size=1")).unwrap();
    let mut said = Vec::new();
    for knows_them in [false, true] {
        at_commit(url, "NULL").await;
        if knows_them {
            for (expected, new) in [(None, record(1)), (Some(1), record(2)), (Some(2), None)] {
                let swap = store.compare_and_swap("key", expected, new).await;
                assert_eq!(swap.unwrap(), Swap::Done);
            }
        }
        connect(url)
            .await
            .batch_execute("INSERT INTO relaypass_records VALUES ('old', '', 1)")
            .await
            .unwrap();
        at_commit(url, statement).await;
        for (key, expected, new) in [
            ("key", None, record(1)),
            ("old", Some(1), record(2)),
            ("old", Some(1), None),
        ] {
            let swap = store.compare_and_swap(key, expected, new).await;
            said.push(swap.unwrap_err().to_string());
        }
        assert_eq!(store.scan("", None, 9).await.unwrap(), ["old"]);
        let old = store.load("old").await.unwrap();
        assert_eq!(old.unwrap().version, 1, "nothing was stored");
        at_commit(url, "NULL").await;
        let gone = store.compare_and_swap("old", Some(1), None).await;
        assert_eq!(gone.unwrap(), Swap::Done);
    }
    said
}

#[tokio::test]
async fn a_swap_that_cannot_be_committed_is_an_error_and_not_done() {
    let Some((url, ..)) = linked().await else {
        return;
    };
    let refuse = "RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'";
    for said in failed_commits(&url, refuse).await {
        assert!(said.contains("refused a statement"), "{said}");
        assert!(said.contains("SQLSTATE 23514"), "{said}");
    }
}

#[tokio::test]
async fn a_swap_whose_connection_ends_while_it_is_committed_is_an_error_and_not_done() {
    let Some((url, ..)) = linked().await else {
        return;
    };
    let end = "PERFORM pg_terminate_backend(pg_backend_pid())";
    for said in failed_commits(&url, end).await {
        assert!(
            said.contains("The connection to PostgreSQL broke"),
            "{said}"
        );
        assert!(said.contains("SQLSTATE 57P01"), "{said}");
    }
}

#[tokio::test]
async fn a_commit_that_waits_is_waited_for() {
    let Some((url, ..)) = linked().await else {
        return;
    };
    at_commit(&url, "PERFORM pg_advisory_xact_lock(1)").await;
    let store = open(&url).unwrap();
    let holder = connect(&url).await;
    let (lock, unlock) = ("SELECT pg_advisory_lock(1)", "SELECT pg_advisory_unlock(1)");
    for key in ["unknown", "known"] {
        holder.batch_execute(lock).await.unwrap();
        let mut swap = std::pin::pin!(store.compare_and_swap(key, None, record(1)));
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'relaypass' AND wait_event_type = 'Lock'";
        while holder.query(waiting, &[]).await.unwrap().is_empty() {
            assert!(futures_util::poll!(&mut swap).is_pending(), "not committed");
            tokio::task::yield_now().await;
        }
        assert!(futures_util::poll!(&mut swap).is_pending(), "not committed");
        holder.batch_execute(unlock).await.unwrap();
        assert_eq!(swap.await.unwrap(), Swap::Done);
    }
}
