//! Futures of traits that are used as objects, and several of them side by side.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::Poll;

/// A future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Futures that go on side by side in one task. Few of them: each is polled whenever one is woken.
pub(crate) struct SideBySide<'a, T>(Vec<BoxFuture<'a, T>>);

impl<'a, T> SideBySide<'a, T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, future: BoxFuture<'a, T>) {
        self.0.push(future);
    }

    /// What the next one to be ready comes to; nothing if there is none.
    pub(crate) async fn next(&mut self) -> Option<T> {
        if self.0.is_empty() {
            return None;
        }
        poll_fn(|context| {
            for index in 0..self.0.len() {
                if let Poll::Ready(done) = self.0[index].as_mut().poll(context) {
                    drop(self.0.swap_remove(index));
                    return Poll::Ready(Some(done));
                }
            }
            Poll::Pending
        })
        .await
    }
}
