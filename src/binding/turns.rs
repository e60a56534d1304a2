//! The turns of an event loop, and what is sent when one ends.

use std::cell::{Cell, RefCell};

use super::entries::with_entry;
use crate::connection::Turn;

/// The turns of one loop.
#[derive(Default)]
pub(super) struct Turns {
    number: Cell<u32>,
    /// Whether what is staged goes out when the running callback returns.
    holds: Cell<bool>,
    /// Whether the process exits.
    over: Cell<bool>,
    /// Connections with something staged.
    staged: RefCell<Vec<u32>>,
}

impl Turns {
    /// The turn, unless it is the last, which has no end.
    pub(super) fn now(&self) -> Option<Turn> {
        (!self.over.get()).then(|| Turn { number: self.number.get(), holds: self.holds.get() })
    }

    /// Says whether the turn ends when the running callback returns.
    #[cfg(unix)]
    pub(super) fn hold(&self, holds: bool) {
        self.holds.set(holds);
    }

    /// Sends at the end what a connection has staged.
    pub(super) fn flush_later(&self, id: u32) {
        self.staged.borrow_mut().push(id);
    }

    /// Ends the turn.
    pub(super) fn end(&self) {
        self.holds.set(false);
        self.number.set(self.number.get().wrapping_add(1));
        if self.staged.borrow().is_empty() {
            return;
        }
        let mut staged = self.staged.take();
        for id in staged.drain(..) {
            with_entry("turns.end", id, None, |entry| entry.connection.flush());
        }
        *self.staged.borrow_mut() = staged;
    }

    /// Ends it for good, because the process exits.
    pub(super) fn end_all(&self) {
        self.over.set(true);
        self.end();
    }
}
