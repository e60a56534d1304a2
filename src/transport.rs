//! TCP or TLS behind one non-blocking read and write.

use std::{io, net::SocketAddr};

use rustls::client::ClientConnection;
use tokio::net::TcpStream;

use crate::{
    notify::{Interest, Notify, Watched},
    session::Session,
};

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
    pub(crate) fn of_plaintext(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }

    /// The same again: the system tells an error once.
    pub(crate) fn repeat(&self) -> Self {
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
    Tls(Box<Session>),
}

/// A transport that has just been established.
#[derive(Debug)]
pub struct Established {
    /// The open transport.
    pub transport: Transport,
    /// What is known of it.
    pub info: Info,
}

/// What is known of an established connection.
#[derive(Clone, Debug)]
pub struct Info {
    /// The local endpoint.
    pub local: SocketAddr,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
}

impl Transport {
    /// TLS over a TCP stream whose handshake is done.
    #[must_use]
    pub fn tls(stream: Watched, session: ClientConnection) -> Self {
        Self::Tls(Box::new(Session::new(stream, session)))
    }

    /// The plain stream, for an upgrade.
    ///
    /// # Errors
    /// If it is TLS already.
    pub fn into_plain(self) -> io::Result<TcpStream> {
        match self {
            Self::Tcp(stream) => Ok(stream.into_stream()?),
            Self::Tls(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The stream underneath.
    #[must_use]
    pub fn stream(&self) -> &Watched {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(tls) => tls.stream(),
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
            Read::Data(length) if length < buffer.len() => self.watch(Interest::Readable),
            Read::Data(_) | Read::End => {}
        }
        Ok(found)
    }

    /// Asks to be told once, also of what a session holds, which makes no stream readable.
    pub fn watch(&mut self, interest: Interest) {
        match self {
            Self::Tls(tls) if interest == Interest::Readable => {
                if tls.holds_more() {
                    tls.stream().tell(interest);
                } else {
                    tls.stream().watch(interest);
                }
            }
            _ => self.stream().watch(interest),
        }
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
            Self::Tls(tls) => tls.write(data),
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
            tls.announce_end();
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
