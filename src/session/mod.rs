//! A TLS session over its TCP stream, read and written without blocking.

mod agreed;
mod held;
mod records;

use std::io;

use crate::{
    notify::{Interest, Notify},
    transport::{Broken, Read},
};
pub use agreed::Agreed;
pub use records::Records;
use records::SENT;

/// A TLS session. Each call is given the stream underneath, always the same.
#[derive(Debug)]
pub struct Session {
    records: Records,
    overlooked: Option<&'static str>,
}

impl Session {
    /// A session whose handshake is done. `overlooked`: the code of what was wrong with the peer's certificate.
    #[must_use]
    pub fn new(records: Records, overlooked: Option<&'static str>) -> Self {
        Self { records, overlooked }
    }

    /// The protocol agreed on by ALPN.
    #[must_use]
    pub fn alpn(&self) -> Option<String> {
        self.records.alpn().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// What was agreed on.
    #[must_use]
    pub fn agreed(&self) -> Agreed {
        Agreed { overlooked: self.overlooked, ..Agreed::of(&self.records.tls) }
    }

    /// Takes plaintext back that was read, so that it is read again before anything else.
    pub fn put_back(&mut self, plaintext: Vec<u8>) {
        self.records.put_back(plaintext);
    }

    /// Bytes of memory that it holds for what is under way. None if nothing is.
    #[must_use]
    pub fn held(&self) -> usize {
        self.records.held()
    }

    /// Fills `buffer`, which is not empty, with what is left over, or else from the first receive that brings plaintext.
    ///
    /// # Errors
    /// [`Broken`], after all that came before has been read.
    pub fn read(&mut self, stream: &impl Notify, buffer: &mut [u8]) -> Result<Read, Broken> {
        let mut filled = self.records.take(buffer);
        while filled == 0 {
            if self.records.ended()? {
                return Ok(Read::End);
            }
            match self.receive(stream, buffer) {
                Some(length) => filled = length,
                None => return Ok(Read::Wait),
            }
        }
        Ok(Read::Data(filled))
    }

    /// Whether there is plaintext, without taking it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn peek(&mut self, stream: &impl Notify) -> Result<Read, Broken> {
        while self.records.plaintext() == 0 {
            if self.records.ended()? {
                return Ok(Read::End);
            }
            if self.receive(stream, &mut []).is_none() {
                return Ok(Read::Wait);
            }
        }
        Ok(Read::Data(1))
    }

    /// Whether the next read finds something without the stream becoming readable: plaintext, the end, or an error.
    #[must_use]
    pub fn holds_more(&self) -> bool {
        self.records.plaintext() > 0 || self.records.ended().unwrap_or(true)
    }

    /// Receives once. `None`: there was nothing.
    fn receive(&mut self, stream: &impl Notify, buffer: &mut [u8]) -> Option<usize> {
        let unsent = self.records.unsent();
        let received = self.records.receive(buffer, |scratch| stream.try_read(scratch));
        // Answers of the session itself (key updates, alerts) need no caller. The system tells an error once: keep it.
        if self.records.unsent() > unsent
            && let Err(error) = self.flush(stream)
        {
            self.records.fail(Broken::Io(error));
        }
        received
    }

    /// Encrypts and sends what can be taken now. What waits to be sent afterwards is what the last call of the system
    /// has left: 64 KiB and what TLS adds, at most.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn write(&mut self, stream: &impl Notify, data: &[u8]) -> Result<usize, Broken> {
        let mut taken = 0;
        while self.flush(stream)? && taken < data.len() {
            let text = &data[taken..data.len().min(taken + SENT)];
            self.records.encrypt(text, |encrypted| stream.try_write(&[io::IoSlice::new(encrypted)]))?;
            taken += text.len();
        }
        Ok(taken)
    }

    /// Queues `close_notify`.
    pub fn announce_end(&mut self) {
        self.records.announce_end();
    }

    /// Sends what is encrypted. `false`: not all of it; the stream is watched.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush(&mut self, stream: &impl Notify) -> io::Result<bool> {
        let done = self.records.send(|encrypted| stream.try_write(&[io::IoSlice::new(encrypted)]))?;
        if !done {
            stream.watch(Interest::Writable);
        }
        Ok(done)
    }
}
