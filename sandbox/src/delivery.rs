//! How an answer gets to the client: whole, or by one of the ways that things go wrong.

use std::convert::Infallible;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{HeaderValue, CONTENT_LENGTH};
use hyper::Response;
use tokio::time::{sleep, Sleep};

use crate::wire::Answer;

/// What is not written when a body breaks off is not sent. hyper writes while a body is not ready;
/// for HTTP/2 it does so in another task.
const TIME_TO_WRITE: Duration = Duration::from_millis(20);

pub(crate) enum Delivery {
    Whole(Answer),
    /// Whole, after a pause.
    Late {
        answer: Answer,
        pause: Duration,
    },
    /// The connection is closed without an answer; of HTTP/2, the stream is reset.
    Dropped,
    /// Half of the body under the whole's length, then the same.
    Truncated(Answer),
    /// As many spaces as wanted, instead of the body.
    Oversized {
        answer: Answer,
        bytes: u64,
        chunked: bool,
    },
    /// Byte by byte, with a pause before each.
    Dripped {
        answer: Answer,
        pause: Duration,
    },
}

impl Delivery {
    /// The answer, with the body as far as it is worth recording.
    pub(crate) fn recorded(&self) -> Option<Answer> {
        match self {
            Self::Whole(answer) | Self::Late { answer, .. } | Self::Dripped { answer, .. } => {
                Some(answer.clone())
            }
            Self::Dropped => None,
            Self::Truncated(answer) => Some(Answer {
                body: half(&answer.body),
                ..answer.clone()
            }),
            Self::Oversized { answer, .. } => Some(Answer {
                body: Bytes::new(),
                ..answer.clone()
            }),
        }
    }

    pub(crate) async fn into_response(self) -> Result<Response<Outgoing>, Dropped> {
        match self {
            Self::Whole(answer) => Ok(respond(&answer, Outgoing::Whole(Some(answer.body.clone())))),
            Self::Late { answer, pause } => {
                sleep(pause).await;
                Ok(respond(&answer, Outgoing::Whole(Some(answer.body.clone()))))
            }
            Self::Dropped => Err(Dropped),
            Self::Truncated(answer) => {
                let first = Some(half(&answer.body));
                let mut response = respond(
                    &answer,
                    Outgoing::Truncated {
                        first,
                        breaking: None,
                    },
                );
                let length = HeaderValue::from(answer.body.len());
                response.headers_mut().insert(CONTENT_LENGTH, length);
                Ok(response)
            }
            Self::Oversized {
                answer,
                bytes,
                chunked,
            } => {
                let mut response = respond(&answer, Outgoing::Spaces { remaining: bytes });
                if !chunked {
                    let length = HeaderValue::from(bytes);
                    response.headers_mut().insert(CONTENT_LENGTH, length);
                }
                Ok(response)
            }
            Self::Dripped { answer, pause } => {
                let dripping = Outgoing::Dripping {
                    body: answer.body.clone(),
                    pause,
                    sleeping: Box::pin(sleep(pause)),
                };
                let mut response = respond(&answer, dripping);
                let length = HeaderValue::from(answer.body.len());
                response.headers_mut().insert(CONTENT_LENGTH, length);
                Ok(response)
            }
        }
    }
}

fn respond(answer: &Answer, body: Outgoing) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers.clone();
    response
}

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Tells hyper to close the connection, or to reset the stream: the fault wanted no answer, or no more of it.
#[derive(Debug)]
pub(crate) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

impl From<Infallible> for Dropped {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The body of an answer on its way out.
pub(crate) enum Outgoing {
    Whole(Option<Bytes>),
    Truncated {
        first: Option<Bytes>,
        breaking: Option<Pin<Box<Sleep>>>,
    },
    Spaces {
        remaining: u64,
    },
    Dripping {
        body: Bytes,
        pause: Duration,
        sleeping: Pin<Box<Sleep>>,
    },
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        static SPACES: [u8; 64 * 1024] = [b' '; 64 * 1024];

        let frame = match self.get_mut() {
            Self::Whole(body) => body.take().filter(|body| !body.is_empty()),
            Self::Truncated { first, breaking } => match first.take() {
                Some(first) if !first.is_empty() => Some(first),
                _ => {
                    let breaking = breaking.get_or_insert_with(|| Box::pin(sleep(TIME_TO_WRITE)));
                    return breaking.as_mut().poll(context).map(|()| Some(Err(Dropped)));
                }
            },
            Self::Spaces { remaining } => {
                let length = (*remaining).min(SPACES.len() as u64);
                *remaining -= length;
                let length = usize::try_from(length).expect("at most 64 KiB");
                (length > 0).then(|| Bytes::from_static(&SPACES[..length]))
            }
            Self::Dripping {
                body,
                pause,
                sleeping,
            } => {
                if body.is_empty() {
                    return Poll::Ready(None);
                }
                if sleeping.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                *sleeping = Box::pin(sleep(*pause));
                Some(body.split_to(1))
            }
        };
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.as_ref().is_none_or(Bytes::is_empty),
            Self::Truncated { .. } => false,
            Self::Spaces { remaining } => *remaining == 0,
            Self::Dripping { body, .. } => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}
