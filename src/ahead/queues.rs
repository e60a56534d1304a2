//! What passes between the two threads: chunks that were read, bytes that are to be written.

use std::collections::VecDeque;

/// What is read at once.
const CHUNK: usize = 64 * 1024;
/// With less than this ahead, another chunk is read: two are held at most. One would have each thread wait for the other.
const READ: usize = CHUNK + 1;
/// What waits to be written at most. The task may have taken as much again.
const WRITTEN: usize = 64 * 1024;

/// How many chunks are kept to be filled again.
const SPARE: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Queues {
    incoming: VecDeque<Vec<u8>>,
    /// How much of the first chunk has been taken.
    taken: usize,
    held: usize,
    outgoing: Vec<u8>,
    /// Who is to be told that there is something, or room.
    read_waits: bool,
    write_waits: bool,
    /// Chunks to be filled again.
    spare: Vec<Vec<u8>>,
}

impl Queues {
    /// Whether all that was read has been taken.
    pub(super) fn is_read(&self) -> bool {
        self.held == 0
    }

    /// Whether nothing is on its way in either direction.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && self.outgoing.is_empty()
    }

    /// Memory for the next chunk, unless enough is held.
    pub(super) fn room(&mut self) -> Option<Vec<u8>> {
        if self.held >= READ {
            return None;
        }
        let mut chunk = self.spare.pop().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        Some(chunk)
    }

    /// Gives back memory that was not filled.
    pub(super) fn unused(&mut self, chunk: Vec<u8>) {
        if self.spare.len() < SPARE {
            self.spare.push(chunk);
        }
    }

    /// Takes a chunk in. Whether somebody waits for it.
    pub(super) fn arrived(&mut self, chunk: Vec<u8>) -> bool {
        self.held += chunk.len();
        match self.incoming.back_mut() {
            // Small ones share memory: each for itself would take 64 KiB.
            Some(last) if last.len() + chunk.len() <= CHUNK => {
                last.extend_from_slice(&chunk);
                self.unused(chunk);
            }
            _ => self.incoming.push_back(chunk),
        }
        std::mem::take(&mut self.read_waits)
    }

    /// Fills `buffer` with what there is. Says with how much, and whether there is room again.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> (usize, bool) {
        let (before, mut filled) = (self.held, 0);
        while let Some(chunk) = self.incoming.front()
            && filled < buffer.len()
        {
            let rest = &chunk[self.taken..];
            let length = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + length].copy_from_slice(&rest[..length]);
            filled += length;
            self.taken += length;
            if length == rest.len() {
                self.taken = 0;
                if let Some(empty) = self.incoming.pop_front() {
                    self.unused(empty);
                }
            }
        }
        self.held -= filled;
        (filled, self.held == 0 || (before >= READ && self.held < READ))
    }

    /// Queues what there is room for. Says how much that is.
    pub(super) fn write(&mut self, data: &[u8]) -> usize {
        let length = data.len().min(WRITTEN - self.outgoing.len().min(WRITTEN));
        self.outgoing.extend_from_slice(&data[..length]);
        length
    }

    /// Takes what is to be written, in exchange for empty memory. Whether somebody waits for room.
    pub(super) fn leave(&mut self, empty: &mut Vec<u8>) -> bool {
        std::mem::swap(empty, &mut self.outgoing);
        std::mem::take(&mut self.write_waits)
    }

    /// Whether there is something to read. Otherwise who asks waits for it.
    pub(super) fn await_data(&mut self) -> bool {
        self.read_waits = self.held == 0;
        !self.read_waits
    }

    /// Whether there is room to write. Otherwise who asks waits for it.
    pub(super) fn await_room(&mut self) -> bool {
        self.write_waits = self.outgoing.len() >= WRITTEN;
        !self.write_waits
    }

    /// What was read and not taken, and what was to be written.
    pub(super) fn into_rest(self) -> (Vec<u8>, Vec<u8>) {
        let mut plaintext = Vec::with_capacity(self.held);
        for (index, chunk) in self.incoming.iter().enumerate() {
            plaintext.extend_from_slice(if index == 0 { &chunk[self.taken..] } else { chunk });
        }
        (plaintext, self.outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_read_in_order_whatever_the_sizes() {
        let mut queues = Queues::default();
        let sent: Vec<u8> = (0..100_000_u32).map(|index| (index % 251) as u8).collect();
        let mut read = Vec::new();
        for (index, part) in sent.chunks(7_001).enumerate() {
            queues.arrived(part.to_vec());
            let mut buffer = vec![0; 100 * index];
            let (length, _) = queues.read(&mut buffer);
            read.extend_from_slice(&buffer[..length]);
        }
        let (rest, unsent) = queues.into_rest();
        read.extend_from_slice(&rest);
        assert!(read == sent);
        assert!(unsent.is_empty());
    }

    #[test]
    fn both_directions_are_bounded() {
        let mut queues = Queues::default();
        while let Some(chunk) = queues.room() {
            queues.arrived(chunk);
        }
        assert_eq!(queues.held, 2 * CHUNK);
        assert_eq!(queues.read(&mut vec![0; CHUNK - 1]), (CHUNK - 1, false), "no room for a chunk");
        assert_eq!(queues.read(&mut [0; 10]), (10, true), "room again");
        assert_eq!(queues.read(&mut [0; 10]), (10, false), "said once");
        assert!(queues.await_room());
        assert_eq!(queues.write(&vec![0; WRITTEN + 1]), WRITTEN);
        assert_eq!(queues.write(b"x"), 0);
        assert!(!queues.await_room());
        assert!(queues.leave(&mut Vec::new()), "somebody waits");
        assert!(queues.await_room());
    }

    #[test]
    fn small_chunks_share_memory() {
        let mut queues = Queues::default();
        for index in 0..66_u8 {
            let mut chunk = queues.room().unwrap();
            chunk.truncate(1000);
            chunk.fill(index);
            queues.arrived(chunk);
        }
        assert_eq!(queues.incoming.len(), 2, "66,000 bytes");
        let (read, _) = queues.into_rest();
        assert!(read.chunks(1000).zip(0_u8..).all(|(part, index)| part == [index; 1000]));
    }

    #[test]
    fn who_waits_for_data_is_told_once() {
        let mut queues = Queues::default();
        assert!(!queues.await_data());
        assert!(queues.arrived(vec![1]));
        assert!(!queues.arrived(vec![2]));
        assert!(queues.await_data());
    }
}
