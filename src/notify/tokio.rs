//! Readiness from the tokio thread: a waker on the stream tells the listener.

use std::{
    io,
    mem::MaybeUninit,
    net::Shutdown,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use socket2::SockRef;
use tokio::{io::Interest as TokioInterest, net::TcpStream};

use super::{Interest, Notify, Tell};

/// A TCP stream registered with tokio. No task waits for it: tokio's I/O driver calls the waker, and that tells the listener.
#[derive(Debug)]
pub struct Watched {
    stream: TcpStream,
    readable: Waker,
    writable: Waker,
    teller: Arc<Teller>,
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
}

struct TellReadable(Arc<Teller>);
struct TellWritable(Arc<Teller>);

impl Wake for TellReadable {
    fn wake(self: Arc<Self>) {
        self.0.tell(Interest::Readable);
    }
}

impl Wake for TellWritable {
    fn wake(self: Arc<Self>) {
        self.0.tell(Interest::Writable);
    }
}

impl Watched {
    /// Watches `stream` for the connection `id`.
    #[must_use]
    pub fn new(stream: TcpStream, listener: Arc<dyn Tell>, id: u32) -> Self {
        let teller = Arc::new(Teller { listener, id });
        Self {
            stream,
            readable: Arc::new(TellReadable(Arc::clone(&teller))).into(),
            writable: Arc::new(TellWritable(Arc::clone(&teller))).into(),
            teller,
        }
    }

    /// Gives the stream up to a task of the tokio thread.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Waits for readiness in a task of the tokio thread.
    ///
    /// # Errors
    /// What the system says.
    pub async fn ready(&self, interest: Interest) -> io::Result<()> {
        match interest {
            Interest::Readable => self.stream.readable().await,
            Interest::Writable => self.stream.writable().await,
        }
    }
}

impl Notify for Watched {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let read = self.stream.try_io(TokioInterest::READABLE, || {
            let length = io::Read::read(&mut &*SockRef::from(&self.stream), buffer)?;
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
            SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]).map(|length| length > 0)
        })
    }

    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_write_vectored(buffers)
    }

    fn shutdown(&self) -> io::Result<()> {
        match SockRef::from(&self.stream).shutdown(Shutdown::Write) {
            // The peer has reset or closed already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    fn watch(&self, interest: Interest) {
        let poll = match interest {
            Interest::Readable => self.stream.poll_read_ready(&mut Context::from_waker(&self.readable)),
            Interest::Writable => self.stream.poll_write_ready(&mut Context::from_waker(&self.writable)),
        };
        if poll.is_ready() {
            self.teller.tell(interest);
        }
    }
}
