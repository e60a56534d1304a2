//! Small writes of one turn of the event loop, on their way out together.

use std::cell::RefCell;

use crate::{
    notify::Notify,
    transport::{Broken, Transport},
};

/// Larger writes are worth a call of the system of their own.
const SMALL: usize = 16 * 1024;
/// What is staged at most: four TLS records.
const ROOM: usize = 64 * 1024;

thread_local! {
    // A connection needs the memory for a part of a turn only.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What was taken from JavaScript and not yet given to the system.
#[derive(Debug, Default)]
pub struct Staged {
    bytes: Vec<u8>,
    sent: usize,
}

impl From<Vec<u8>> for Staged {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0 }
    }
}

impl Staged {
    /// Whether nothing is staged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Stages all of `data`, if it is small and there is room.
    pub fn stage(&mut self, data: &[u8]) -> bool {
        if data.len() > SMALL || self.bytes.len() + data.len() > ROOM {
            return false;
        }
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.take();
            self.bytes.reserve(ROOM);
        }
        self.bytes.extend_from_slice(data);
        true
    }

    /// What the system has not taken yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Gives the system what it takes now. `false`: not all of it; the transport is watched.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn flush<S: Notify>(&mut self, transport: &mut Transport<S>) -> Result<bool, Broken> {
        if self.bytes.is_empty() {
            return Ok(true);
        }
        self.sent += transport.write(&self.bytes[self.sent..])?;
        let done = self.sent == self.bytes.len();
        if done {
            self.sent = 0;
            self.bytes.clear();
            let memory = std::mem::take(&mut self.bytes);
            if memory.capacity() <= 2 * ROOM {
                SPARE.set(memory);
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_staged_is_small_and_bounded() {
        let mut staged = Staged::default();
        assert!(!staged.stage(&vec![0; SMALL + 1]), "large writes have a call of their own");
        assert!(staged.is_empty());
        let mut taken = 0;
        while staged.stage(&[0; 1000]) {
            taken += 1000;
        }
        assert!(taken > ROOM - 1000 && taken <= ROOM, "{taken}");
        assert!(!staged.is_empty());
    }
}
