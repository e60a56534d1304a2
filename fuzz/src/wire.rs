//! A stream in memory, with the peer's bytes in it.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that has all of the peer's bytes, and gives so many of them at a time.
#[derive(Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) incoming: &'a [u8],
    cut: usize,
    /// Whether reads and writes wait once before each part.
    lazy: bool,
    waited: bool,
    pub(crate) outgoing: Vec<u8>,
    /// How it ends after all bytes: by itself, or with an error.
    end: Option<io::ErrorKind>,
    refuses: bool,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(incoming: &'a [u8], cut: usize, lazy: bool, end: Option<io::ErrorKind>) -> Self {
        Self { incoming, cut: cut.max(1), lazy, waited: false, outgoing: Vec::new(), end, refuses: false }
    }

    /// Nothing can be written: the peer has closed.
    pub(crate) fn refusing(self) -> Self {
        Self { refuses: true, ..self }
    }

    fn waits(&mut self, context: &Context<'_>) -> bool {
        self.waited = self.lazy && !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
        }
        self.waited
    }
}

impl AsyncRead for Wire<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.waits(context) {
            return Poll::Pending;
        }
        if this.incoming.is_empty() {
            return Poll::Ready(this.end.map_or(Ok(()), |kind| Err(kind.into())));
        }
        let length = this.cut.min(buffer.remaining()).min(this.incoming.len());
        let (now, later) = this.incoming.split_at(length);
        buffer.put_slice(now);
        this.incoming = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire<'_> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.waits(context) {
            return Poll::Pending;
        }
        if this.refuses {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = this.cut.min(bytes.len());
        this.outgoing.extend_from_slice(&bytes[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs what never waits for long.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it waits for something that never comes");
}
