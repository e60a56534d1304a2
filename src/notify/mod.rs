//! Where the readiness of an open stream comes from.
//!
//! A stream is read and written without blocking by the thread that owns it. When nothing can be done now, it is *watched*:
//! its notifier tells the environment, once, that it is worth trying again. There are two sources of readiness, each a file
//! here: Node's own event loop, on the thread that reads anyway, and the tokio thread, where there is no such loop.

#[cfg(unix)]
pub mod event_loop;
#[cfg(unix)]
mod linger;
mod patience;
#[cfg(unix)]
pub mod poll;
pub mod tokio;
#[cfg(unix)]
mod uv;

use std::{fmt::Debug, io, net::SocketAddr, sync::Arc, time::Duration};

use ::tokio::net::TcpStream;

use crate::inject;
pub use patience::{Late, Patience, is_under_way};

/// How long a stream that is closed goes on listening for the peer's end: closing with unread data makes the system send RST,
/// which may destroy at the peer what has just been flushed.
pub const LINGER: Duration = Duration::from_secs(1);

/// What to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Data, the peer's end, or an error to read.
    Readable,
    /// Room to write, or an error.
    Writable,
    /// An error, when nobody reads or writes: the peer's RST.
    Broken,
}

/// Who is told. The id is the connection's.
pub trait Tell: Debug + Send + Sync {
    /// The stream is worth trying again.
    fn tell(&self, id: u32, interest: Interest);
}

/// A connected stream and its notifier.
pub trait Notify: Debug {
    /// Receives what is there. `Ok(0)` is the peer's FIN.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is there, otherwise what the system says.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Whether there is data, without taking it. `Ok(false)` is the peer's FIN. Errors as [`Self::try_read`].
    ///
    /// # Errors
    /// As [`Self::try_read`].
    fn try_peek(&self) -> io::Result<bool>;

    /// Sends what the kernel takes now.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it takes nothing, otherwise what the system says.
    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize>;

    /// The error that the system holds, once.
    fn take_error(&self) -> Option<io::Error>;

    /// Sends FIN.
    ///
    /// # Errors
    /// What the system says, unless the peer was faster.
    fn shutdown(&self) -> io::Result<()>;

    /// Lets the close of the stream send RST instead of FIN.
    fn reset_on_close(&self);

    /// Asks to be told once. Told even if the stream is ready already, so there is no gap to fall into; it may be told
    /// without need, so whoever is told tries again.
    fn watch(&self, interest: Interest);

    /// Tells at once, for what only the caller knows.
    fn tell(&self, interest: Interest);
}

/// Makes a call of the system that does not block. A signal has nothing to interrupt there, and yet some systems say that one has.
fn uninterrupted<T>(point: &'static str, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match inject::system(point).and_then(|()| call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Sends FIN.
fn shut_down(stream: &socket2::SockRef<'_>) -> io::Result<()> {
    match inject::system("shutdown").and_then(|()| stream.shutdown(std::net::Shutdown::Write)) {
        // The peer has reset or closed already.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

/// Where an environment's streams get their readiness from.
#[derive(Clone, Debug)]
pub enum Notifier {
    /// From the tokio thread.
    Thread(Arc<dyn Tell>),
    /// From the thread's own loop.
    #[cfg(unix)]
    Loop(std::rc::Rc<event_loop::Loop>),
}

/// A stream watched by one of them, on the thread that owns it.
#[derive(Debug)]
pub enum Watched {
    /// By the tokio thread.
    Thread(tokio::Watched),
    /// By the thread's own loop.
    #[cfg(unix)]
    Loop(poll::Watched),
    /// By a task that reads and writes it, too: what it has read is read here.
    Task(Arc<dyn Notify + Send + Sync>),
}

impl Notifier {
    /// Whether it is the thread that reads which is told, and not another one that has to wake it.
    #[must_use]
    pub fn is_own_thread(&self) -> bool {
        !matches!(self, Self::Thread(_))
    }

    /// Watches `stream` for the connection `id`.
    ///
    /// # Errors
    /// What the system says, if the stream cannot be watched.
    pub fn watch(&self, stream: Unbound, id: u32) -> io::Result<Watched> {
        match (self, stream) {
            (Self::Thread(listener), Unbound::Registered(stream)) => {
                Ok(Watched::Thread(tokio::Watched::new(stream, Arc::clone(listener), id)))
            }
            #[cfg(unix)]
            (Self::Loop(looping), Unbound::Registered(stream)) => {
                poll::Watched::new(looping, stream.into_std()?, id).map(Watched::Loop)
            }
            #[cfg(unix)]
            (Self::Loop(looping), Unbound::Free(stream)) => {
                poll::Watched::new(looping, stream, id).map(Watched::Loop)
            }
            // Only its own thread can register it there.
            (Self::Thread(_), Unbound::Free(_)) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Listens for the peer's end of a stream whose own end is sent, then closes it. Gives back a stream that only a task can
    /// listen to.
    #[must_use]
    pub fn linger(&self, watched: Watched) -> Option<Watched> {
        match (self, watched) {
            #[cfg(unix)]
            (Self::Loop(looping), Watched::Loop(watched)) => {
                looping.linger(watched);
                None
            }
            (_, other) => Some(other),
        }
    }
}

/// Calls the same method of whatever it is.
macro_rules! each {
    ($watched:expr, $stream:ident => $call:expr) => {
        match $watched {
            Watched::Thread($stream) => $call,
            #[cfg(unix)]
            Watched::Loop($stream) => $call,
            Watched::Task($stream) => $call,
        }
    };
}

impl Watched {
    /// The system's socket, for its addresses and options.
    ///
    /// # Errors
    /// A task has it.
    pub fn socket(&self) -> io::Result<socket2::SockRef<'_>> {
        match self {
            Self::Thread(stream) => Ok(stream.socket()),
            #[cfg(unix)]
            Self::Loop(stream) => Ok(stream.socket()),
            Self::Task(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The local endpoint.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket()?.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Gives the stream up to a task: what it then does is bound to the tokio thread.
    ///
    /// # Errors
    /// What the system says, if it cannot be registered there.
    pub fn into_stream(self) -> io::Result<Unbound> {
        match self {
            Self::Thread(watched) => watched.into_stream().map(Unbound::Registered),
            #[cfg(unix)]
            Self::Loop(watched) => Ok(Unbound::Free(watched.into_stream())),
            Self::Task(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A stream that nobody watches, on its way from one thread to another.
#[derive(Debug)]
pub enum Unbound {
    /// The tokio thread knows it.
    Registered(TcpStream),
    /// Nobody knows it.
    Free(std::net::TcpStream),
}

impl Unbound {
    /// To be called in a task of the tokio thread.
    ///
    /// # Errors
    /// What the system says, if it cannot be registered.
    pub fn bind(self) -> io::Result<TcpStream> {
        match self {
            Self::Registered(stream) => Ok(stream),
            Self::Free(stream) => {
                inject::system("register")?;
                TcpStream::from_std(stream)
            }
        }
    }
}

impl Notify for Watched {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        each!(self, stream => stream.try_read(buffer))
    }

    fn try_peek(&self) -> io::Result<bool> {
        each!(self, stream => stream.try_peek())
    }

    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.try_write(buffers))
    }

    fn take_error(&self) -> Option<io::Error> {
        each!(self, stream => stream.take_error())
    }

    fn shutdown(&self) -> io::Result<()> {
        each!(self, stream => stream.shutdown())
    }

    fn reset_on_close(&self) {
        each!(self, stream => stream.reset_on_close());
    }

    fn watch(&self, interest: Interest) {
        each!(self, stream => stream.watch(interest));
    }

    fn tell(&self, interest: Interest) {
        each!(self, stream => stream.tell(interest));
    }
}
