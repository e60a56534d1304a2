//! Readiness from Node's own event loop: libuv watches the descriptor, so who is told is on the right thread already.

use std::{
    cell::Cell,
    ffi::c_int,
    io::{self, Read, Write},
    mem::MaybeUninit,
    net::TcpStream,
    os::fd::AsRawFd,
    rc::Rc,
    time::Duration,
};

use socket2::SockRef;

use super::{
    Interest, Notify,
    event_loop::Loop,
    shut_down, uninterrupted,
    uv::{Handle, Kind, PRIORITIZED, READABLE, Raw, WRITABLE, failing},
};
use crate::{inject, panics::caught};

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
            self.looping.heard(self.id);
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
        let result = failing("poll.start", || {
            // SAFETY: `raw` is the open handle that this belongs to.
            unsafe { if events == 0 { (uv.poll_stop)(raw) } else { (uv.poll_start)(raw, events, on_ready) } }
        });
        if result < 0 {
            self.started.set(0);
            self.tell_all();
        }
    }

    /// Tells all that is to be told: trying is the way to find out what is wrong.
    fn tell_all(&self) {
        for (bit, interest) in INTERESTS {
            if self.wanted.get() & bit != 0 {
                self.looping.tell(self.id, interest);
            }
        }
        self.wanted.set(0);
        self.looping.waker().wake();
    }
}

impl Watched {
    /// Has libuv watch `stream`, which does not block, for the connection `id`.
    ///
    /// # Errors
    /// What the system says, if libuv cannot watch the descriptor.
    pub fn new(looping: &Rc<Loop>, stream: TcpStream, id: u32) -> io::Result<Self> {
        let polled = Polled {
            id,
            wanted: Cell::new(0),
            started: Cell::new(0),
            lingers: Cell::new(false),
            looping: Rc::clone(looping),
        };
        let descriptor = stream.as_raw_fd();
        let poll = Handle::new(&looping.handles, Kind::Poll, polled, |uv, looping, raw| {
            // SAFETY: the loop is running, `raw` is fresh memory of the size of such a handle, and the descriptor is open.
            failing("poll.init", || unsafe { (uv.poll_init)(looping, raw, descriptor) })
        })?;
        // Whether a socket keeps the process alive is decided elsewhere: one that nobody reads has nothing to poll for.
        // SAFETY: it is open.
        unsafe { (looping.handles.uv.unref)(poll.raw()) };
        Ok(Self { poll, stream })
    }

    /// From now on its owner is the loop, which waits for the peer's end. Says what it is known by.
    pub(super) fn linger(&self) -> u32 {
        let polled = self.poll.value();
        polled.lingers.set(true);
        // For nothing else: there is room to write nearly always, and nobody would stop that.
        polled.wanted.set(READABLE);
        polled.start(self.poll.raw(), READABLE);
        polled.id
    }

    /// Tells nothing more.
    pub(super) fn rest(&self) {
        let polled = self.poll.value();
        polled.wanted.set(0);
        polled.start(self.poll.raw(), 0);
    }

    /// The system's socket.
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
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
        uninterrupted("read", || (&self.stream).read(buffer))
    }

    fn try_peek(&self) -> io::Result<bool> {
        let peek = || SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        uninterrupted("peek", peek).map(|length| length > 0)
    }

    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted("write", || match buffers {
            [one] => (&self.stream).write(one),
            several => (&self.stream).write_vectored(several),
        })
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
        looping.waker().wake();
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
            let ready = || {
                inject::point("poll.ready");
                polled.ready(raw, if status < 0 { READABLE | WRITABLE | PRIORITIZED } else { events });
            };
            if caught(ready).is_err() {
                polled.tell_all();
            }
        });
    }
}
