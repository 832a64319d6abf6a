//! Listens in on a connection, since hyper keeps neither the order nor the spelling of headers.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A head longer than this is reported in hyper's spelling.
const LONGEST_HEAD: usize = 64 * 1024;

/// What came in on a connection since the last request was read.
#[derive(Default)]
pub(crate) struct Tap(Mutex<Vec<u8>>);

impl Tap {
    /// The headers of the request at the beginning, if it is this one.
    pub(crate) fn headers(&self, method: &str, path: &str) -> Option<Vec<(String, String)>> {
        let heard = self.0.lock().expect("no panic while listening");
        let end = heard.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&heard[..end]);
        let mut lines = head.split("\r\n");
        if lines.next()? != format!("{method} {path} HTTP/1.1") {
            return None;
        }
        lines
            .map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect()
    }

    /// Forgets the request that has been read: a client sends the next one after the answer.
    pub(crate) fn clear(&self) {
        self.0.lock().expect("no panic while listening").clear();
    }

    fn hear(&self, bytes: &[u8]) {
        let mut heard = self.0.lock().expect("no panic while listening");
        let room = LONGEST_HEAD.saturating_sub(heard.len());
        heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

pub(crate) struct Tapped<S> {
    stream: S,
    tap: Arc<Tap>,
}

impl<S> Tapped<S> {
    pub(crate) fn new(stream: S, tap: Arc<Tap>) -> Self {
        Self { stream, tap }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.tap.hear(&buffer.filled()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
