//! A stream whose readiness is told by edges: only when something new has come.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

/// A stream that knows when there is nothing to receive, and does not ask again before it is woken.
pub(crate) struct Edge {
    stream: TcpStream,
    drained: bool,
    /// The peer's end or a reset is there to be received, after what came before it.
    ending: bool,
}

impl Edge {
    /// `stream` is to be registered for reading and writing.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, drained: false, ending: false }
    }

    /// For the registration.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Something has come, or can be sent. `ending`: that is the peer's end, perhaps after other bytes.
    pub(crate) fn wake(&mut self, ending: bool) {
        self.drained = false;
        self.ending |= ending;
    }
}

impl Read for Edge {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained {
            return Err(ErrorKind::WouldBlock.into());
        }
        let received = self.stream.read(buffer);
        self.drained = match &received {
            // Saves a second call on each message. Not on Windows, where readiness comes anew only after WouldBlock; and
            // not if the end came along with the bytes, for of that there will be no second event.
            Ok(length) => (1..buffer.len()).contains(length) && !self.ending && !cfg!(windows),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        received
    }
}

impl Write for Edge {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
