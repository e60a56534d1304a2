//! Bytes under way from one end to the other.

use rustls::{
    client::ClientConnectionData,
    unbuffered::{EncodeError, EncodeTlsData},
};

/// Bytes that go from the front. Once they have gone, so has their memory.
#[derive(Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    gone: usize,
}

impl Held {
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.gone..]
    }

    /// Lets so many go.
    pub(super) fn advance(&mut self, length: usize) {
        self.gone += length;
        if self.gone == self.bytes.len() {
            *self = Self::default();
        }
    }

    /// Fills `buffer` as far as it can, and lets go what is in it.
    pub(super) fn give(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.rest().len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest()[..length]);
        self.advance(length);
        length
    }

    /// Puts `bytes` before the others.
    pub(super) fn put_back(&mut self, bytes: Vec<u8>) {
        let others = std::mem::replace(self, Self { bytes, gone: 0 });
        self.append(others.rest());
        // There may be none, in memory that is not.
        self.advance(0);
    }

    /// Gets memory at once for what may be appended.
    pub(super) fn reserve(&mut self, length: usize) {
        self.bytes.reserve(length);
    }

    pub(super) fn append(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
    }

    /// Appends a message of rustls's own.
    pub(super) fn encode(&mut self, mut message: EncodeTlsData<'_, ClientConnectionData>) {
        let start = self.bytes.len();
        if let Err(EncodeError::InsufficientSize(short)) = message.encode(&mut []) {
            self.bytes.resize(start + short.required_size, 0);
            // It fits now.
            let _ = message.encode(&mut self.bytes[start..]);
        }
    }
}
