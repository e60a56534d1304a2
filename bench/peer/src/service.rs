//! What the servers do with the bytes of one connection: echo, source, sink.

use std::io;

use crate::{
    content,
    edge::Edge,
    wire::{Scratch, Wire},
};

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Writes back what it reads.
    Echo,
    /// Reads a count, sends that many bytes; again and again.
    Source,
    /// Reads a count and that many bytes, answers one byte; again and again.
    Sink,
}

/// One connection's part of a server.
pub(crate) enum Service {
    /// What was received and is not yet sent.
    Echo { pending: Vec<u8> },
    /// How many bytes are still to be sent.
    Source { count: Count, left: u64 },
    /// How many bytes are still to come, and how many answers are owed.
    Sink { count: Count, left: u64, owed: usize },
}

/// An 8 byte little-endian number, as far as it has come.
#[derive(Default)]
pub(crate) struct Count {
    bytes: [u8; 8],
    filled: usize,
}

impl Service {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Echo => Self::Echo { pending: Vec::new() },
            Kind::Source => Self::Source { count: Count::default(), left: 0 },
            Kind::Sink => Self::Sink { count: Count::default(), left: 0, owed: 0 },
        }
    }

    /// Takes what the connection has received.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) {
        match self {
            Self::Echo { pending } => pending.extend_from_slice(bytes),
            Self::Source { count, left } => {
                while let Some(n) = count.take(&mut bytes) {
                    *left = left.saturating_add(n);
                }
            }
            Self::Sink { count, left, owed } => loop {
                let content = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[content..];
                *left -= content as u64;
                if *left > 0 {
                    break;
                }
                if content > 0 {
                    *owed += 1;
                }
                match count.take(&mut bytes) {
                    Some(0) => *owed += 1,
                    Some(n) => *left = n,
                    None => break,
                }
            },
        }
    }

    /// Sends what there is to send, as far as the wire takes it.
    ///
    /// # Errors
    /// If the wire is broken.
    pub(crate) fn send(&mut self, wire: &mut Wire<Edge>, scratch: &mut Scratch) -> io::Result<Sent> {
        match self {
            Self::Echo { pending } => {
                let sent = write(wire, pending, scratch)?;
                pending.drain(..sent);
                Ok(if pending.is_empty() { Sent::All } else { Sent::Blocked })
            }
            Self::Source { left, .. } => {
                for _ in 0..16 {
                    if *left == 0 {
                        return Ok(Sent::All);
                    }
                    let sent = content::send(wire, usize::try_from(*left).unwrap_or(usize::MAX), scratch)?;
                    *left -= sent as u64;
                    if sent == 0 {
                        return Ok(Sent::Blocked);
                    }
                }
                Ok(Sent::Part)
            }
            Self::Sink { owed, .. } => {
                let answers = [b'.'; 64];
                let sent = write(wire, &answers[..(*owed).min(answers.len())], scratch)?;
                *owed -= sent;
                Ok(if *owed == 0 { Sent::All } else { Sent::Blocked })
            }
        }
    }
}

/// How far [`Service::send`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing is left to be sent.
    All,
    /// There is more, but it is time that others have a turn.
    Part,
    /// The wire takes no more until it is writable.
    Blocked,
}

fn write(wire: &mut Wire<Edge>, bytes: &[u8], scratch: &mut Scratch) -> io::Result<usize> {
    if bytes.is_empty() { Ok(0) } else { wire.write(bytes, scratch) }
}

impl Count {
    /// Takes the bytes of the number off `bytes`: the number once all eight have come.
    fn take(&mut self, bytes: &mut &[u8]) -> Option<u64> {
        let length = bytes.len().min(self.bytes.len() - self.filled);
        let (head, rest) = bytes.split_at(length);
        self.bytes[self.filled..self.filled + length].copy_from_slice(head);
        self.filled += length;
        *bytes = rest;
        if self.filled < self.bytes.len() {
            return None;
        }
        self.filled = 0;
        Some(u64::from_le_bytes(self.bytes))
    }
}
