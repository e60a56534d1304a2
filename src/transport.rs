//! TCP or TLS behind one non-blocking read and write.

use std::{cell::RefCell, io};

use rustls::client::ClientConnection;
use tokio::net::TcpStream;

use crate::notify::{Interest, Notify, Watched};

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes. If the buffer was not filled, the transport is watched.
    Data(usize),
    /// Nothing now; the transport is watched.
    Wait,
    /// The peer has ended its side properly.
    End,
}

/// Why a transport can no longer be used in one direction.
#[derive(Debug)]
pub enum Broken {
    /// TCP broke.
    Io(io::Error),
    /// TLS broke.
    Tls(rustls::Error),
    /// TCP ended without TLS's `close_notify`.
    Truncated,
}

impl Broken {
    fn of_plaintext(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }

    /// The same again: the system tells an error once.
    fn repeat(&self) -> Self {
        match self {
            Self::Io(error) => Self::Io(
                error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error),
            ),
            Self::Tls(error) => Self::Tls(error.clone()),
            Self::Truncated => Self::Truncated,
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An established byte stream.
#[derive(Debug)]
pub enum Transport {
    /// Plain TCP.
    Tcp(Watched),
    /// TLS over TCP.
    Tls(Box<Tls>),
}

/// A TLS session over its TCP stream.
#[derive(Debug)]
pub struct Tls {
    stream: Watched,
    session: ClientConnection,
    /// Received, but not yet given to the session because its plaintext had to be read first.
    ciphertext: Vec<u8>,
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

impl Transport {
    /// TLS over a TCP stream whose handshake is done.
    #[must_use]
    pub fn tls(stream: Watched, session: ClientConnection) -> Self {
        Self::Tls(Box::new(Tls { stream, session, ciphertext: Vec::new(), fatal: None }))
    }

    /// The plain stream, for an upgrade. A TLS transport comes back unchanged.
    ///
    /// # Errors
    /// The transport itself, if it is TLS already.
    pub fn into_plain(self) -> Result<TcpStream, Self> {
        match self {
            Self::Tcp(stream) => Ok(stream.into_stream()),
            Self::Tls(_) => Err(self),
        }
    }

    /// The stream underneath.
    #[must_use]
    pub fn stream(&self) -> &Watched {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(tls) => &tls.stream,
        }
    }

    /// Reads what is there now.
    ///
    /// # Errors
    /// [`Broken`], after all that came before has been read.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Read, Broken> {
        let found = match self {
            Self::Tcp(stream) => match stream.try_read(buffer) {
                Ok(0) => Read::End,
                Ok(length) => Read::Data(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Wait,
                Err(error) => return Err(error.into()),
            },
            Self::Tls(tls) => tls.read(buffer)?,
        };
        match found {
            Read::Wait => self.stream().watch(Interest::Readable),
            Read::Data(length) if length < buffer.len() => self.stream().watch(Interest::Readable),
            Read::Data(_) | Read::End => {}
        }
        Ok(found)
    }

    /// Whether there is something to read, without taking it. `Data(1)` stands for any amount.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn peek(&mut self) -> Result<Read, Broken> {
        let found = match self {
            Self::Tcp(stream) => match stream.try_peek() {
                Ok(true) => Read::Data(1),
                Ok(false) => Read::End,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Wait,
                Err(error) => return Err(error.into()),
            },
            Self::Tls(tls) => tls.peek()?,
        };
        if found == Read::Wait {
            self.stream().watch(Interest::Readable);
        }
        Ok(found)
    }

    /// Takes what can be taken now and says how much. If that is not all, or something still has to be flushed, the
    /// transport is watched.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn write(&mut self, data: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Tcp(stream) => {
                let mut taken = 0;
                while taken < data.len() {
                    match stream.try_write(&[io::IoSlice::new(&data[taken..])]) {
                        Ok(length) => taken += length,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            stream.watch(Interest::Writable);
                            break;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(taken)
            }
            Self::Tls(tls) => {
                let mut taken = 0;
                while tls.flush()? && taken < data.len() {
                    taken += io::Write::write(&mut tls.session.writer(), &data[taken..])?;
                }
                Ok(taken)
            }
        }
    }

    /// Sends what TLS still holds. `false`: not all of it; the transport is watched.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn flush(&mut self) -> Result<bool, Broken> {
        match self {
            Self::Tcp(_) => Ok(true),
            Self::Tls(tls) => Ok(tls.flush()?),
        }
    }

    /// Announces the end (TLS: `close_notify`). Call once, then [`Self::finish`] until it is done.
    pub fn announce_end(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
        }
    }

    /// Flushes and sends FIN. `false`: not done; the transport is watched.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn finish(&mut self) -> Result<bool, Broken> {
        if !self.flush()? {
            return Ok(false);
        }
        self.stream().shutdown()?;
        Ok(true)
    }
}

impl Tls {
    /// Fills `buffer`, which is not empty, from at most one receive.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Read, Broken> {
        let mut filled = 0;
        let mut received = false;
        loop {
            match io::Read::read(&mut self.session.reader(), &mut buffer[filled..]) {
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
            if received && filled > 0 {
                return Ok(Read::Data(filled));
            }
            match self.advance() {
                Ok(Advance::Received) => received = true,
                Ok(Advance::Fed) => {}
                Ok(Advance::Wait) if filled == 0 => return Ok(Read::Wait),
                Err(broken) if filled == 0 => return Err(broken),
                // The error comes again, after what was read.
                Ok(Advance::Wait) | Err(_) => return Ok(Read::Data(filled)),
            }
        }
    }

    fn peek(&mut self) -> Result<Read, Broken> {
        loop {
            match io::BufRead::fill_buf(&mut self.session.reader()) {
                Ok([]) => return Ok(Read::End),
                Ok(_) => return Ok(Read::Data(1)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Broken::of_plaintext(error)),
            }
            if let Advance::Wait = self.advance()? {
                return Ok(Read::Wait);
            }
        }
    }

    /// Brings the session nearer to plaintext: with what is left over, else with one receive.
    fn advance(&mut self) -> Result<Advance, Broken> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.repeat());
        }
        if !self.ciphertext.is_empty() {
            let ciphertext = std::mem::take(&mut self.ciphertext);
            self.feed(&ciphertext);
            return Ok(Advance::Fed);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            match self.stream.try_read(scratch) {
                // Lets the session tell a proper end from a truncated one.
                Ok(0) => drop(self.session.read_tls(&mut io::empty())),
                Ok(length) => self.feed(&scratch[..length]),
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
    fn feed(&mut self, mut ciphertext: &[u8]) {
        while !ciphertext.is_empty() && self.fatal.is_none() {
            match self.session.read_tls(&mut ciphertext) {
                Ok(0) => break,
                Ok(_) => {}
                // The session's plaintext is full.
                Err(_) => {
                    self.ciphertext.extend_from_slice(ciphertext);
                    break;
                }
            }
            if let Err(error) = self.session.process_new_packets() {
                self.fatal = Some(Broken::Tls(error));
            }
        }
        // Answers of the session itself (key updates, alerts) need no caller. What cannot be sent now is sent with the
        // next write, and an error will come up there.
        let _ = self.flush();
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Sender(&self.stream)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.watch(Interest::Writable);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

struct Sender<'a>(&'a Watched);

impl io::Write for Sender<'_> {
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
