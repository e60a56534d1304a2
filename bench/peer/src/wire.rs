//! TCP, or TLS over it.

use std::io::{self, ErrorKind, Read, Write};

use rustls::{Connection as Session, HandshakeKind};

/// A connection's way to its peer. It blocks where `S` does.
pub(crate) struct Wire<S> {
    stream: S,
    tls: Option<Box<Session>>,
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
}

/// Four TLS records: what one receive takes at most.
const RECEIVE: usize = 64 * 1024;
/// How much ciphertext may wait for the stream. More than a receiver can be behind in one turn.
const UNSENT: usize = 512 * 1024;

impl Scratch {
    pub(crate) fn new() -> Self {
        // A receive can complete a record of which most had come before.
        Self { plain: vec![0; 2 * RECEIVE].into(), cipher: vec![0; RECEIVE].into() }
    }
}

impl<S: Read + Write> Wire<S> {
    /// `tls`: a session that has not begun. Without: plain TCP.
    pub(crate) fn new(stream: S, tls: Option<Session>) -> Self {
        let tls = tls.map(|mut session| {
            session.set_buffer_limit(Some(UNSENT));
            Box::new(session)
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

    /// Whether TLS has yet to come to an agreement.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// How TLS came to its agreement, once it has.
    pub(crate) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.tls.as_ref()?.handshake_kind()
    }

    /// Reads from at most one receive.
    ///
    /// # Errors
    /// If the connection is broken or the peer does not keep to TLS.
    pub(crate) fn read(&mut self, scratch: &mut Scratch) -> io::Result<Received> {
        let buffer = if self.tls.is_some() { &mut scratch.cipher } else { &mut scratch.plain };
        let length = match self.stream.read(buffer) {
            Ok(0) => return Ok(Received::End),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => return Err(error),
        };
        match &mut self.tls {
            None => Ok(Received::Bytes(length)),
            Some(tls) => decrypt(tls, &scratch.cipher[..length], &mut scratch.plain),
        }
    }

    /// Writes as much of `bytes` as the stream takes: none if it has to become writable first.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return match self.stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
                written => written,
            };
        };
        if !flush(tls, &mut self.stream)? {
            return Ok(0);
        }
        let written = tls.writer().write(bytes)?;
        flush(tls, &mut self.stream)?;
        Ok(written)
    }

    /// Sends what TLS holds back: whether nothing is left.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match &mut self.tls {
            None => Ok(true),
            Some(tls) => flush(tls, &mut self.stream),
        }
    }

    /// Tells the peer over TLS that nothing follows. [`Self::flush`] sends it.
    pub(crate) fn say_end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }
}

fn decrypt(tls: &mut Session, mut cipher: &[u8], plain: &mut [u8]) -> io::Result<Received> {
    let mut filled = 0;
    while !cipher.is_empty() {
        tls.read_tls(&mut cipher)?;
        let state = tls.process_new_packets().map_err(io::Error::other)?;
        let length = state.plaintext_bytes_to_read();
        let ended = state.peer_has_closed();
        tls.reader().read_exact(&mut plain[filled..filled + length])?;
        filled += length;
        if ended {
            return Ok(if filled == 0 { Received::End } else { Received::Bytes(filled) });
        }
    }
    Ok(Received::Bytes(filled))
}

fn flush(tls: &mut Session, stream: &mut impl Write) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
