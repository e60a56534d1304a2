//! Readiness from Node's own event loop: libuv watches the descriptor, so who is told is on the right thread already.

use std::{
    cell::{Cell, OnceCell, RefCell},
    ffi::{c_int, c_void},
    io::{self, Read, Write},
    mem::MaybeUninit,
    net::{SocketAddr, TcpStream},
    os::fd::AsRawFd,
    rc::{Rc, Weak},
    time::Duration,
};

use socket2::SockRef;

use super::{
    Interest, Notify,
    linger::Lingering,
    shut_down,
    uv::{Handle, Handles, Kind, PRIORITIZED, READABLE, Raw, Uv, WRITABLE, Waker},
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
    handles: Rc<Handles>,
    waker: Waker,
    rounds: OnceCell<Weak<dyn Rounds>>,
    /// Collected while the loop polls, and told all at once afterwards.
    told: RefCell<Vec<(u32, Interest)>>,
    woken: Cell<bool>,
    lingering: Lingering,
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

    /// Watches a stream, which does not block, for the connection `id`.
    ///
    /// # Errors
    /// What the system says, if libuv cannot watch the descriptor.
    pub fn watch(self: &Rc<Self>, stream: TcpStream, id: u32) -> io::Result<Watched> {
        let polled = Polled {
            id,
            wanted: Cell::new(0),
            started: Cell::new(0),
            lingers: Cell::new(false),
            looping: Rc::clone(self),
        };
        let descriptor = stream.as_raw_fd();
        let poll = Handle::new(&self.handles, Kind::Poll, polled, |uv, looping, raw| {
            // SAFETY: the loop is running, `raw` is fresh memory of the size of such a handle, and the descriptor is open.
            unsafe { (uv.poll_init)(looping, raw, descriptor) }
        })?;
        // Whether a socket keeps the process alive is decided elsewhere: one that nobody reads has nothing to poll for.
        // SAFETY: it is open.
        unsafe { (self.handles.uv.unref)(poll.raw()) };
        Ok(Watched { poll, stream })
    }

    /// Listens for the peer's end, for a second at most; then closes. Calls of it tell nobody.
    pub fn linger(&self, watched: Watched) {
        let polled = watched.poll.value();
        polled.lingers.set(true);
        let id = polled.id;
        if self.lingering.add(id, watched) {
            self.set_alarm();
        }
    }

    /// Closes everything, and calls `gone` when libuv has let go of all of it.
    pub fn end(&self, gone: impl FnOnce() + 'static) {
        self.waker.forget();
        self.lingering.clear();
        drop(self.fixtures.borrow_mut().take());
        self.handles.when_gone(gone);
    }

    fn tell(&self, id: u32, interest: Interest) {
        self.told.borrow_mut().push((id, interest));
    }

    fn polled(&self) {
        self.lingering.listen();
        if self.told.borrow().is_empty() && !self.woken.replace(false) {
            return;
        }
        self.woken.set(false);
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

    fn set_alarm(&self) {
        if let (Some(Fixtures { late, .. }), Some(left)) = (&*self.fixtures.borrow(), self.lingering.left()) {
            let milliseconds = u64::try_from(left.as_millis()).unwrap_or(0) + 1;
            // SAFETY: the handle is open as long as it is among the fixtures.
            unsafe { (self.handles.uv.timer_start)(late.raw(), on_late, milliseconds, 0) };
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
                unsafe { (uv.async_init)(looping, raw, on_wake) }
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

/// A TCP stream that libuv watches.
pub struct Watched {
    // Before the stream: libuv must let go of a descriptor before its number can be used again.
    poll: Handle<Polled>,
    stream: TcpStream,
}

/// What is watched for.
struct Polled {
    id: u32,
    /// What is to be told, once.
    wanted: Cell<c_int>,
    /// What libuv watches for. It goes on telling as long as something is ready, so what is no longer wanted is stopped when
    /// it is told in vain: most often it is wanted again before, and that spares two calls of the system.
    started: Cell<c_int>,
    lingers: Cell<bool>,
    looping: Rc<Loop>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("stream", &self.stream).finish_non_exhaustive()
    }
}

const INTERESTS: [(c_int, Interest); 3] = [
    (READABLE, Interest::Readable),
    (WRITABLE, Interest::Writable),
    // Nobody sends urgent data: it stands for errors alone, which are told whatever is watched for.
    (PRIORITIZED, Interest::Broken),
];

impl Polled {
    fn ready(&self, raw: Raw, ready: c_int) {
        if self.lingers.get() {
            self.looping.lingering.heard(self.id);
            return;
        }
        let told = self.wanted.get() & ready;
        self.wanted.set(self.wanted.get() & !told);
        for (bit, interest) in INTERESTS {
            if told & bit != 0 {
                self.looping.tell(self.id, interest);
            }
        }
        // Data is likely to be waited for again; room is there nearly always.
        self.start(raw, (self.started.get() & !ready) | (told & READABLE));
    }

    fn start(&self, raw: Raw, events: c_int) {
        if events == self.started.replace(events) {
            return;
        }
        let uv = self.looping.handles.uv;
        // SAFETY: `raw` is the open handle that this belongs to.
        let result =
            unsafe { if events == 0 { (uv.poll_stop)(raw) } else { (uv.poll_start)(raw, events, on_ready) } };
        if result < 0 {
            // Trying is the way to find out what is wrong.
            self.started.set(0);
            for (bit, interest) in INTERESTS {
                if self.wanted.get() & bit != 0 {
                    self.looping.tell(self.id, interest);
                    self.looping.waker.wake();
                }
            }
            self.wanted.set(0);
        }
    }
}

impl Watched {
    /// The local endpoint.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Gives the stream up.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        let Self { poll, stream } = self;
        drop(poll);
        stream
    }
}

impl Notify for Watched {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(buffer)
    }

    fn try_peek(&self) -> io::Result<bool> {
        SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]).map(|length| length > 0)
    }

    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match buffers {
            [one] => (&self.stream).write(one),
            several => (&self.stream).write_vectored(several),
        }
    }

    fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().ok().flatten()
    }

    fn shutdown(&self) -> io::Result<()> {
        shut_down(&SockRef::from(&self.stream))
    }

    fn reset_on_close(&self) {
        // Where it fails the connection is gone already.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    fn watch(&self, interest: Interest) {
        let polled = self.poll.value();
        for (bit, of) in INTERESTS {
            if of == interest {
                polled.wanted.set(polled.wanted.get() | bit);
            }
        }
        polled.start(self.poll.raw(), polled.wanted.get() | polled.started.get());
    }

    fn tell(&self, interest: Interest) {
        let Polled { id, looping, .. } = self.poll.value();
        looping.tell(*id, interest);
        looping.waker.wake();
    }
}

unsafe extern "C" fn on_ready(raw: Raw, status: c_int, events: c_int) {
    // SAFETY: libuv calls it for handles of this kind only.
    unsafe {
        Handle::<Polled>::called(raw, |polled| {
            if status < 0 {
                // libuv has stopped the handle.
                polled.started.set(0);
            }
            polled.ready(raw, if status < 0 { READABLE | WRITABLE | PRIORITIZED } else { events });
        });
    }
}

/// Runs the work of a fixture's callback.
///
/// # Safety
/// `raw` comes from libuv, for a handle of [`Fixtures`].
unsafe fn called(raw: Raw, work: impl FnOnce(&Rc<Loop>)) {
    // SAFETY: the caller's promise.
    unsafe {
        Handle::<Weak<Loop>>::called(raw, |looping| {
            if let Some(looping) = looping.upgrade() {
                work(&looping);
            }
        });
    }
}

unsafe extern "C" fn on_wake(raw: Raw) {
    // SAFETY: libuv calls it for the handle that it was given to.
    unsafe { called(raw, |looping| looping.woken.set(true)) };
}

unsafe extern "C" fn on_polled(raw: Raw) {
    // SAFETY: as above.
    unsafe { called(raw, |looping| looping.polled()) };
}

unsafe extern "C" fn on_waits(raw: Raw) {
    // SAFETY: as above.
    unsafe { called(raw, |looping| looping.waits()) };
}

unsafe extern "C" fn on_late(raw: Raw) {
    // SAFETY: as above.
    unsafe {
        called(raw, |looping| {
            looping.lingering.expire();
            looping.set_alarm();
        });
    }
}
