//! TCP or TLS behind one non-blocking read and write.

use std::io;

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    endpoint::Endpoint,
    journey::Timings,
    notify::{Interest, Notify, Unbound},
    panics::Words,
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

/// An established byte stream over a TCP stream `S`.
#[derive(Debug)]
pub struct Transport<S> {
    stream: S,
    tls: Option<Box<Session>>,
}

/// What has just been established, and is not watched yet.
#[derive(Debug)]
pub struct Established {
    /// The TCP stream.
    pub stream: Unbound,
    /// The session over it.
    pub tls: Option<Box<Session>>,
    /// What is known of it.
    pub info: Info,
    /// What it had to wait for, and holds as long as it lives.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// What is known of an established connection.
#[derive(Clone, Debug)]
pub struct Info {
    /// The local endpoint.
    pub local: Endpoint,
    /// Where it goes: to a proxy, if there is one.
    pub remote: Endpoint,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
    /// How long it took to open.
    pub timings: Timings,
    /// If the stream is one to ourselves, which a task carries on within TLS to a proxy: what that said if it panicked.
    pub tunnel: Option<Words>,
}

impl<S> Transport<S> {
    /// Plain, or TLS whose handshake is done.
    #[must_use]
    pub fn new(stream: S, tls: Option<Box<Session>>) -> Self {
        Self { stream, tls }
    }

    /// The stream and the session over it.
    #[must_use]
    pub fn into_parts(self) -> (S, Option<Box<Session>>) {
        (self.stream, self.tls)
    }

    /// Whether there is no TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.tls.as_deref()
    }

    /// The stream underneath.
    #[must_use]
    pub fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S: Notify> Transport<S> {
    /// Reads what is there now.
    ///
    /// # Errors
    /// [`Broken`], after all that came before has been read.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Read, Broken> {
        let found = match &mut self.tls {
            None => match self.stream.try_read(buffer) {
                Ok(0) => Read::End,
                Ok(length) => Read::Data(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Wait,
                Err(error) => return Err(error.into()),
            },
            Some(tls) => tls.read(&self.stream, buffer)?,
        };
        match found {
            Read::Wait => self.stream.watch(Interest::Readable),
            Read::Data(length) if length < buffer.len() => self.watch(Interest::Readable),
            Read::Data(_) | Read::End => {}
        }
        Ok(found)
    }

    /// Asks to be told once, also of what a session holds, which makes no stream readable.
    pub fn watch(&mut self, interest: Interest) {
        let held = interest == Interest::Readable && self.tls.as_mut().is_some_and(|tls| tls.holds_more());
        if held {
            self.stream.tell(interest);
        } else {
            self.stream.watch(interest);
        }
    }

    /// Whether there is something to read, without taking it. `Data(1)` stands for any amount.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn peek(&mut self) -> Result<Read, Broken> {
        let found = match &mut self.tls {
            None => match self.stream.try_peek() {
                Ok(true) => Read::Data(1),
                Ok(false) => Read::End,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Wait,
                Err(error) => return Err(error.into()),
            },
            Some(tls) => tls.peek(&self.stream)?,
        };
        if found == Read::Wait {
            self.stream.watch(Interest::Readable);
        }
        Ok(found)
    }

    /// Takes what can be taken now and says how much. If that is not all, or something still has to be flushed, the
    /// transport is watched.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn write(&mut self, data: &[u8]) -> Result<usize, Broken> {
        match &mut self.tls {
            None => {
                let mut taken = 0;
                while taken < data.len() {
                    match self.stream.try_write(&[io::IoSlice::new(&data[taken..])]) {
                        Ok(length) => taken += length,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.stream.watch(Interest::Writable);
                            break;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(taken)
            }
            Some(tls) => tls.write(&self.stream, data),
        }
    }

    /// Sends what TLS still holds. `false`: not all of it; the transport is watched.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn flush(&mut self) -> Result<bool, Broken> {
        match &mut self.tls {
            None => Ok(true),
            Some(tls) => Ok(tls.flush(&self.stream)?),
        }
    }

    /// Announces the end (TLS: `close_notify`). Call once, then [`Self::finish`] until it is done.
    pub fn announce_end(&mut self) {
        if let Some(tls) = &mut self.tls {
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
        self.stream.shutdown()?;
        Ok(true)
    }
}
