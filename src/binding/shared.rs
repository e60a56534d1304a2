//! Memory of JavaScript's that events and small reads are written into.

use std::cell::RefCell;

use napi::bindgen_prelude::{Uint8Array, Uint32Array};

/// `[id, event, id, event, ...]`, in memory that JavaScript has allocated and reads.
pub(super) struct Batch(RefCell<Uint32Array>);

impl Batch {
    pub(super) fn new(memory: Uint32Array) -> Self {
        Self(RefCell::new(memory))
    }

    /// Writes pairs until there are no more or no more fit. Says how many.
    pub(super) fn fill(&self, mut pairs: impl Iterator<Item = [u32; 2]>) -> u32 {
        let mut memory = self.0.borrow_mut();
        // SAFETY: JavaScript, which reads the memory, runs on this thread and not now. It never transfers the array.
        let room = unsafe { memory.as_mut() }.chunks_exact_mut(2);
        let mut count = 0;
        for (slot, pair) in room.zip(&mut pairs) {
            slot.copy_from_slice(&pair);
            count += 1;
        }
        count
    }
}

/// Memory of JavaScript's that small reads are made into.
pub(super) struct Scratch(RefCell<Uint8Array>);

impl Scratch {
    pub(super) fn new(memory: Uint8Array) -> Self {
        Self(RefCell::new(memory))
    }

    pub(super) fn lend<T>(&self, fill: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut memory = self.0.borrow_mut();
        // SAFETY: JavaScript, which reads the memory, runs on this thread and not now. It never transfers the array.
        fill(unsafe { memory.as_mut() })
    }
}
