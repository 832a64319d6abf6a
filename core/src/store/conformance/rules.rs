//! The rules, one function each.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinSet;

use super::bench::{self, record, Bench};
use super::{BoxFuture, Checked, Violation};
use crate::store::{Record, Store, Swap, LARGEST_VALUE, LONGEST_KEY};

const WRITERS: u64 = 8;
const INCREMENTS: u64 = 25;

/// The largest integer that every language can hold, and so the largest version and time.
const LARGEST_NUMBER: u64 = 1 << 53;

const ABSENT: &str = "load must return nothing for a key that was never written or was deleted.";
const KEPT: &str = "A record must come back exactly as it was put there.";
const INSERTED: &str = "A swap that expects nothing must be done when nothing is there.";
const NOT_INSERTED: &str = "A swap that expects nothing must be refused when a record is there.";
const SWAPPED: &str = "A swap that expects the version that is there must be done.";
const NOT_SWAPPED: &str = "A swap that expects another version must be refused.";
const UNCHANGED: &str = "A refused swap must change nothing.";
const DELETED: &str = "A deletion that expects the version that is there must be done.";
const NOT_DELETED: &str = "A deletion that expects another version must be refused.";
const ANY_BYTES: &str = "A value may hold any bytes, zero included, and none at all.";
const ANY_SIZE: &str = "A value of up to 64 KiB must be kept whole.";
const ANY_KEY: &str =
    "A key may have any allowed character and up to 255 of them, compared byte for byte.";
const ANY_NUMBER: &str =
    "Versions and times up to 2^53 must be kept exactly, and no time is not the time 0.";
const PREFIX: &str =
    "scan must return the keys that begin with the prefix, byte for byte, and no others.";
const KEY_ORDER: &str = "scan without a time must return keys in their order, byte by byte.";
const LIMIT: &str = "scan must return the first keys up to the limit, and no more.";
const DUE: &str =
    "scan with a time must return the keys whose due_at is at or before it, and no others.";
const DUE_ORDER: &str =
    "scan with a time must return the oldest due_at first, and equal ones in the order of keys.";
const DUE_MOVES: &str = "scan must go by the due_at of the latest swap.";
const ONE_WINNER: &str = "Of several writers who expect the same, exactly one must succeed.";
const ATOMIC: &str =
    "compare_and_swap must be atomic: no swap that was done may be lost, and none \
     that was refused may be seen.";
const LATE: &str = "A swap that was given up must have happened wholly or not at all, and must be \
     refused once another took its place.";
const DURABLE: &str = "What a swap did must be there when the store is opened again.";
const LATEST: &str = "load must see the latest swap, whoever made it.";

pub(super) async fn insert(bench: &Bench) -> Checked {
    let key = bench.key("insert/key");
    let first = record(1, "first");
    bench.expect(ABSENT, &key, None).await?;
    bench.put(INSERTED, &key, None, Some(first.clone())).await?;
    bench.expect(KEPT, &key, Some(&first)).await?;
    refused(bench, NOT_INSERTED, &key, None, Some(record(1, "second"))).await?;
    bench.expect(UNCHANGED, &key, Some(&first)).await?;
    bench.expect(ABSENT, &bench.key("insert/other"), None).await
}

pub(super) async fn swap(bench: &Bench) -> Checked {
    let key = bench.key("swap/key");
    refused(
        bench,
        NOT_SWAPPED,
        &key,
        Some(1),
        Some(record(2, "none there")),
    )
    .await?;
    bench.expect(UNCHANGED, &key, None).await?;
    bench
        .put(INSERTED, &key, None, Some(record(1, "one")))
        .await?;
    let neighbour = bench.key("swap/neighbour");
    bench
        .put(INSERTED, &neighbour, None, Some(record(1, "other")))
        .await?;

    let second = Record {
        due_at: Some(5),
        ..record(2, "two")
    };
    bench
        .put(SWAPPED, &key, Some(1), Some(second.clone()))
        .await?;
    bench.expect(KEPT, &key, Some(&second)).await?;
    for wrong in [0, 1, 3] {
        refused(
            bench,
            NOT_SWAPPED,
            &key,
            Some(wrong),
            Some(record(wrong + 1, "three")),
        )
        .await?;
        bench.expect(UNCHANGED, &key, Some(&second)).await?;
    }
    bench
        .expect(UNCHANGED, &neighbour, Some(&record(1, "other")))
        .await
}

pub(super) async fn delete(bench: &Bench) -> Checked {
    let key = bench.key("delete/key");
    refused(bench, NOT_DELETED, &key, Some(1), None).await?;
    bench
        .put(INSERTED, &key, None, Some(record(7, "seven")))
        .await?;
    for wrong in [Some(6), Some(8), None] {
        refused(bench, NOT_DELETED, &key, wrong, None).await?;
        bench
            .expect(UNCHANGED, &key, Some(&record(7, "seven")))
            .await?;
    }
    bench.put(DELETED, &key, Some(7), None).await?;
    bench.expect(ABSENT, &key, None).await?;
    refused(bench, NOT_SWAPPED, &key, Some(7), Some(record(8, "eight"))).await?;
    refused(bench, NOT_DELETED, &key, Some(7), None).await?;
    let again = record(1, "again");
    bench.put(INSERTED, &key, None, Some(again.clone())).await?;
    bench.expect(KEPT, &key, Some(&again)).await
}

pub(super) async fn values(bench: &Bench) -> Checked {
    let every_byte: Vec<u8> = (0..=255).collect();
    let backwards: Vec<u8> = (0..=255).rev().collect();
    let large: Vec<u8> = every_byte
        .iter()
        .copied()
        .cycle()
        .take(LARGEST_VALUE)
        .collect();
    let zeros = [0; 64];
    let values: [(&'static str, &str, &[u8]); 8] = [
        (ANY_BYTES, "empty", b""),
        (ANY_BYTES, "zero", b"\0"),
        (ANY_BYTES, "zero-within", b"before\0after"),
        (ANY_BYTES, "zeros", &zeros),
        (ANY_BYTES, "every-byte", &every_byte),
        (ANY_BYTES, "backwards", &backwards),
        (ANY_BYTES, "escapes", b"\\x41\\n'\"%_{}\r\n\t "),
        (ANY_SIZE, "large", &large),
    ];
    for (rule, name, value) in values {
        let key = bench.key(&format!("values/{name}"));
        let inserted = record(1, value);
        bench
            .put(INSERTED, &key, None, Some(inserted.clone()))
            .await?;
        bench.expect(rule, &key, Some(&inserted)).await?;
        // And over another value: that is another statement.
        bench
            .put(SWAPPED, &key, Some(1), Some(record(2, "x")))
            .await?;
        let swapped = record(3, value);
        bench
            .put(SWAPPED, &key, Some(2), Some(swapped.clone()))
            .await?;
        bench.expect(rule, &key, Some(&swapped)).await?;
    }
    Ok(())
}

pub(super) async fn keys(bench: &Bench) -> Checked {
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9');
    let characters: Vec<char> = letters.chain("-._~/".chars()).collect();
    // One key for each character, in one place: keys that a store takes for the same collide.
    let mut keys: Vec<String> = characters
        .iter()
        .map(|character| bench.key(&format!("keys/{character}")))
        .collect();
    let room = LONGEST_KEY - bench.key("keys/").len();
    let longest: String = characters.iter().cycle().take(room).collect();
    keys.push(bench.key(&format!("keys/{longest}")));
    let other_end = if longest.ends_with('a') { 'b' } else { 'a' };
    keys.push(bench.key(&format!("keys/{}{other_end}", &longest[..room - 1])));

    for (index, key) in keys.iter().enumerate() {
        let new = record(1, index.to_string());
        bench.put(ANY_KEY, key, None, Some(new)).await?;
    }
    for (index, key) in keys.iter().enumerate() {
        let there = record(1, index.to_string());
        bench.expect(ANY_KEY, key, Some(&there)).await?;
    }
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    let found = bench.scan("keys/", None, keys.len() + 1).await?;
    let found: Vec<String> = found.iter().map(|key| bench.key(key)).collect();
    if found != sorted {
        let rule = if found.len() == sorted.len() {
            KEY_ORDER
        } else {
            PREFIX
        };
        return Err(Violation::new(
            rule,
            format!(
                "There are {} keys, it returned {}.",
                sorted.len(),
                found.len()
            ),
        ));
    }
    Ok(())
}

pub(super) async fn numbers(bench: &Bench) -> Checked {
    let times = [
        None,
        Some(0),
        Some(1),
        Some(1 << 31),
        Some(1 << 32),
        Some(LARGEST_NUMBER),
    ];
    for (index, time) in times.into_iter().enumerate() {
        let key = bench.key(&format!("numbers/due-{index}"));
        let due = Record {
            due_at: time,
            ..record(1, "due")
        };
        bench.put(INSERTED, &key, None, Some(due.clone())).await?;
        bench.expect(ANY_NUMBER, &key, Some(&due)).await?;

        let key = bench.key(&format!("numbers/expires-{index}"));
        let expiring = Record {
            expires_at: time,
            ..record(1, "expires")
        };
        bench
            .put(INSERTED, &key, None, Some(expiring.clone()))
            .await?;
        // The store may drop a record whose time is over: it is gone, or it is as it was.
        let over = time.is_some_and(|time| time < LARGEST_NUMBER);
        if !over || bench.load(&key).await?.is_some() {
            bench.expect(ANY_NUMBER, &key, Some(&expiring)).await?;
        }
    }
    let key = bench.key("numbers/version");
    let mut before = None;
    for version in [
        1,
        1 << 31,
        (1 << 32) + 1,
        LARGEST_NUMBER - 1,
        LARGEST_NUMBER,
    ] {
        let next = record(version, "version");
        bench
            .put(ANY_NUMBER, &key, before, Some(next.clone()))
            .await?;
        bench.expect(ANY_NUMBER, &key, Some(&next)).await?;
        before = Some(version);
    }
    refused(bench, ANY_NUMBER, &key, Some(LARGEST_NUMBER - 1), None).await
}

pub(super) async fn prefixes(bench: &Bench) -> Checked {
    let names = [
        "a", "A", "ab", "a_", "a_b", "aXb", "A_b", "a.b", "a~", "a~b", "a/b", "a/b/c", "a-b",
        "a_bc", "b", "B", "~", "_", "~~",
    ];
    for name in names {
        let key = bench.key(&format!("prefixes/{name}"));
        let due = Record {
            due_at: Some(10),
            ..record(1, name)
        };
        bench.put(ANY_KEY, &key, None, Some(due)).await?;
    }
    // Beside the folder, not in it.
    let outside = bench.key("prefixes.outside");
    bench
        .put(INSERTED, &outside, None, Some(record(1, "")))
        .await?;

    for prefix in names
        .into_iter()
        .chain(["", "a/b/", "c", "aX", "__", "a.", "aXbc"])
    {
        let mut expected: Vec<String> = names
            .iter()
            .filter(|name| name.starts_with(prefix))
            .map(|name| format!("prefixes/{name}"))
            .collect();
        expected.sort_unstable();
        for due_before in [None, Some(10)] {
            let found = bench
                .scan(&format!("prefixes/{prefix}"), due_before, 1000)
                .await?;
            let mut found_sorted = found.clone();
            found_sorted.sort_unstable();
            same_keys(PREFIX, &expected, &found_sorted)?;
            let order = if due_before.is_some() {
                DUE_ORDER
            } else {
                KEY_ORDER
            };
            same_keys(order, &expected, &found)?;
        }
    }
    Ok(())
}

pub(super) async fn scan_order(bench: &Bench) -> Checked {
    let names = ["b", "B", "a", "10", "9", "a-", "a.", "_", "~"];
    for name in names {
        let key = bench.key(&format!("order/{name}"));
        bench
            .put(INSERTED, &key, None, Some(record(1, name)))
            .await?;
    }
    let mut expected = names.map(|name| format!("order/{name}"));
    expected.sort_unstable();
    same_keys(
        KEY_ORDER,
        &expected,
        &bench.scan("order/", None, 100).await?,
    )?;
    for limit in 1..=expected.len() {
        same_keys(
            LIMIT,
            &expected[..limit],
            &bench.scan("order/", None, limit).await?,
        )?;
    }
    let key = bench.key("order/a");
    bench.put(DELETED, &key, Some(1), None).await?;
    let left: Vec<String> = expected
        .into_iter()
        .filter(|name| name != "order/a")
        .collect();
    same_keys(PREFIX, &left, &bench.scan("order/", None, 100).await?)
}

pub(super) async fn due_records(bench: &Bench) -> Checked {
    let scan = |due_before, limit| bench.scan("due/", Some(due_before), limit);
    let records = [
        ("z-first", Some(0)),
        ("y", Some(9)),
        ("tie-2", Some(10)),
        ("tie-1", Some(10)),
        ("tie-3", Some(10)),
        ("x", Some(100)),
        ("a", Some(1000)),
        ("last", Some(LARGEST_NUMBER)),
        ("never", None),
    ];
    for (name, due_at) in records {
        let key = bench.key(&format!("due/{name}"));
        let due = Record {
            due_at,
            ..record(1, name)
        };
        bench.put(INSERTED, &key, None, Some(due)).await?;
    }
    let in_order = ["z-first", "y", "tie-1", "tie-2", "tie-3", "x", "a", "last"];
    let in_order = in_order.map(|name| format!("due/{name}"));
    for (due_before, count) in [
        (0, 1),
        (8, 1),
        (9, 2),
        (10, 5),
        (99, 5),
        (100, 6),
        (999, 6),
        (1000, 7),
        (LARGEST_NUMBER - 1, 7),
        (LARGEST_NUMBER, 8),
    ] {
        let found = scan(due_before, 100).await?;
        let mut sorted = [&in_order[..count], &found].map(<[String]>::to_vec);
        sorted.iter_mut().for_each(|keys| keys.sort_unstable());
        same_keys(DUE, &sorted[0], &sorted[1])?;
        same_keys(DUE_ORDER, &in_order[..count], &found)?;
    }
    for limit in 1..=in_order.len() {
        same_keys(
            LIMIT,
            &in_order[..limit],
            &scan(LARGEST_NUMBER, limit).await?,
        )?;
    }
    // Who works through what is due moves each record on, or takes its time away, and so comes to
    // the next.
    for (index, name) in in_order.iter().enumerate().take(4) {
        same_keys(DUE_MOVES, &in_order[index..=index], &scan(100, 1).await?)?;
        let later = Record {
            due_at: (index % 2 == 0).then_some(5000),
            ..record(2, name)
        };
        bench
            .put(SWAPPED, &bench.key(name), Some(1), Some(later))
            .await?;
    }
    let moved = [4, 5, 6, 2, 0].map(|index| in_order[index].clone());
    same_keys(DUE_MOVES, &moved, &scan(5000, 100).await?)?;
    bench
        .put(DELETED, &bench.key("due/x"), Some(1), None)
        .await?;
    same_keys(DUE_MOVES, &in_order[4..5], &scan(100, 100).await?)
}

pub(super) async fn one_winner(bench: &Bench) -> Checked {
    let stores = [bench.store(), bench.another_store().await?];
    for round in 0..8 {
        let key = bench.key(&format!("winner/{round}"));
        // First who creates the record, then who replaces it, then who deletes it.
        for expected in [None, Some(1), Some(2)] {
            let mut writers = JoinSet::new();
            for writer in 0..WRITERS {
                let (store, key) = (Arc::clone(&stores[(writer % 2) as usize]), key.clone());
                let new = (expected != Some(2))
                    .then(|| record(expected.unwrap_or(0) + 1, writer.to_string()));
                writers.spawn(async move {
                    let swap = bench::swap(&*store, &key, expected, new.clone()).await?;
                    Ok((swap, new))
                });
            }
            let mut won = Vec::new();
            for result in finish(writers).await? {
                if let (Swap::Done, new) = result {
                    won.push(new);
                }
            }
            let [winner] = &won[..] else {
                let found = format!("Of {WRITERS} concurrent writers {} did.", won.len());
                return Err(Violation::new(ONE_WINNER, found));
            };
            bench.expect(ATOMIC, &key, winner.as_ref()).await?;
        }
    }
    Ok(())
}

pub(super) async fn concurrent_writers(bench: &Bench) -> Checked {
    let key = bench.key("counter");
    bench
        .put(INSERTED, &key, None, Some(record(1, "0")))
        .await?;
    let stores = [bench.store(), bench.another_store().await?];
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, key) = (Arc::clone(&stores[(writer % 2) as usize]), key.clone());
        writers.spawn(async move {
            for _ in 0..INCREMENTS {
                increment(&*store, &key).await?;
            }
            Ok(())
        });
    }
    finish(writers).await?;
    let total = WRITERS * INCREMENTS;
    bench
        .expect(ATOMIC, &key, Some(&record(total + 1, total.to_string())))
        .await
}

async fn increment(store: &dyn Store, key: &str) -> Checked {
    // Somebody else's success is behind every refusal, and there are that many.
    for _ in 0..=WRITERS * INCREMENTS {
        let Some(before) = bench::load(store, key).await? else {
            return Err(Violation::new(LATEST, "The record was not there."));
        };
        let number = str::from_utf8(&before.value).ok();
        let number: Option<u64> = number.and_then(|text| text.parse().ok());
        if number.map(|number| number + 1) != Some(before.version) {
            let found = format!(
                "A value came back with another's version, {}.",
                before.version
            );
            return Err(Violation::new(ATOMIC, found));
        }
        let after = record(before.version + 1, before.version.to_string());
        match bench::swap(store, key, Some(before.version), Some(after)).await? {
            Swap::Done => return Ok(()),
            Swap::Refused => {}
        }
    }
    let found = "Swaps were refused more often than the record changed.";
    Err(Violation::new(SWAPPED, found))
}

pub(super) async fn late_writes(bench: &Bench) -> Checked {
    let store = bench.store();
    let mut settled = Vec::new();
    for polls in 1..=16 {
        let key = bench.key(&format!("late/{polls}"));
        bench
            .put(INSERTED, &key, None, Some(record(1, "before")))
            .await?;
        let late = record(2, vec![b'L'; LARGEST_VALUE / 2]);
        let swap = store.compare_and_swap(&key, Some(1), Some(late.clone()));
        give_up_after(polls, swap).await;
        if bench.load(&key).await? != Some(record(1, "before")) {
            bench.expect(LATE, &key, Some(&late)).await?;
        }

        let next = record(2, "next");
        let there = match bench.swap(&key, Some(1), Some(next.clone())).await? {
            Swap::Done => next,
            Swap::Refused => late,
        };
        bench.expect(LATE, &key, Some(&there)).await?;
        settled.push((key, there));
    }
    // What was late has had its time by now.
    for (key, there) in &settled {
        bench.expect(LATE, key, Some(there)).await?;
    }
    Ok(())
}

/// Works on a future for a while and then drops it, as a caller does who is cancelled.
async fn give_up_after<T>(polls: usize, mut work: BoxFuture<'_, T>) {
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_ready()));
        if ready.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub(super) async fn reopened(bench: &Bench) -> Checked {
    let (kept, deleted) = (bench.key("reopened/kept"), bench.key("reopened/deleted"));
    let due = Record {
        value: (0..=255).collect(),
        version: 2,
        due_at: Some(7),
        expires_at: Some(LARGEST_NUMBER),
    };
    bench
        .put(INSERTED, &kept, None, Some(record(1, "old")))
        .await?;
    bench
        .put(SWAPPED, &kept, Some(1), Some(due.clone()))
        .await?;
    bench
        .put(INSERTED, &deleted, None, Some(record(1, "old")))
        .await?;
    bench.put(DELETED, &deleted, Some(1), None).await?;

    let other = bench.another_store().await?;
    bench::expect(&*other, DURABLE, &kept, Some(&due)).await?;
    bench::expect(&*other, DURABLE, &deleted, None).await?;
    let found = other.scan(&kept, Some(7), 10).await;
    let found = found.map_err(|error| Violation::failed("scan", error))?;
    same_keys(DURABLE, std::slice::from_ref(&kept), &found)?;

    // Each sees what the other did since.
    let third = record(3, "third");
    bench::put(&*other, SWAPPED, &kept, Some(2), Some(third.clone())).await?;
    bench.expect(LATEST, &kept, Some(&third)).await?;
    refused(bench, NOT_SWAPPED, &kept, Some(2), Some(record(3, "lost"))).await?;
    bench.put(DELETED, &kept, Some(3), None).await?;
    bench::expect(&*other, LATEST, &kept, None).await?;
    bench::put(&*other, INSERTED, &deleted, None, Some(record(1, "new"))).await?;
    bench
        .expect(LATEST, &deleted, Some(&record(1, "new")))
        .await?;
    let found = bench.scan("reopened/", None, 10).await?;
    same_keys(LATEST, &["reopened/deleted".to_owned()], &found)
}

async fn refused(
    bench: &Bench,
    rule: &'static str,
    key: &str,
    expected: Option<u64>,
    new: Option<Record>,
) -> Checked {
    match bench.swap(key, expected, new).await? {
        Swap::Refused => Ok(()),
        Swap::Done => Err(Violation::new(rule, "It said: done.")),
    }
}

fn same_keys(rule: &'static str, expected: &[String], found: &[String]) -> Checked {
    if expected == found {
        return Ok(());
    }
    let found = format!("Expected {expected:?}, found {found:?}.");
    Err(Violation::new(rule, found))
}

async fn finish<T: 'static>(mut tasks: JoinSet<Result<T, Violation>>) -> Result<Vec<T>, Violation> {
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(|_| Violation::new(KEPT, "A method panicked."))??);
    }
    Ok(results)
}
