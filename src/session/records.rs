//! The records of a TLS session: rustls is given what comes in, and asked for what has to go out.
//!
//! Receiving, decrypting and encrypting happen in memory that all sessions of a thread share. A session has memory of its own only
//! for what is under way: a part of a record, plaintext that nobody has taken, bytes that the system has not taken.

use std::{cell::RefCell, fmt, io, sync::Arc};

use rustls::{
    ClientConfig, InvalidMessage,
    client::{ClientConnectionData, UnbufferedClientConnection},
    unbuffered::{ConnectionState, EncryptError, UnbufferedStatus, WriteTraffic},
};
use rustls_pki_types::ServerName;

use super::held::Held;
use crate::transport::Broken;

/// What is received and not yet processed, at most. Four full records of TLS 1.3: in the midst of a large transfer a receive then
/// ends where a record ends, and brings 64 KiB of plaintext.
const RECEIVED: usize = 4 * (16 * 1024 + 22);

/// As much plaintext: what is best encrypted at once.
pub(super) const SENT: usize = 4 * 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; RECEIVED]);
}

/// The client's side of a TLS session, from the beginning of its handshake.
pub struct Records {
    pub(super) tls: UnbufferedClientConnection,
    /// Received, but only a part of a record, or of a handshake message. rustls remembers places in it.
    incomplete: Vec<u8>,
    /// Decrypted, but not taken.
    plaintext: Held,
    /// Encrypted, but not sent.
    unsent: Held,
    /// The peer has announced its end.
    ended: bool,
    broken: Option<Broken>,
}

impl Records {
    /// A session whose handshake begins with what is to be [sent](Self::send).
    ///
    /// # Errors
    /// What rustls cannot begin with.
    pub fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, rustls::Error> {
        let mut records = Self {
            tls: UnbufferedClientConnection::new(config, name)?,
            incomplete: Vec::new(),
            plaintext: Held::default(),
            unsent: Held::default(),
            ended: false,
            broken: None,
        };
        records.process(&mut [], &mut []);
        Ok(records)
    }

    /// Whether the handshake is not done.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// The protocol agreed on by ALPN.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Bytes of memory that it holds for what is under way.
    #[must_use]
    pub fn held(&self) -> usize {
        self.incomplete.capacity() + self.plaintext.capacity() + self.unsent.capacity()
    }

    /// Bytes of plaintext to be [taken](Self::take).
    #[must_use]
    pub fn plaintext(&self) -> usize {
        self.plaintext.rest().len()
    }

    /// Bytes to be [sent](Self::send).
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.rest().len()
    }

    /// Whether the peer has announced its end: nothing follows the plaintext.
    ///
    /// # Errors
    /// What broke the session, after the plaintext.
    pub fn ended(&self) -> Result<bool, Broken> {
        match &self.broken {
            Some(broken) if !self.ended => Err(broken.repeat()),
            _ => Ok(self.ended),
        }
    }

    /// Notes what broke the session. What did so first stays.
    pub fn fail(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    /// Takes plaintext. Returns how much of `buffer` is filled.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        self.plaintext.give(buffer)
    }

    /// Takes plaintext back, to come before what else there is.
    pub fn put_back(&mut self, plaintext: Vec<u8>) {
        self.plaintext.put_back(plaintext);
    }

    /// Processes what `receive` finds, called once. Returns how much of `buffer` is filled; what does not fit is to be
    /// [taken](Self::take). `None`: there was nothing. The end and errors are [noted](Self::ended).
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        receive: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Option<usize> {
        let start = self.incomplete.len();
        if start >= RECEIVED {
            // Only the messages of a handshake go beyond a record. rustls, left to itself, has the same bound.
            self.fail(Broken::Tls(InvalidMessage::HandshakePayloadTooLarge.into()));
            return Some(0);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let end = match receive(&mut scratch[start..RECEIVED]) {
                Ok(length) if length > 0 => start + length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                over => {
                    self.fail(over.map_or_else(Broken::Io, |_| Broken::Truncated));
                    return Some(0);
                }
            };
            let expected = self.expected();
            if end < expected {
                self.incomplete.reserve_exact(expected - start);
                self.incomplete.extend_from_slice(&scratch[start..end]);
                return Some(0);
            }
            scratch[..start].copy_from_slice(&self.incomplete);
            let (done, filled) = self.process(&mut scratch[..end], buffer);
            if done == end {
                self.incomplete = Vec::new();
            } else {
                self.incomplete.clear();
                self.incomplete.extend_from_slice(&scratch[done..end]);
            }
            Some(filled)
        })
    }

    /// How long the record is, with its header, that `incomplete` begins with. Zero: not known yet.
    fn expected(&self) -> usize {
        match self.incomplete[..] {
            [_, _, _, high, low, ..] => 5 + usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        }
    }

    /// Processes what is complete. Returns how much of `received` is done with, and how much of `buffer` is filled.
    fn process(&mut self, received: &mut [u8], buffer: &mut [u8]) -> (usize, usize) {
        let (mut done, mut filled) = (0, 0);
        loop {
            let left = received.len() - done;
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut received[done..]);
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        let fitting = record.payload.len().min(buffer.len() - filled);
                        let (fits, rest) = record.payload.split_at(fitting);
                        buffer[filled..filled + fitting].copy_from_slice(fits);
                        filled += fitting;
                        if !rest.is_empty() {
                            // At once for all that may follow.
                            self.plaintext.reserve(left);
                            self.plaintext.append(rest);
                        }
                    }
                    if discard == left {
                        return (received.len(), filled);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(message)) => self.unsent.encode(message),
                // It goes before all that comes later. That is what rustls wants to be sure of.
                Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
                Ok(ConnectionState::PeerClosed) => {
                    self.ended = true;
                    // What came after it does not count.
                    return (received.len(), filled);
                }
                Err(error) => {
                    self.fail(Broken::Tls(error));
                    self.collect();
                    return (received.len(), filled);
                }
                // Nothing can be done without more.
                Ok(_) => return (done + discard, filled),
            }
            done += discard;
        }
    }

    /// Takes what rustls has queued, and no more: after an error it must not be shown what was received, nor less than that.
    fn collect(&mut self) {
        while self.tls.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(message)) = self.tls.process_tls_records(&mut []).state
        {
            self.unsent.encode(message);
        }
    }

    /// Lets `send` take what waits. `false`: it has not taken all.
    ///
    /// # Errors
    /// What `send` says.
    pub fn send(&mut self, mut send: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<bool> {
        while self.unsent() > 0 {
            match send(self.unsent.rest()) {
                Ok(length) => self.unsent.advance(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Encrypts all of `text`, and lets `send` take what it takes at once. The rest is to be [sent](Self::send).
    ///
    /// # Errors
    /// [`Broken`], also by what has been received.
    pub fn encrypt(
        &mut self,
        text: &[u8],
        send: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> Result<(), Broken> {
        // A peer that has gone without a word may have closed one side only.
        if let Some(broken @ (Broken::Io(_) | Broken::Tls(_))) = &self.broken {
            return Err(broken.repeat());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let encrypted = self.when_idle(|mut traffic| {
                loop {
                    match traffic.encrypt(text, scratch) {
                        Err(EncryptError::InsufficientSize(short)) => scratch.resize(short.required_size, 0),
                        result => return result,
                    }
                }
            });
            let Some(Ok(length)) = encrypted else {
                // TLS 1.2 has no new keys for worn-out ones: rustls says goodbye.
                self.collect();
                return Err(Broken::Tls(rustls::Error::EncryptError));
            };
            let encrypted = &scratch[..length];
            let result = if self.unsent() == 0 { send(encrypted) } else { Ok(0) };
            self.unsent.append(&encrypted[*result.as_ref().unwrap_or(&0)..]);
            match result {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.into()),
                _ => Ok(()),
            }
        })
    }

    /// Queues `close_notify`.
    pub fn announce_end(&mut self) {
        // After a fatal alert, from whatever side, there is no more to say.
        if !matches!(self.broken, Some(Broken::Tls(_))) {
            // There is no room: it stays in rustls's queue.
            let _ = self.when_idle(|mut traffic| traffic.queue_close_notify(&mut []));
            self.collect();
        }
    }

    /// What can be done while rustls has nothing to do. `None`: both sides have ended.
    fn when_idle<T>(&mut self, work: impl FnOnce(WriteTraffic<'_, ClientConnectionData>) -> T) -> Option<T> {
        loop {
            // Nothing in it is complete, but rustls looks at the places that it remembers.
            match self.tls.process_tls_records(&mut self.incomplete).state {
                Ok(ConnectionState::WriteTraffic(traffic)) => return Some(work(traffic)),
                Ok(ConnectionState::EncodeTlsData(message)) => self.unsent.encode(message),
                Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
                _ => return None,
            }
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Records");
        shown.field("held", &self.held()).field("ended", &self.ended).field("broken", &self.broken);
        shown.finish_non_exhaustive()
    }
}
