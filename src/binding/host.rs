//! What one JavaScript environment owns: its connections, and how it is told of them.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ffi::c_void,
    mem::ManuallyDrop,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use napi::{
    Env,
    bindgen_prelude::{Function, Uint8Array, Uint32Array},
    sys,
};

#[cfg(unix)]
use super::dispatch::{Dispatch, FEW};
use super::{
    Mode,
    entries::{ById, Entry, take_of, with_entry},
    shared::{Batch, Scratch},
    turns::Turns,
    wake::Wake,
};
#[cfg(unix)]
use crate::close::linger;
#[cfg(unix)]
use crate::notify::{
    Interest, Unbound,
    event_loop::{Loop, Rounds},
};
use crate::{
    connection::Turn,
    inject,
    notify::{Notifier, Tell},
    panics::{caught, contained},
    runtime::{Environment, Event},
};

/// What one JavaScript environment owns.
pub(super) struct Host {
    env: Env,
    pub(super) environment: Arc<Environment>,
    means: Means,
    batch: Batch,
    pub(super) scratch: Scratch,
    /// What is not settled yet.
    pending: RefCell<VecDeque<(u32, Event)>>,
    /// Live sockets that keep the process alive.
    referenced: Cell<usize>,
    /// The process is about to exit.
    left: Cell<bool>,
    pub(super) turns: Turns,
}

/// How JavaScript is reached.
enum Means {
    /// From the thread's own loop.
    #[cfg(unix)]
    Loop(Rc<Loop>, Dispatch),
    Thread(Wake),
}

thread_local! {
    // By number, because one environment may load the TypeScript layer several times (bundles, module resets in tests).
    // Never dropped with the thread, like its entries.
    static HOSTS: ManuallyDrop<RefCell<ById<Rc<Host>>>> = ManuallyDrop::default();
}

impl Host {
    /// The host of `env`, whose JavaScript is told by `dispatch` of what is in `batch`, and finds small reads in `scratch`. It ends with the
    /// environment.
    pub(super) fn start(
        env: Env,
        Mode { direct, ahead_after }: Mode,
        batch: Uint32Array,
        scratch: Uint8Array,
        dispatch: &Function<'_, u32, ()>,
    ) -> napi::Result<(u32, bool)> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (means, wake) = match own_loop(env, direct) {
            #[cfg(unix)]
            Some(looping) => {
                let waker = looping.waker();
                let wake: Box<dyn Fn() + Send + Sync> = Box::new(move || waker.wake());
                (Means::Loop(looping, Dispatch::new(env, dispatch)?), wake)
            }
            _ => {
                let wake = Wake::new(dispatch, move || Self::of(number).map_or(0, |host| host.woken()))?;
                let waker = wake.clone();
                let call: Box<dyn Fn() + Send + Sync> = Box::new(move || waker.call());
                (Means::Thread(wake), call)
            }
        };
        let own = !matches!(means, Means::Thread(_));
        let host = Rc::new(Self {
            env,
            environment: Environment::new(wake, ahead_after),
            means,
            batch: Batch::new(batch),
            scratch: Scratch::new(scratch),
            pending: RefCell::default(),
            referenced: Cell::new(0),
            left: Cell::new(false),
            turns: Turns::default(),
        });
        HOSTS.with(|hosts| hosts.borrow_mut().insert(number, Rc::clone(&host)));
        #[cfg(unix)]
        if let Means::Loop(looping, _) = &host.means {
            let rounds: Rc<dyn Rounds> = Rc::<Self>::clone(&host);
            looping.call(Rc::downgrade(&rounds));
        }
        if own {
            end_with(env, number)?;
        } else {
            // There is nothing to wait for, and not every runtime gets the other kind of hook right: Deno frees it twice.
            env.add_env_cleanup_hook((), move |()| end(number, || ()))?;
        }
        Ok((number, own))
    }

    /// The host that [`Self::start`] gave this number.
    pub(super) fn of(number: u32) -> Option<Rc<Self>> {
        HOSTS.with(|hosts| hosts.borrow().get(&number).map(Rc::clone))
    }

    /// Where the host's connections get their readiness from.
    pub(super) fn notifier(&self) -> Notifier {
        match &self.means {
            #[cfg(unix)]
            Means::Loop(looping, _) => Notifier::Loop(Rc::clone(looping)),
            Means::Thread(_) => Notifier::Thread(Arc::clone(&self.environment) as Arc<dyn Tell>),
        }
    }

    /// The turn of the event loop, if writes can wait for its end.
    pub(super) fn turn(&self) -> Option<Turn> {
        if matches!(self.means, Means::Thread(_)) { None } else { self.turns.now() }
    }

    /// Before the process exits: blocks until the peers of streams that linger on this thread have all that was sent, `deadline` at most.
    pub(super) fn deliver(&self, deadline: Instant) {
        self.left.set(true);
        #[cfg(unix)]
        if let Means::Loop(looping, _) = &self.means {
            looping.deliver(deadline);
        }
        #[cfg(not(unix))]
        let _ = deadline;
    }

    /// Takes what other threads have to tell. Once a turn: what comes meanwhile has woken the loop again, and a task that always has
    /// something new would let no turn end.
    fn hear(&self) {
        self.pending.borrow_mut().extend(self.environment.drain());
    }

    /// As [`Rounds::polled`], where another thread wakes this one: what is in the batch is told by whoever calls.
    fn woken(&self) -> u32 {
        let count = caught(|| {
            inject::point("host.woken");
            self.hear();
            self.settle()
        });
        let more = count.is_err() || !self.pending.borrow().is_empty();
        if let (true, Means::Thread(wake)) = (more, &self.means) {
            wake.call();
        }
        count.unwrap_or_default()
    }

    /// Takes what happened, and fills the batch with what JavaScript has to know of it. Says with how much; there may be more.
    fn settle(&self) -> u32 {
        let mut pending = self.pending.borrow_mut();
        self.batch.fill(std::iter::from_fn(|| {
            loop {
                let (id, event) = pending.pop_front()?;
                let settle = |entry: &mut Entry| entry.connection.settle(event);
                if let Some(what) = with_entry("host.settle", id, Some(self.env), settle).flatten() {
                    return Some([id, what as u32]);
                }
            }
        }))
    }

    pub(super) fn count(&self, more: bool, env: Env) {
        let before = self.referenced.get();
        let now = if more { before + 1 } else { before.saturating_sub(1) };
        self.referenced.set(now);
        if (before == 0) == (now == 0) {
            return;
        }
        match &self.means {
            #[cfg(unix)]
            Means::Loop(looping, _) => looping.keep_alive(now > 0),
            Means::Thread(wake) => wake.keep_alive(env, now > 0),
        }
    }
}

#[cfg(unix)]
impl Rounds for Host {
    fn polled(&self, told: &[(u32, Interest)]) {
        self.pending.borrow_mut().extend(told.iter().map(|(id, interest)| (*id, Event::from(*interest))));
        inject::point("host.polled");
        self.hear();
        let Means::Loop(_, dispatch) = &self.means else { return };
        // A loop within a callback, as some addons run it, must not overwrite the batch that is being read.
        let Some(_busy) = dispatch.begin() else { return };
        loop {
            let count = self.settle();
            if count == 0 {
                break;
            }
            // Of many events, the first must not wait for what the last does.
            self.turns.hold(count <= FEW);
            dispatch.call(count);
            self.turns.end();
        }
    }

    fn waits(&self) {
        self.turns.end();
    }
}

/// Ends a host with its environment: connections, tasks, handles. `done` is called when libuv has let go of the last.
fn end(number: u32, done: impl FnOnce() + 'static) {
    // Nothing may unwind out of a cleanup hook either, and the environment waits until `done` is called.
    let Some(host) = HOSTS.with(|hosts| hosts.borrow_mut().remove(&number)) else { return done() };
    contained(|| {
        inject::point("host.end");
        host.environment.cancel();
    });
    contained(|| {
        for entry in take_of(&host) {
            entry.close();
        }
    });
    match &host.means {
        #[cfg(unix)]
        Means::Loop(looping, _) => {
            // A worker ends, and the process goes on: what its peers lack is seen to. The main thread has waited.
            if !host.left.get() {
                contained(|| looping.under_way().into_iter().map(Unbound::Free).for_each(linger));
            }
            looping.end(done);
        }
        Means::Thread(wake) => {
            contained(|| wake.end());
            done();
        }
    }
}

/// Has the environment wait for the end of a host.
fn end_with(env: Env, number: u32) -> napi::Result<()> {
    unsafe extern "C" fn ended(hook: sys::napi_async_cleanup_hook_handle, number: *mut c_void) {
        end(u32::try_from(number.addr()).unwrap_or_default(), move || {
            // SAFETY: Node passes the handle for this one call.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        });
    }
    let number = std::ptr::without_provenance_mut(number as usize);
    // SAFETY: the number is no pointer to anything.
    let status =
        unsafe { sys::napi_add_async_cleanup_hook(env.raw(), Some(ended), number, std::ptr::null_mut()) };
    if status == sys::Status::napi_ok { Ok(()) } else { Err(napi::Error::from_reason("no cleanup hook")) }
}

/// The loop that the thread runs, where it can be used.
#[cfg(unix)]
fn own_loop(env: Env, direct: bool) -> Option<Rc<Loop>> {
    let raw = if direct { env.get_uv_event_loop().ok()? } else { return None };
    // SAFETY: Node-API gives the loop that this thread runs. It runs on until the cleanup hook of `end_with` says that it is done.
    unsafe { Loop::start(raw.cast()) }.ok()
}

#[cfg(not(unix))]
fn own_loop(_: Env, _: bool) -> Option<()> {
    None
}
