//! TCP, or TLS over it, without blocking.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::Connection as Session;

/// A connection's way to its peer.
pub(crate) struct Wire {
    stream: TcpStream,
    tls: Option<Box<Session>>,
    /// Nothing has come since the last receive, so there is no need to ask.
    drained: bool,
    /// The peer's end or a reset is there to be received, after what came before it.
    ending: bool,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// That many bytes are at the start of [`Scratch::plain`]. None: there was only TLS's own talk.
    Bytes(usize),
    /// There is nothing before the wire is readable again.
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
/// How much ciphertext may wait for the wire. More than a receiver can be behind in one turn.
const UNSENT: usize = 512 * 1024;

impl Scratch {
    pub(crate) fn new() -> Self {
        // A receive can complete a record of which most had come before.
        Self { plain: vec![0; 2 * RECEIVE].into(), cipher: vec![0; RECEIVE].into() }
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, tls: Option<Session>) -> Self {
        let tls = tls.map(|mut session| {
            session.set_buffer_limit(Some(UNSENT));
            Box::new(session)
        });
        Self { stream, tls, drained: false, ending: false }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The wire is readable, or writable; `ending`: the peer's end has come.
    pub(crate) fn wake(&mut self, ending: bool) {
        self.drained = false;
        self.ending |= ending;
    }

    /// Reads from at most one receive.
    ///
    /// # Errors
    /// If the connection is broken or the peer does not keep to TLS.
    pub(crate) fn read(&mut self, scratch: &mut Scratch) -> io::Result<Received> {
        let Some(tls) = &mut self.tls else {
            return Ok(
                match receive(&mut self.stream, &mut self.drained, self.ending, &mut scratch.plain)? {
                    None => Received::Nothing,
                    Some(0) => Received::End,
                    Some(length) => Received::Bytes(length),
                },
            );
        };
        match receive(&mut self.stream, &mut self.drained, self.ending, &mut scratch.cipher)? {
            None => Ok(Received::Nothing),
            Some(0) => Ok(Received::End),
            Some(length) => decrypt(tls, &scratch.cipher[..length], &mut scratch.plain),
        }
    }

    /// Writes as much of `bytes` as the wire takes: none if it has to become writable first.
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

    /// Tells the peer that nothing follows. [`Self::flush`] sends it.
    pub(crate) fn say_end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }
}

/// One receive: nothing if there is nothing yet, 0 at the end.
fn receive(
    stream: &mut TcpStream,
    drained: &mut bool,
    ending: bool,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    if *drained {
        return Ok(None);
    }
    match stream.read(buffer) {
        Ok(length) => {
            // Saves a second call on each message. Not on Windows, where readiness comes anew only after WouldBlock; and
            // not if the end came along with the bytes, for of that there will be no second event.
            *drained = length < buffer.len() && length > 0 && !ending && !cfg!(windows);
            Ok(Some(length))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            *drained = true;
            Ok(None)
        }
        Err(error) => Err(error),
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

fn flush(tls: &mut Session, stream: &mut TcpStream) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
