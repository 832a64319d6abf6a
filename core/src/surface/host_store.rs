//! A store in the host's language, as the core's [`Store`].

use std::future::Future;
use std::sync::Arc;

use super::caught::caught;
use super::thrown::Thrown;
use crate::error::Result as CallResult;
use crate::store::conformance::{self, Reopen, Report, Violation};
use crate::store::{BoxFuture, Record, Store, StoreError, Swap};

/// The methods of a store, with arguments that can leave for another thread or language.
pub trait HostStore: Send + Sync + 'static {
    /// [`Store::load`].
    fn load(&self, key: String) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// [`Store::compare_and_swap`]: whether the swap was done.
    fn compare_and_swap(
        &self,
        key: String,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// [`Store::scan`].
    fn scan(
        &self,
        prefix: String,
        due_before: Option<u64>,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}

/// A host's store behind the core's trait.
pub struct Hosted<S>(pub S);

impl<S: HostStore> Store for Hosted<S> {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(self.0.load(key.to_owned()))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            let swapped = self
                .0
                .compare_and_swap(key.to_owned(), expected, new)
                .await?;
            Ok(if swapped { Swap::Done } else { Swap::Refused })
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(self.0.scan(prefix.to_owned(), due_before, limit as u64))
    }
}

/// The error of a store's method that threw this.
pub fn store_threw<T: Send + Sync + 'static>(method: &str, thrown: T) -> StoreError {
    StoreError::caused_by(
        format!("The store's {method} failed; the cause is what it threw."),
        Thrown(thrown),
    )
}

/// [`conformance::check`], of a host's store. With an `opener`, `reopen` opens another one on the same
/// data.
///
/// # Errors
/// `internal`.
pub async fn check_store<S: HostStore, O: Send + Sync + 'static, F>(
    store: S,
    opener: Option<O>,
    reopen: impl Fn(Arc<O>) -> F + Send + Sync + 'static,
) -> CallResult<Result<Report, Violation>>
where
    F: Future<Output = Result<S, StoreError>> + Send + 'static,
{
    let reopen = opener.map(Arc::new).map(|opener| -> Reopen {
        Box::new(move || {
            let opening = reopen(Arc::clone(&opener));
            Box::pin(async move {
                let opened: Arc<dyn Store> = Arc::new(Hosted(opening.await?));
                Ok(opened)
            })
        })
    });
    let checking = conformance::check(Arc::new(Hosted(store)), reopen);
    caught(Box::pin(async { Ok(checking.await) })).await
}
