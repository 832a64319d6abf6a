//! A request body that knows whether it was taken.
//!
//! Whether a failed request may have been executed decides over money. The HTTP library does not
//! say; but it asks for the body before it writes the first byte of the request. A body that was
//! never asked for belongs to a request that was never sent.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::transport::Sent;
use crate::sync::atomic::{AtomicU8, Ordering};

const UNSENT: u8 = 0;
const SENT: u8 = 1;
const FORBIDDEN: u8 = 2;

/// The body of one request.
pub(super) struct WatchedBody {
    bytes: Option<Bytes>,
    state: Arc<AtomicU8>,
}

/// The caller's side of a [`WatchedBody`].
pub(super) struct Watch(Arc<AtomicU8>);

impl WatchedBody {
    pub(super) fn new(bytes: &[u8]) -> (Self, Watch) {
        let state = Arc::new(AtomicU8::new(UNSENT));
        let body = Self {
            bytes: Some(Bytes::copy_from_slice(bytes)),
            state: state.clone(),
        };
        (body, Watch(state))
    }
}

impl Watch {
    /// Says whether anything may have left, and sees to it that nothing leaves after that: the
    /// connection's task might otherwise take the body just now.
    pub(super) fn forbid(&self) -> Sent {
        let forbidden =
            self.0
                .compare_exchange(UNSENT, FORBIDDEN, Ordering::AcqRel, Ordering::Acquire);
        match forbidden {
            Ok(_) | Err(FORBIDDEN) => Sent::Nothing,
            Err(_) => Sent::Perhaps,
        }
    }
}

/// The call was given up before its body was taken.
#[derive(Debug)]
pub(super) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call was given up before it was sent")
    }
}

impl std::error::Error for GivenUp {}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        let taken = self
            .state
            .compare_exchange(UNSENT, SENT, Ordering::AcqRel, Ordering::Acquire);
        if taken == Err(FORBIDDEN) {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(left as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(body: &mut WatchedBody) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        matches!(
            Pin::new(body).poll_frame(&mut context),
            Poll::Ready(Some(Ok(_)))
        )
    }

    #[test]
    fn a_body_that_was_taken_may_have_been_sent() {
        let (mut body, watch) = WatchedBody::new(b"{}");
        assert!(take(&mut body));
        assert_eq!(watch.forbid(), Sent::Perhaps);
    }

    #[test]
    fn a_body_that_was_given_up_is_never_sent() {
        let (mut body, watch) = WatchedBody::new(b"{}");
        assert_eq!(watch.forbid(), Sent::Nothing);
        assert!(!take(&mut body));
        assert_eq!(watch.forbid(), Sent::Nothing);
    }
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use super::*;
    use crate::sync::{play, spawn};

    #[test]
    fn what_is_said_not_to_have_been_sent_is_never_sent() {
        play(|| {
            let (mut body, watch) = WatchedBody::new(b"{}");
            let connection = spawn(move || {
                let mut context = Context::from_waker(std::task::Waker::noop());
                let frame = Pin::new(&mut body).poll_frame(&mut context);
                matches!(frame, Poll::Ready(Some(Ok(_))))
            });
            let sent = watch.forbid();
            let was_taken = connection.join().unwrap();
            assert_eq!(was_taken, sent == Sent::Perhaps);
            assert_eq!(watch.forbid(), sent);
        });
    }
}
