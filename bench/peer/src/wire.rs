//! TCP, or TLS over it.

use std::io::{self, ErrorKind, Read, Write};

use rustls::HandshakeKind;

use crate::tls::Session;

/// A connection's way to its peer. It blocks where `S` does.
pub(crate) struct Wire<S> {
    stream: S,
    tls: Option<Box<Tls>>,
}

struct Tls {
    session: Session,
    /// The beginning of a record of which the rest has not come yet.
    incoming: Vec<u8>,
    /// Ciphertext for the stream, which has taken the first `sent` bytes of it.
    unsent: Vec<u8>,
    sent: usize,
    /// The peer has said that it sends no more.
    ended: bool,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// That many bytes are at the start of [`Scratch::plain`]. None: there was only TLS's own talk.
    Bytes(usize),
    /// There is nothing before the stream is readable again.
    Nothing,
    /// The peer sends no more.
    End,
}

/// Buffers that all connections of a thread share: they hold nothing between two calls.
pub(crate) struct Scratch {
    /// What was received.
    pub(crate) plain: Box<[u8]>,
    cipher: Box<[u8]>,
    outgoing: Box<[u8]>,
}

/// Four TLS records: what one receive takes at most.
const RECEIVE: usize = 64 * 1024;
/// What one write over TLS takes at most. With less the peer is woken too often.
const SEND: usize = 256 * 1024;
/// More than a TLS record, and more than encryption adds to a write.
const RECORD: usize = 20 * 1024;

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            plain: vec![0; RECEIVE + RECORD].into(),
            cipher: vec![0; RECEIVE + RECORD].into(),
            outgoing: vec![0; SEND + RECORD].into(),
        }
    }
}

impl<S: Read + Write> Wire<S> {
    /// `tls`: a session that has not begun. Without: plain TCP.
    pub(crate) fn new(stream: S, tls: Option<Session>) -> Self {
        let tls = tls.map(|session| {
            Box::new(Tls { session, incoming: Vec::new(), unsent: Vec::new(), sent: 0, ended: false })
        });
        Self { stream, tls }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream if nothing but it lies between here and the peer.
    #[cfg(target_os = "linux")]
    pub(crate) fn without_tls(&mut self) -> Option<&mut S> {
        if self.tls.is_none() { Some(&mut self.stream) } else { None }
    }

    /// The same connection over another form of its stream.
    pub(crate) fn over<T>(self, form: impl FnOnce(S) -> io::Result<T>) -> io::Result<Wire<T>> {
        Ok(Wire { stream: form(self.stream)?, tls: self.tls })
    }

    /// Has a client speak first, as TLS wants it. [`Self::flush`] sends it.
    ///
    /// # Errors
    /// If TLS has nothing to offer.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.session.receive(&mut [], &mut [], &mut tls.unsent)?;
        }
        Ok(())
    }

    /// Whether TLS has yet to come to an agreement.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.session.is_handshaking())
    }

    /// How TLS came to its agreement, once it has.
    pub(crate) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.tls.as_ref()?.session.handshake_kind()
    }

    /// Reads from at most one receive.
    ///
    /// # Errors
    /// If the connection is broken or the peer does not keep to TLS.
    pub(crate) fn read(&mut self, scratch: &mut Scratch) -> io::Result<Received> {
        let (buffer, earlier) = match &self.tls {
            None => (&mut scratch.plain, 0),
            Some(tls) if tls.ended => return Ok(Received::End),
            Some(tls) => {
                scratch.cipher[..tls.incoming.len()].copy_from_slice(&tls.incoming);
                (&mut scratch.cipher, tls.incoming.len())
            }
        };
        let length = match self.stream.read(&mut buffer[earlier..earlier + RECEIVE]) {
            Ok(0) => return Ok(Received::End),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => return Err(error),
        };
        match &mut self.tls {
            None => Ok(Received::Bytes(length)),
            Some(tls) => tls.decrypt(&mut scratch.cipher[..earlier + length], &mut scratch.plain),
        }
    }

    /// Writes as much of `bytes` as the stream takes: none if it has to become writable first.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(crate) fn write(&mut self, bytes: &[u8], scratch: &mut Scratch) -> io::Result<usize> {
        if !self.flush()? {
            return Ok(0);
        }
        let Some(tls) = &mut self.tls else {
            return write(&mut self.stream, bytes);
        };
        let bytes = &bytes[..bytes.len().min(SEND)];
        let length = tls.session.encrypt(bytes, &mut scratch.outgoing)?;
        let sent = write(&mut self.stream, &scratch.outgoing[..length])?;
        tls.unsent.extend_from_slice(&scratch.outgoing[sent..length]);
        Ok(bytes.len())
    }

    /// Sends what TLS holds back: whether nothing is left.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.sent < tls.unsent.len() {
            let sent = write(&mut self.stream, &tls.unsent[tls.sent..])?;
            if sent == 0 {
                return Ok(false);
            }
            tls.sent += sent;
        }
        tls.sent = 0;
        tls.unsent.clear();
        // That much was a handshake, which does not come again. More was a stream that is slow, and will be.
        if tls.unsent.capacity() < RECORD {
            tls.unsent = Vec::new();
        }
        Ok(true)
    }

    /// Tells the peer over TLS that nothing follows. [`Self::flush`] sends it.
    ///
    /// # Errors
    /// If TLS has not come to an agreement.
    pub(crate) fn say_end(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => tls.session.say_end(&mut tls.unsent),
        }
    }
}

impl Tls {
    fn decrypt(&mut self, cipher: &mut [u8], plain: &mut [u8]) -> io::Result<Received> {
        let received = self.session.receive(cipher, plain, &mut self.unsent)?;
        let rest = &cipher[received.taken..];
        if rest.len() > RECORD {
            return Err(io::Error::new(ErrorKind::InvalidData, "a TLS record is too long"));
        }
        self.incoming.clear();
        self.incoming.extend_from_slice(rest);
        self.ended |= received.ended;
        Ok(match received.plain {
            0 if self.ended => Received::End,
            length => Received::Bytes(length),
        })
    }
}

/// Writes as much as the stream takes, which may be nothing.
fn write(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}
