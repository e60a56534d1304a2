//! Where the readiness of an open stream comes from.
//!
//! A stream is read and written without blocking by the thread that owns it. When nothing can be done now, it is *watched*:
//! its notifier tells the environment, once, that it is worth trying again. A second source of readiness (the JavaScript
//! thread's own event loop) is another file here behind the same interface.

mod tokio;

use std::{fmt::Debug, io};

pub use self::tokio::Watched;

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
pub trait Notify: Send {
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

    /// Asks to be told once. Told even if the stream is ready already, so there is no gap to fall into; it may be told
    /// without need, so whoever is told tries again.
    fn watch(&self, interest: Interest);

    /// Tells at once, for what only the caller knows.
    fn tell(&self, interest: Interest);
}
