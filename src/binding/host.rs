//! What one JavaScript environment owns: its connections, and the callback that tells of them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use napi::{
    Env, Status,
    bindgen_prelude::Function,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

use crate::{
    connection::{Connection, Told},
    runtime::Environment,
};

/// Tells the JavaScript thread of a batch: `[id, event, id, event, ...]`, events numbered as [`Told`](crate::connection::Told).
type Dispatch = ThreadsafeFunction<(), (), Vec<u32>, Status, false, true>;
type Wake = Mutex<Option<Dispatch>>;

/// What one JavaScript environment owns.
pub(super) struct Host {
    pub(super) environment: Arc<Environment>,
    wake: Arc<Wake>,
    /// Live sockets that keep the process alive.
    referenced: Cell<usize>,
}

pub(super) struct Entry {
    host: Rc<Host>,
    pub(super) connection: Connection,
    /// What the user wants: `ref()` or `unref()`.
    keeps_alive: bool,
    /// Whether it is part of `host.referenced`.
    counted: bool,
}

thread_local! {
    // Ids are unique in the process, so several environments on one thread (as Electron has them) do not meet.
    static ENTRIES: RefCell<HashMap<u32, Entry>> = RefCell::new(HashMap::new());
    // By number, because one environment may load the TypeScript layer several times (bundles, module resets in tests).
    static HOSTS: RefCell<HashMap<u32, Rc<Host>>> = RefCell::new(HashMap::new());
}

/// Takes what happened since the last batch and says what JavaScript has to know of it.
fn settle(environment: &Environment, env: Env) -> Vec<u32> {
    let events = environment.drain();
    let mut told = Vec::with_capacity(events.len() * 2);
    for (id, event) in events {
        let settled = || with_entry(id, Some(env), |entry| entry.connection.settle(event)).flatten();
        // A panic would unwind into Node. It costs the one connection, not the batch.
        let what = catch_unwind(AssertUnwindSafe(settled)).unwrap_or(Some(Told::Broken));
        if let Some(what) = what {
            told.extend([id, what as u32]);
        }
    }
    told
}

/// Acts on an entry, if there still is one. With `env`, what changed of keeping the process alive is carried out.
pub(super) fn with_entry<T>(id: u32, env: Option<Env>, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
    ENTRIES
        .try_with(|entries| {
            let mut entries = entries.borrow_mut();
            let entry = entries.get_mut(&id)?;
            let result = act(entry);
            if let Some(env) = env {
                entry.recount(env);
            }
            Some(result)
        })
        .ok()
        .flatten()
}

impl Entry {
    pub(super) fn keep_alive(&mut self, on: bool) {
        self.keeps_alive = on;
    }

    /// Keeps the callback, and with it the process, alive while a socket wants that.
    fn recount(&mut self, env: Env) {
        let counts = self.keeps_alive && self.connection.is_live();
        if counts != self.counted {
            self.counted = counts;
            self.host.count(counts, env);
        }
    }
}

impl Host {
    /// The host of `env`, whose JavaScript is told by `dispatch`. It ends with the environment.
    pub(super) fn start(env: Env, dispatch: &Function<'_, Vec<u32>, ()>) -> napi::Result<u32> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let wake: Arc<Wake> = Arc::new(Mutex::new(None));
        let waker = Arc::clone(&wake);
        let environment = Environment::new(move || {
            if let Some(dispatch) = &*waker.lock().unwrap_or_else(PoisonError::into_inner) {
                dispatch.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        });
        let source = Arc::clone(&environment);
        let function = dispatch
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(move |context| Ok(settle(&source, context.env)))?;
        *wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);

        let host = Rc::new(Host { environment, wake, referenced: Cell::new(0) });
        env.add_env_cleanup_hook(Rc::clone(&host), move |host| {
            // Also nothing may unwind out of a cleanup hook.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                host.environment.cancel();
                HOSTS.with_borrow_mut(|hosts| hosts.remove(&number));
                let ended: Vec<_> = ENTRIES.with_borrow_mut(|entries| {
                    entries.extract_if(|_, entry| Rc::ptr_eq(&entry.host, &host)).collect()
                });
                drop(ended);
                drop(host.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
            }));
        })?;
        HOSTS.with_borrow_mut(|hosts| hosts.insert(number, host));
        Ok(number)
    }

    /// The host that [`Self::start`] gave this number.
    pub(super) fn of(number: u32) -> Option<Rc<Self>> {
        HOSTS.with_borrow(|hosts| hosts.get(&number).map(Rc::clone))
    }

    fn count(&self, more: bool, env: Env) {
        let before = self.referenced.get();
        let now = if more { before + 1 } else { before.saturating_sub(1) };
        self.referenced.set(now);
        let mut wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(dispatch) = &mut *wake else { return };
        #[expect(
            deprecated,
            reason = "the count changes while the function lives; there is no other way to say so"
        )]
        let result = match (before, now) {
            (0, 1..) => dispatch.refer(&env),
            (1.., 0) => dispatch.unref(&env),
            _ => Ok(()),
        };
        drop(result);
    }
}

/// Adds a connection under its id.
pub(super) fn insert(env: Env, id: u32, host: Rc<Host>, connection: Connection) {
    let mut entry = Entry { host, connection, keeps_alive: true, counted: false };
    entry.recount(env);
    ENTRIES.with_borrow_mut(|entries| entries.insert(id, entry));
}

/// Drops a connection, which closes it.
pub(super) fn remove(env: Env, id: u32) {
    let entry = ENTRIES.try_with(|entries| entries.borrow_mut().remove(&id)).ok().flatten();
    if let Some(entry) = entry
        && entry.counted
    {
        entry.host.count(false, env);
    }
}
