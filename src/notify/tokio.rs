//! Readiness from the tokio thread: a waker on the stream tells the listener.

use std::{
    future::Future,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Wake, Waker},
    time::Duration,
};

use socket2::SockRef;
use tokio::{io::Interest as TokioInterest, net::TcpStream};

use super::{Interest, Notify, Tell, shut_down, uninterrupted};
use crate::{
    inject,
    panics::{caught, contained},
};

/// A TCP stream registered with tokio. No task waits for it: tokio's I/O driver calls the waker, and that tells the listener.
pub struct Watched {
    stream: Arc<TcpStream>,
    readable: Waker,
    writable: Waker,
    teller: Arc<Teller>,
    /// Waits for an error. It has to live as long as it waits, so it shares the stream.
    broken: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("stream", &self.stream).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Teller {
    listener: Arc<dyn Tell>,
    id: u32,
}

impl Teller {
    fn tell(&self, interest: Interest) {
        self.listener.tell(self.id, interest);
    }

    /// Called by tokio. A panic would unwind into what drives all streams.
    fn wake(&self, interest: Interest) {
        let told = caught(|| {
            inject::point("wake");
            self.tell(interest);
        });
        if told.is_err() {
            contained(|| self.tell(interest));
        }
    }
}

struct TellBroken(Arc<Teller>);
struct TellReadable(Arc<Teller>);
struct TellWritable(Arc<Teller>);

impl Wake for TellReadable {
    fn wake(self: Arc<Self>) {
        self.0.wake(Interest::Readable);
    }
}

impl Wake for TellBroken {
    fn wake(self: Arc<Self>) {
        self.0.wake(Interest::Broken);
    }
}

impl Wake for TellWritable {
    fn wake(self: Arc<Self>) {
        self.0.wake(Interest::Writable);
    }
}

impl Watched {
    /// Watches `stream` for the connection `id`.
    #[must_use]
    pub fn new(stream: TcpStream, listener: Arc<dyn Tell>, id: u32) -> Self {
        let teller = Arc::new(Teller { listener, id });
        Self {
            stream: Arc::new(stream),
            broken: Mutex::new(None),
            readable: Arc::new(TellReadable(Arc::clone(&teller))).into(),
            writable: Arc::new(TellWritable(Arc::clone(&teller))).into(),
            teller,
        }
    }

    /// The system's socket.
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.stream)
    }

    /// Gives the stream up to a task of the tokio thread.
    ///
    /// # Errors
    /// Never in practice: nobody else keeps the stream.
    pub fn into_stream(self) -> io::Result<TcpStream> {
        drop(self.broken);
        Arc::try_unwrap(self.stream).map_err(|_| io::Error::other("the stream is shared"))
    }

    /// Waits for readiness in a task of the tokio thread.
    ///
    /// # Errors
    /// What the system says.
    pub async fn ready(&self, interest: Interest) -> io::Result<()> {
        match interest {
            Interest::Readable => self.stream.readable().await,
            Interest::Writable => self.stream.writable().await,
            Interest::Broken => self.stream.ready(TokioInterest::ERROR).await.map(drop),
        }
    }
}

impl Notify for Watched {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let read = self.stream.try_io(TokioInterest::READABLE, || {
            let read = || io::Read::read(&mut &*SockRef::from(&self.stream), buffer);
            let length = uninterrupted("read", read)?;
            if length > 0 && length < buffer.len() {
                // A short read means that nothing is left. Saying so to tokio here, inside its own observation of the
                // readiness, saves the read that would find it out, and loses no edge that comes in between.
                short = Some(length);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(length)
        });
        short.map_or(read, Ok)
    }

    fn try_peek(&self) -> io::Result<bool> {
        self.stream.try_io(TokioInterest::READABLE, || {
            let peek = || SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
            uninterrupted("peek", peek).map(|length| length > 0)
        })
    }

    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted("write", || self.stream.try_write_vectored(buffers))
    }

    fn shutdown(&self) -> io::Result<()> {
        shut_down(&SockRef::from(&self.stream))
    }

    fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().ok().flatten()
    }

    fn reset_on_close(&self) {
        // Where it fails the connection is gone already.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
    }

    fn watch(&self, interest: Interest) {
        let poll = match interest {
            Interest::Readable => {
                self.stream.poll_read_ready(&mut Context::from_waker(&self.readable)).is_ready()
            }
            Interest::Writable => {
                self.stream.poll_write_ready(&mut Context::from_waker(&self.writable)).is_ready()
            }
            Interest::Broken => {
                let stream = Arc::clone(&self.stream);
                let mut waiting: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(async move { drop(stream.ready(TokioInterest::ERROR).await) });
                let waker = Waker::from(Arc::new(TellBroken(Arc::clone(&self.teller))));
                let ready = waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
                *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
                ready
            }
        };
        if poll {
            self.teller.tell(interest);
        }
    }

    fn tell(&self, interest: Interest) {
        self.teller.tell(interest);
    }
}
