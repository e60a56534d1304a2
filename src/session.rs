//! A TLS session over its TCP stream, read and written without blocking.

use std::{cell::RefCell, io};

use rustls::client::ClientConnection;

use crate::{
    notify::{Interest, Notify},
    transport::{Broken, Read},
};

/// A TLS session. Each call is given the stream underneath, always the same.
#[derive(Debug)]
pub struct Session {
    tls: ClientConnection,
    /// Received, but not yet given to the session because its plaintext had to be read first.
    ciphertext: Vec<u8>,
    /// Comes out before anything else.
    plaintext: Vec<u8>,
    /// Comes out once the plaintext received before it has been read.
    fatal: Option<Broken>,
}

enum Advance {
    Received,
    Fed,
    Wait,
}

/// Four TLS records: what one receive takes at most.
const RECEIVE: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; RECEIVE]);
}

impl Session {
    /// A session whose handshake is done.
    #[must_use]
    pub fn new(tls: ClientConnection) -> Self {
        Self { tls, ciphertext: Vec::new(), plaintext: Vec::new(), fatal: None }
    }

    /// Takes plaintext back that was read, so that it is read again.
    pub fn put_back(&mut self, plaintext: Vec<u8>) {
        self.plaintext = plaintext;
    }

    /// Fills `buffer`, which is not empty, from at most one receive.
    ///
    /// # Errors
    /// [`Broken`], after all that came before has been read.
    pub fn read(&mut self, stream: &impl Notify, buffer: &mut [u8]) -> Result<Read, Broken> {
        if !self.plaintext.is_empty() {
            let length = buffer.len().min(self.plaintext.len());
            buffer[..length].copy_from_slice(&self.plaintext[..length]);
            self.plaintext.drain(..length);
            return Ok(Read::Data(length));
        }
        let mut filled = 0;
        let mut received = false;
        loop {
            match io::Read::read(&mut self.tls.reader(), &mut buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(Read::End),
                Ok(length) => {
                    filled += length;
                    if length == 0 || filled == buffer.len() {
                        return Ok(Read::Data(filled));
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) if filled > 0 => return Ok(Read::Data(filled)),
                Err(error) => return Err(Broken::of_plaintext(error)),
            }
            if received && filled > 0 && self.ciphertext.is_empty() {
                return Ok(Read::Data(filled));
            }
            match self.advance(stream) {
                Ok(Advance::Received) => received = true,
                Ok(Advance::Fed) => {}
                Ok(Advance::Wait) if filled == 0 => return Ok(Read::Wait),
                Err(broken) if filled == 0 => return Err(broken),
                // The error comes again, after what was read.
                Ok(Advance::Wait) | Err(_) => return Ok(Read::Data(filled)),
            }
        }
    }

    /// Whether there is plaintext, without taking it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn peek(&mut self, stream: &impl Notify) -> Result<Read, Broken> {
        if !self.plaintext.is_empty() {
            return Ok(Read::Data(1));
        }
        loop {
            match io::BufRead::fill_buf(&mut self.tls.reader()) {
                Ok([]) => return Ok(Read::End),
                Ok(_) => return Ok(Read::Data(1)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Broken::of_plaintext(error)),
            }
            if let Advance::Wait = self.advance(stream)? {
                return Ok(Read::Wait);
            }
        }
    }

    /// Whether the next read finds something without the stream becoming readable: plaintext, the end, or an error.
    #[must_use]
    pub fn holds_more(&mut self) -> bool {
        let plaintext = io::BufRead::fill_buf(&mut self.tls.reader()).map(drop);
        let nothing = plaintext.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.fatal.is_some() || !self.plaintext.is_empty() || !self.ciphertext.is_empty() || !nothing
    }

    /// Brings the session nearer to plaintext: with what is left over, else with one receive.
    fn advance(&mut self, stream: &impl Notify) -> Result<Advance, Broken> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.repeat());
        }
        if !self.ciphertext.is_empty() {
            let ciphertext = std::mem::take(&mut self.ciphertext);
            self.feed(stream, &ciphertext);
            return Ok(Advance::Fed);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            match stream.try_read(scratch) {
                // Lets the session tell a proper end from a truncated one.
                Ok(0) => drop(self.tls.read_tls(&mut io::empty())),
                Ok(length) => self.feed(stream, &scratch[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Advance::Wait),
                Err(error) => {
                    let broken = Broken::Io(error);
                    self.fatal = Some(broken.repeat());
                    return Err(broken);
                }
            }
            Ok(Advance::Received)
        })
    }

    /// Gives ciphertext to the session until it has plaintext to be read; keeps the rest.
    fn feed(&mut self, stream: &impl Notify, mut ciphertext: &[u8]) {
        while !ciphertext.is_empty() && self.fatal.is_none() {
            match self.tls.read_tls(&mut ciphertext) {
                Ok(0) => break,
                Ok(_) => {}
                // The session's plaintext is full.
                Err(_) => {
                    self.ciphertext.extend_from_slice(ciphertext);
                    break;
                }
            }
            if let Err(error) = self.tls.process_new_packets() {
                self.fatal = Some(Broken::Tls(error));
            }
        }
        // Answers of the session itself (key updates, alerts) need no caller. The system tells an error once: keep it.
        if let Err(error) = self.flush(stream) {
            self.fatal.get_or_insert(Broken::Io(error));
        }
    }

    /// Encrypts and sends what can be taken now. At most what rustls buffers waits to be sent.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn write(&mut self, stream: &impl Notify, data: &[u8]) -> Result<usize, Broken> {
        let mut taken = 0;
        while self.flush(stream)? && taken < data.len() {
            taken += io::Write::write(&mut self.tls.writer(), &data[taken..])?;
        }
        Ok(taken)
    }

    /// Queues `close_notify`.
    pub fn announce_end(&mut self) {
        self.tls.send_close_notify();
    }

    /// Sends what is encrypted. `false`: not all of it; the stream is watched.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush(&mut self, stream: &impl Notify) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Sender(stream)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.watch(Interest::Writable);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

struct Sender<'a, S>(&'a S);

impl<S: Notify> io::Write for Sender<'_, S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.try_write(&[io::IoSlice::new(data)])
    }

    fn write_vectored(&mut self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
