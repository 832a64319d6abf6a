//! Reading and writing records: encoded, sealed, and swapped against the version that was read.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::Serialize;
use tokio::time::{timeout_at, Instant};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::os_random;
use crate::secret::rand_core::Rng;
use crate::store::{Record, Sealer, Store, StoreError, Swap, LARGEST_VALUE};

/// The format of records' contents. A newer one is refused and left untouched.
const FORMAT: u8 = 1;

/// The format of what has an owner: relaypass 0.1.0, which would buy it with another's API key, leaves it untouched.
const OWNED: u8 = 2;

/// The format of what is strict: a version that knows no strict clients, which would buy for it at any time, and drop
/// what it does not know, leaves it untouched.
const STRICT: u8 = 3;

/// Which versions may touch a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// All.
    Plain,
    /// Those that tell customers apart.
    Owned,
    /// Those that know strict clients.
    Strict,
}

/// How long after a call's deadline the store is still waited for, to keep what a request has come to:
/// the last one may end with the call.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// A content that is stored under a key.
pub(crate) trait Stored:
    Serialize + DeserializeOwned + PartialEq + Clone + Send + Sync
{
    /// When it is to be looked at again.
    fn due_at(&self) -> Option<u64>;

    /// When the store may drop it.
    fn expires_at(&self) -> Option<u64>;

    /// Which versions do nothing wrong with it.
    fn format(&self) -> Format {
        Format::Plain
    }

    /// Whether it may be under this key. A seal says so already; without one, what was put in
    /// another's place would be driven, and stored, as that other.
    fn is_under(&self, _key: &str) -> bool {
        true
    }
}

/// A content and the version it was read in.
#[derive(Clone)]
pub(crate) struct Loaded<T> {
    pub(crate) content: T,
    pub(crate) version: u64,
}

/// What became of a swap.
pub(crate) enum Changed<T> {
    /// It is stored.
    Done(Loaded<T>),
    /// Somebody else was faster: this is there now.
    Refused(Option<Loaded<T>>),
}

/// A store, behind a seal, for as long as a call may take.
#[derive(Clone)]
pub(crate) struct Vault {
    store: Arc<dyn Store>,
    sealer: Sealer,
    /// When the call's time is up. None: only the store's own limit counts.
    deadline: Option<Instant>,
}

impl Vault {
    pub(crate) fn new(store: Arc<dyn Store>, sealer: Sealer) -> Self {
        Self {
            store,
            sealer,
            deadline: None,
        }
    }

    /// The same store for a call that ends at this time.
    pub(crate) fn until(&self, deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// The same store for what a request has come to: it returned in time, but maybe at the very end.
    pub(crate) fn in_grace(&self) -> Self {
        self.until(self.deadline.map(|deadline| deadline + GRACE))
    }

    /// The same store for what must be stored although the call's time is up.
    pub(crate) fn unhurried(&self) -> Self {
        self.until(None)
    }

    /// Waits for a method of the store until the call's time is up. A write that was given up may
    /// still land: the contract allows for it.
    async fn wait_for<T>(
        &self,
        method: impl Future<Output = std::result::Result<T, StoreError>>,
    ) -> Result<T> {
        let Some(deadline) = self.deadline else {
            return method.await.map_err(store_failed);
        };
        if Instant::now() >= deadline {
            return Err(out_of_time());
        }
        match timeout_at(deadline, method).await {
            Ok(done) => done.map_err(store_failed),
            Err(_) => Err(out_of_time()),
        }
    }

    /// What is under `key`.
    ///
    /// # Errors
    /// `store` when the store fails, or the record is damaged or of a newer format; `decryption` for
    /// a seal that does not open; `timeout` when the call's time is up, here and below. Nothing is
    /// overwritten.
    pub(crate) async fn load<T: Stored>(&self, key: &str) -> Result<Option<Loaded<T>>> {
        let record = self.wait_for(self.store.load(key)).await?;
        record.map(|record| self.open(key, record)).transpose()
    }

    fn open<T: Stored>(&self, key: &str, record: Record) -> Result<Loaded<T>> {
        let content = self.sealer.open(key, record.version, &record.value)?;
        let content: T = decode(&content)?;
        if !content.is_under(key) {
            return Err(Error::new(
                ErrorKind::Store,
                "The record belongs under another key: somebody put it there. It was left \
                 untouched.",
            ));
        }
        Ok(Loaded {
            content,
            version: record.version,
        })
    }

    /// Puts `content` under `key`, where the version `expected` must be (none: nothing).
    ///
    /// # Errors
    /// `store` when the store fails: nobody knows then whether it was stored. Also when it refuses
    /// although the expected version is there: asking again would never end.
    pub(crate) async fn put<T: Stored>(
        &self,
        key: &str,
        expected: Option<u64>,
        content: T,
    ) -> Result<Changed<T>> {
        let version = expected.map_or_else(first_version, |expected| expected + 1);
        let record = Record {
            value: self.sealer.seal(key, version, &encode(&content)),
            version,
            due_at: content.due_at(),
            expires_at: content.expires_at(),
        };
        if record.value.len() > LARGEST_VALUE {
            return Err(Error::new(
                ErrorKind::Store,
                "The record would be larger than 64 KiB; nothing was stored.",
            ));
        }
        let swap = self.store.compare_and_swap(key, expected, Some(record));
        if self.wait_for(swap).await? == Swap::Done {
            return Ok(Changed::Done(Loaded { content, version }));
        }
        let there = self.load::<T>(key).await?;
        if there.as_ref().map(|there| there.version) == expected {
            return Err(refused_in_vain());
        }
        Ok(Changed::Refused(there))
    }

    /// What is under `key`, which is sealed anew unless the first seal key has sealed it.
    ///
    /// # Errors
    /// As [`Vault::load`] and [`Vault::put`].
    pub(crate) async fn load_renewed<T: Stored>(&self, key: &str) -> Result<Option<Loaded<T>>> {
        let Some(record) = self.wait_for(self.store.load(key)).await? else {
            return Ok(None);
        };
        let is_newest = self.sealer.is_newest(key, record.version, &record.value);
        let there = self.open::<T>(key, record)?;
        if is_newest {
            return Ok(Some(there));
        }
        match self.put(key, Some(there.version), there.content).await? {
            Changed::Done(renewed) => Ok(Some(renewed)),
            // Somebody has just written it.
            Changed::Refused(there) => Ok(there),
        }
    }

    /// Deletes what is under `key` if it has this version.
    ///
    /// # Errors
    /// `store` when the store fails.
    pub(crate) async fn delete(&self, key: &str, version: u64) -> Result<Swap> {
        let swap = self.store.compare_and_swap(key, Some(version), None);
        if self.wait_for(swap).await? == Swap::Done {
            return Ok(Swap::Done);
        }
        let there = self.wait_for(self.store.load(key)).await?;
        if there.is_some_and(|there| there.version == version) {
            return Err(refused_in_vain());
        }
        Ok(Swap::Refused)
    }

    /// Whether the store takes writes, `now` (milliseconds since the epoch): writes a record that nobody reads, since a
    /// full disk takes a delete that finds nothing. Of all who ask within a second one writes, and the others' delete
    /// finds nothing: whoever may ask must not keep a disk busy.
    ///
    /// # Errors
    /// `store` when the store fails.
    pub(crate) async fn check_writes(&self, now: u64) -> Result<()> {
        const KEY: &str = "ready";
        const SECOND: u64 = 1_000;
        const KEPT_FOR: u64 = 24 * 60 * 60 * SECOND;
        let there = self.wait_for(self.store.load(KEY)).await?;
        let version = there.as_ref().map(|there| there.version);
        let written_at = there.and_then(|there| there.expires_at?.checked_sub(KEPT_FOR));
        let is_new = written_at.is_some_and(|at| now.abs_diff(at) < SECOND);
        let swap = match is_new {
            // No record has this version.
            true => self.store.compare_and_swap(KEY, Some(0), None),
            false => {
                let record = Record {
                    value: Vec::new(),
                    version: version.map_or_else(first_version, |version| version + 1),
                    due_at: None,
                    expires_at: Some(now + KEPT_FOR),
                };
                self.store.compare_and_swap(KEY, version, Some(record))
            }
        };
        // Where it is refused, somebody else has just written.
        self.wait_for(swap).await.map(drop)
    }

    /// See [`Store::scan`].
    ///
    /// # Errors
    /// `store` when the store fails.
    pub(crate) async fn scan(
        &self,
        prefix: &str,
        due_before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<String>> {
        let keys = self.store.scan(prefix, due_before, limit);
        let mut keys = self.wait_for(keys).await?;
        // A store that returns others breaks its contract: they are none of ours.
        keys.retain(|key| key.starts_with(prefix));
        Ok(keys)
    }
}

/// `format (1 byte) || JSON`.
fn encode(content: &impl Stored) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(16_384));
    bytes.push(match content.format() {
        Format::Plain => FORMAT,
        Format::Owned => OWNED,
        Format::Strict => STRICT,
    });
    serde_json::to_writer(&mut *bytes, content).expect("records are plain JSON");
    bytes
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let refused = |what: &str| {
        Error::new(
            ErrorKind::Store,
            format!("The record {what}. It was left untouched."),
        )
    };
    match bytes {
        [FORMAT | OWNED | STRICT, json @ ..] => {
            // What serde says of a wrong value quotes it.
            serde_json::from_slice(json).map_err(|_| refused("is damaged"))
        }
        [format, ..] if *format > STRICT => Err(refused(
            "has a format that this version of relaypass does not know; a newer one wrote it",
        )),
        _ => Err(refused("is damaged")),
    }
}

/// A content as it is written, after it was read from these bytes. For [`crate::fuzzing`].
///
/// # Errors
/// `store` when it cannot be read.
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) fn reread<T: Stored>(bytes: &[u8]) -> Result<Vec<u8>> {
    decode::<T>(bytes).map(|content| encode(&content).to_vec())
}

/// Asking such a store again would never end.
fn refused_in_vain() -> Error {
    Error::new(
        ErrorKind::Store,
        "The store refused a swap although the expected version is there. It breaks its contract: \
         check it with the store suite.",
    )
    .with_retryable(true)
}

fn out_of_time() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "The call's time was up before the store was done. Nothing that Persona gave is lost: the next \
         call goes on from what is stored.",
    )
    .with_retryable(true)
}

fn store_failed(error: StoreError) -> Error {
    let (what, source) = error.into_parts();
    let error = Error::new(ErrorKind::Store, what).with_retryable(true);
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

/// By chance: after a deletion, no write of before fits what is there now, however late it lands.
fn first_version() -> u64 {
    1 + (os_random().next_u64() >> 12) // leaves room below 2^53
}
