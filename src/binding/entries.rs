//! The connections of a thread, by their ids.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    mem::ManuallyDrop,
    rc::Rc,
    sync::atomic::{AtomicU32, Ordering},
};

use napi::Env;

use super::host::Host;
use crate::{
    connection::Connection,
    error::Error,
    inject::{self, Point},
    panics::{caught, contained},
};

pub(super) struct Entry {
    pub(super) host: Rc<Host>,
    pub(super) connection: Connection,
    /// What the user wants: `ref()` or `unref()`.
    keeps_alive: bool,
    /// Whether it is part of `host.referenced`.
    counted: bool,
}

/// Ids are counted up, so they need no more than to be spread.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // The golden ratio's bits (Knuth's multiplicative hashing).
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

pub(super) type ById<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;

thread_local! {
    // Ids are unique in the process, so several environments on one thread (as Electron has them) do not meet.
    // Never dropped with the thread: what an entry needs to be closed, other thread locals among it, may be gone by then. Cleanup hooks
    // empty it; where none runs, as after process.exit(), the system closes what is open.
    static ENTRIES: ManuallyDrop<RefCell<ById<Entry>>> = ManuallyDrop::default();
}

/// An id that no connection of this thread has. After four thousand million connections they come again.
pub(super) fn fresh() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let taken = |id| ENTRIES.try_with(|entries| entries.borrow().contains_key(&id)).unwrap_or_default();
    loop {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // 0 is what a call reads from an argument that is no number.
        if id != 0 && !taken(id) {
            return id;
        }
    }
}

/// Acts on an entry, if there still is one. With `env`, what changed of keeping the process alive is carried out. A panic costs the one
/// connection, which is told that it broke. `point`: see [`inject`].
#[inline]
pub(super) fn with_entry<T>(
    point: &'static str,
    id: u32,
    env: Option<Env>,
    act: impl FnOnce(&mut Entry) -> T,
) -> Option<T> {
    entered(Point::new(point), id, env, act)
}

fn entered<T>(point: Point, id: u32, env: Option<Env>, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
    ENTRIES
        .try_with(|entries| {
            let mut entries = entries.borrow_mut();
            let entry = entries.get_mut(&id)?;
            let result = caught(|| {
                point.pass();
                act(entry)
            });
            let result = result.map_err(|what| entry.give_up(what)).ok();
            if let Some(env) = env {
                entry.recount(env);
            }
            result
        })
        .ok()
        .flatten()
}

/// What has become of a connection in the midst of a call.
pub(super) fn why(id: u32) -> Option<Error> {
    ENTRIES.try_with(|entries| entries.borrow().get(&id)?.connection.failure().cloned()).ok().flatten()
}

impl Entry {
    fn give_up(&mut self, what: String) {
        contained(|| self.connection.give_up(Error::Internal(what)));
    }

    /// Closes it, by dropping it.
    pub(super) fn close(self) {
        contained(move || {
            inject::point("entry.close");
            drop(self);
        });
    }

    pub(super) fn keep_alive(&mut self, on: bool) {
        self.keeps_alive = on;
    }

    /// Keeps the loop, and with it the process, alive while a socket wants that.
    fn recount(&mut self, env: Env) {
        self.connection.leave();
        let counts = self.keeps_alive && self.connection.is_live();
        if counts != self.counted {
            self.counted = counts;
            self.host.count(counts, env);
        }
    }
}

/// Takes all connections of a host.
pub(super) fn take_of(host: &Rc<Host>) -> Vec<Entry> {
    ENTRIES.with(|entries| {
        entries
            .borrow_mut()
            .extract_if(|_, entry| Rc::ptr_eq(&entry.host, host))
            .map(|(_, entry)| entry)
            .collect()
    })
}

/// Adds a connection under its id.
pub(super) fn insert(env: Env, id: u32, host: Rc<Host>, connection: Connection) {
    let mut entry = Entry { host, connection, keeps_alive: true, counted: false };
    entry.recount(env);
    ENTRIES.with(|entries| entries.borrow_mut().insert(id, entry));
}

/// Drops a connection, which closes it.
pub(super) fn remove(env: Env, id: u32) {
    contained(|| {
        let entry = ENTRIES.try_with(|entries| entries.borrow_mut().remove(&id)).ok().flatten();
        if let Some(entry) = entry {
            if entry.counted {
                entry.host.count(false, env);
            }
            entry.close();
        }
    });
}
