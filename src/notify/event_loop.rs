//! Node's own event loop, as far as it tells of streams: what it polls for is collected, and told once a turn.

use std::{
    cell::{Cell, OnceCell, RefCell},
    ffi::{c_int, c_void},
    io,
    net::TcpStream,
    rc::{Rc, Weak},
    time::Instant,
};

use super::{
    Interest,
    linger::Lingering,
    poll::Watched,
    uv::{Handle, Handles, Kind, Raw, Uv, Waker, failing},
};
use crate::{
    inject::Point,
    panics::{caught, contained},
};

/// Who is called when a loop goes round. Never from within a call of the loop's.
pub trait Rounds {
    /// The loop has polled: these streams are worth trying again, or other threads have something to tell.
    fn polled(&self, told: &[(u32, Interest)]);
    /// The loop is about to wait for events.
    fn waits(&self);
}

/// The event loop of one JavaScript environment.
pub struct Loop {
    fixtures: RefCell<Option<Fixtures>>,
    pub(super) handles: Rc<Handles>,
    waker: Waker,
    rounds: OnceCell<Weak<dyn Rounds>>,
    /// Collected while the loop polls, and told all at once afterwards.
    told: RefCell<Vec<(u32, Interest)>>,
    woken: Cell<bool>,
    lingering: Lingering,
    /// Whether somebody is going to see to those that linger.
    alarmed: Cell<bool>,
}

/// The handles of a loop that live as long as it.
struct Fixtures {
    wake: Handle<Weak<Loop>>,
    late: Handle<Weak<Loop>>,
    _polled: Handle<Weak<Loop>>,
    _waits: Handle<Weak<Loop>>,
}

impl std::fmt::Debug for Loop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loop").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Loop {
    /// Takes part in a loop. Nothing of it keeps the loop alive unless asked to by [`Self::keep_alive`].
    ///
    /// # Errors
    /// If the process exports no libuv, or that has no room for another handle.
    ///
    /// # Safety
    /// `raw` is the `uv_loop_t` that the calling thread runs. It runs on until [`Self::end`] has called back.
    pub unsafe fn start(raw: *mut c_void) -> io::Result<Rc<Self>> {
        let uv = Uv::get().ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: the caller's promise.
        let handles = unsafe { Handles::new(uv, raw) };
        let mut failed = None;
        let started = Rc::new_cyclic(|weak: &Weak<Self>| {
            let fixtures = Fixtures::new(&handles, weak).map_err(|error| failed = Some(error)).ok();
            let waker = Waker::new(fixtures.as_ref().map_or(std::ptr::null_mut(), |all| all.wake.raw()));
            Self {
                fixtures: RefCell::new(fixtures),
                handles,
                waker,
                rounds: OnceCell::new(),
                told: RefCell::default(),
                woken: Cell::new(false),
                lingering: Lingering::default(),
                alarmed: Cell::new(false),
            }
        });
        failed.map_or(Ok(started), Err)
    }

    /// Says who is called when the loop goes round. Once.
    pub fn call(&self, rounds: Weak<dyn Rounds>) {
        let _ = self.rounds.set(rounds);
    }

    /// Lets other threads wake the loop; [`Rounds::polled`] follows.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Whether the loop has to go on although nothing else keeps it.
    pub fn keep_alive(&self, on: bool) {
        if let Some(Fixtures { wake, .. }) = &*self.fixtures.borrow() {
            let Handles { uv, .. } = &*self.handles;
            // SAFETY: the handle is open as long as it is among the fixtures.
            unsafe { if on { (uv.refer)(wake.raw()) } else { (uv.unref)(wake.raw()) } };
        }
    }

    /// Listens for the peer's end, for a second at most; then closes. Calls of it tell nobody.
    pub fn linger(&self, watched: Watched) {
        self.lingering.add(watched.linger(), watched);
        self.set_alarm();
    }

    /// Before the process exits: blocks until the peers of streams that linger have all that was sent, `deadline` at most.
    pub fn deliver(&self, deadline: Instant) {
        self.lingering.deliver(deadline);
    }

    /// Gives up the streams that linger and whose peers still lack something: the loop ends, and closed at once they could be reset.
    pub fn under_way(&self) -> Vec<TcpStream> {
        self.lingering.under_way()
    }

    /// Closes everything, and calls `gone` when libuv has let go of all of it.
    pub fn end(&self, gone: impl FnOnce() + 'static) {
        contained(|| {
            self.waker.forget();
            self.lingering.clear();
            drop(self.fixtures.borrow_mut().take());
        });
        self.handles.when_gone(gone);
    }

    /// After a panic: what it has kept from being told is told in another round.
    fn go_round(&self) {
        self.woken.set(true);
        self.waker.wake();
    }

    pub(super) fn tell(&self, id: u32, interest: Interest) {
        self.told.borrow_mut().push((id, interest));
    }

    /// There may be something from the peer of a stream that lingers.
    pub(super) fn heard(&self, id: u32) {
        self.lingering.heard(id);
    }

    fn polled(&self) {
        self.lingering.listen();
        if self.told.borrow().is_empty() && !self.woken.replace(false) {
            return;
        }
        self.woken.set(false);
        self.set_alarm();
        let mut told = self.told.take();
        if let Some(rounds) = self.rounds.get().and_then(Weak::upgrade) {
            rounds.polled(&told);
        }
        told.clear();
        // The memory serves again, unless something was told meanwhile.
        let mut next = self.told.borrow_mut();
        if next.is_empty() {
            *next = told;
        }
    }

    fn waits(&self) {
        if let Some(rounds) = self.rounds.get().and_then(Weak::upgrade) {
            rounds.waits();
        }
    }

    /// Unless it is set.
    fn set_alarm(&self) {
        if self.alarmed.get() {
            return;
        }
        if let (Some(Fixtures { late, .. }), Some(left)) = (&*self.fixtures.borrow(), self.lingering.left()) {
            let milliseconds = u64::try_from(left.as_millis()).unwrap_or(0) + 1;
            // SAFETY: the handle is open as long as it is among the fixtures.
            unsafe { (self.handles.uv.timer_start)(late.raw(), on_late, milliseconds, 0) };
            self.alarmed.set(true);
        }
    }
}

impl Fixtures {
    fn new(handles: &Rc<Handles>, looping: &Weak<Loop>) -> io::Result<Self> {
        let fixture = |kind, init: &dyn Fn(&'static Uv, Raw, Raw) -> c_int| {
            let handle = Handle::new(handles, kind, Weak::clone(looping), init)?;
            // SAFETY: it is open.
            unsafe { (handles.uv.unref)(handle.raw()) };
            Ok::<_, io::Error>(handle)
        };
        // SAFETY, of all four: the loop is running, and `raw` is fresh memory of the size of such a handle. What starts them
        // is called once they are initialised.
        Ok(Self {
            wake: fixture(Kind::Async, &|uv, looping, raw| {
                // SAFETY: see above.
                failing("loop.init", || unsafe { (uv.async_init)(looping, raw, on_wake) })
            })?,
            late: fixture(Kind::Timer, &|uv, looping, raw| {
                // SAFETY: see above.
                unsafe { (uv.timer_init)(looping, raw) }
            })?,
            _polled: fixture(Kind::Check, &|uv, looping, raw| {
                // SAFETY: see above.
                unsafe { (uv.check_init)(looping, raw).min((uv.check_start)(raw, on_polled)) }
            })?,
            _waits: fixture(Kind::Prepare, &|uv, looping, raw| {
                // SAFETY: see above.
                unsafe { (uv.prepare_init)(looping, raw).min((uv.prepare_start)(raw, on_waits)) }
            })?,
        })
    }
}

/// Runs the work of a fixture's callback. `point`: see [`inject`](crate::inject).
///
/// # Safety
/// `raw` comes from libuv, for a handle of [`Fixtures`].
#[inline]
unsafe fn called(point: &'static str, raw: Raw, work: impl FnOnce(&Rc<Loop>)) {
    let point = Point::new(point);
    // SAFETY: the caller's promise.
    unsafe {
        Handle::<Weak<Loop>>::called(raw, |looping| {
            let Some(looping) = looping.upgrade() else { return };
            let done = caught(|| {
                point.pass();
                work(&looping);
            });
            if done.is_err() {
                looping.go_round();
            }
        });
    }
}

unsafe extern "C" fn on_wake(raw: Raw) {
    // SAFETY: libuv calls it for the handle that it was given to.
    unsafe { called("loop.wake", raw, |looping| looping.woken.set(true)) };
}

unsafe extern "C" fn on_polled(raw: Raw) {
    // SAFETY: as above.
    unsafe { called("loop.polled", raw, |looping| looping.polled()) };
}

unsafe extern "C" fn on_waits(raw: Raw) {
    // SAFETY: as above.
    unsafe { called("loop.waits", raw, |looping| looping.waits()) };
}

unsafe extern "C" fn on_late(raw: Raw) {
    // SAFETY: as above.
    unsafe {
        Handle::<Weak<Loop>>::called(raw, |looping| {
            if let Some(looping) = looping.upgrade() {
                looping.alarmed.set(false);
            }
        });
        called("loop.late", raw, |looping| looping.lingering.expire());
        // Also if that has panicked: others are to be given up later.
        called("loop.alarm", raw, |looping| looping.set_alarm());
    }
}
