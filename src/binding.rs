//! The Node-API surface: `start`, `connect`, class `Socket`, and the hot calls over an id. Nothing else knows JavaScript.
//!
//! The hot calls are plain functions over an id because a class method costs ten times as much. They never throw: a result
//! below zero says what to do ([`WAIT`], [`FAILED`], [`END`]).
#![expect(
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "callers are JavaScript: errors are documented in index.d.ts, and arguments arrive by value"
)]

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
    bindgen_prelude::{Buffer, Function, ObjectFinalize, Uint8ArraySlice},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

use crate::{
    connection::{Connection, Progress, Target},
    error::Error,
    runtime::Environment,
    tls::{Handshake, Options},
    trust::Sources,
};

/// Nothing now: an event will come.
const WAIT: i32 = -1;
/// It broke: [`Socket::failure`] says why.
const FAILED: i32 = -2;
/// The peer has ended its side.
const END: i32 = -3;

/// Tells the JavaScript thread of a batch: `[id, event, id, event, ...]`, events numbered as [`Told`](crate::connection::Told).
type Dispatch = ThreadsafeFunction<(), (), Vec<u32>, Status, false, true>;
type Wake = Mutex<Option<Dispatch>>;

/// What one JavaScript environment owns.
struct Host {
    environment: Arc<Environment>,
    wake: Arc<Wake>,
    /// Live sockets that keep the process alive.
    referenced: Cell<usize>,
}

struct Entry {
    host: Rc<Host>,
    connection: Connection,
    /// What the user wants: `ref()` or `unref()`.
    keeps_alive: bool,
    /// Whether it is part of `host.referenced`.
    counted: bool,
}

thread_local! {
    // Ids are unique in the process, so several environments on one thread (as Electron has them) do not meet.
    static ENTRIES: RefCell<HashMap<u32, Entry>> = RefCell::new(HashMap::new());
}

/// Registers the one callback of this environment. Called once, before anything else.
#[napi(catch_unwind)]
pub fn start(env: Env, dispatch: Function<'_, Vec<u32>, ()>) -> napi::Result<()> {
    let wake: Arc<Wake> = Arc::new(Mutex::new(None));
    let waker = Arc::clone(&wake);
    let environment = Environment::new(move || {
        if let Some(dispatch) = &*waker.lock().unwrap_or_else(PoisonError::into_inner) {
            dispatch.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    });
    let source = Arc::clone(&environment);
    let function =
        dispatch.build_threadsafe_function::<()>().callee_handled::<false>().weak::<true>().build_callback(
            move |context| {
                // A panic here would unwind into Node.
                Ok(catch_unwind(AssertUnwindSafe(|| settle(&source, context.env))).unwrap_or_default())
            },
        )?;
    *wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);

    let host = Rc::new(Host { environment, wake, referenced: Cell::new(0) });
    env.add_env_cleanup_hook(Rc::clone(&host), |host| {
        // Also nothing may unwind out of a cleanup hook.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            host.environment.cancel();
            let ended: Vec<_> = ENTRIES.with_borrow_mut(|entries| {
                entries.extract_if(|_, entry| Rc::ptr_eq(&entry.host, &host)).collect()
            });
            drop(ended);
            drop(host.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
        }));
    })?;
    env.set_instance_data(host, (), |_| {})
}

/// Takes what happened since the last batch and says what JavaScript has to know of it.
fn settle(environment: &Environment, env: Env) -> Vec<u32> {
    let events = environment.drain();
    let mut told = Vec::with_capacity(events.len() * 2);
    for (id, event) in events {
        let what = with_entry(id, Some(env), |entry| entry.connection.settle(event)).flatten();
        if let Some(what) = what {
            told.extend([id, what as u32]);
        }
    }
    told
}

fn with_entry<T>(id: u32, env: Option<Env>, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
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

fn guarded(operation: impl FnOnce() -> i32) -> i32 {
    catch_unwind(AssertUnwindSafe(operation)).unwrap_or(FAILED)
}

fn code(progress: &Progress) -> i32 {
    match progress {
        Progress::Done(count) => i32::try_from(*count).unwrap_or(i32::MAX),
        Progress::Wait => WAIT,
        Progress::Failed => FAILED,
        Progress::End => END,
    }
}

/// Fills the buffer with what is there: a count above zero; less than the buffer's length means that an event will come.
/// Or -1 nothing now, -2 failed, -3 the peer's end.
#[napi]
pub fn read(id: u32, mut buffer: Uint8ArraySlice<'_>) -> i32 {
    // SAFETY: the view lives as long as this call, in which no JavaScript runs, so nothing else reads or writes the memory.
    // Views on shared memory do not get here: the TypeScript layer allocates the buffers or transfers them.
    let buffer = unsafe { buffer.as_mut() };
    guarded(|| with_entry(id, None, |entry| code(&entry.connection.read(buffer))).unwrap_or(FAILED))
}

/// Whether there is something to read: 1, or as [`read`].
#[napi]
pub fn peek(id: u32) -> i32 {
    guarded(|| with_entry(id, None, |entry| code(&entry.connection.peek())).unwrap_or(FAILED))
}

/// Writes from an offset and says how many bytes were taken; if not all, an event will come. Or -2 failed.
#[napi]
pub fn write(id: u32, data: &[u8], offset: u32) -> i32 {
    guarded(|| {
        let Some(rest) = data.get(offset as usize..) else { return FAILED };
        with_entry(id, None, |entry| code(&entry.connection.write(rest))).unwrap_or(FAILED)
    })
}

/// Ends the write side: 0 done, -1 call again when writable, -2 failed.
#[napi]
pub fn shutdown(id: u32) -> i32 {
    guarded(|| with_entry(id, None, |entry| code(&entry.connection.shutdown())).unwrap_or(FAILED))
}

/// What TLS needs to know. Absent members are defaults.
#[napi(object)]
pub struct TlsOptions {
    /// The name to send and to check.
    pub server_name: String,
    /// Protocols to offer.
    pub alpn: Vec<String>,
    /// Roots that replace the default ones, PEM or DER.
    pub ca: Option<Vec<Buffer>>,
    /// The client's chain.
    pub cert: Option<Vec<Buffer>>,
    /// The client's key, PEM.
    pub key: Option<Buffer>,
    /// `NODE_EXTRA_CA_CERTS`
    pub node_extra: Option<String>,
    /// `SSL_CERT_FILE`
    pub cert_file: Option<String>,
    /// `SSL_CERT_DIR`
    pub cert_dir: Option<String>,
    /// Whether Node was told to use the system's store.
    pub system: bool,
}

impl TlsOptions {
    fn handshake(self) -> Result<Handshake, napi::Error<String>> {
        let bytes = |list: Vec<Buffer>| list.iter().map(|one| one.to_vec()).collect();
        let identity = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some((bytes(cert), key.to_vec())),
            _ => None,
        };
        let trust = Sources {
            node_extra: self.node_extra,
            cert_file: self.cert_file,
            cert_dir: self.cert_dir,
            system: self.system,
        };
        let options = Options { alpn: self.alpn, ca: self.ca.map(bytes), identity, trust };
        Handshake::new(&self.server_name, options).map_err(|error| thrown(&error))
    }
}

/// Where to connect.
#[napi(object)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// `host:port` for messages.
    pub text: String,
}

/// Starts to connect. An event tells how it went.
#[napi(catch_unwind)]
pub fn connect(env: Env, address: Address, tls: Option<TlsOptions>) -> Result<Socket, napi::Error<String>> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let host = env
        .get_instance_data::<Rc<Host>>()
        .ok()
        .flatten()
        .map(|host| Rc::clone(host))
        .ok_or_else(|| thrown(&Error::Internal("start() was not called".into())))?;
    let handshake = tls.map(TlsOptions::handshake).transpose()?;
    let target = Target { host: address.host, port: address.port, text: address.text };
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let connection = Connection::dial(Arc::clone(&host.environment), id, target, handshake)
        .map_err(|error| thrown(&error))?;
    let mut entry = Entry { host, connection, keeps_alive: true, counted: false };
    entry.recount(env);
    ENTRIES.with_borrow_mut(|entries| entries.insert(id, entry));
    Ok(Socket { id })
}

/// Checks options of a later handshake: throws what cannot be used.
#[napi(catch_unwind)]
pub fn check_tls(tls: TlsOptions) -> Result<(), napi::Error<String>> {
    tls.handshake().map(drop)
}

/// The life cycle of one connection. When JavaScript drops it, the connection is closed.
#[napi(custom_finalize)]
pub struct Socket {
    id: u32,
}

/// What is known of an open connection.
#[napi(object)]
pub struct Info {
    /// `ip:port`, IPv6 in brackets.
    pub local_address: String,
    /// The protocol agreed on.
    pub alpn: Option<String>,
}

/// Why it broke.
#[napi(object)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
    /// What was underneath.
    pub cause: Option<String>,
}

#[napi]
impl Socket {
    /// The id that events and the hot calls use.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What is known of it while it is open.
    #[napi(catch_unwind)]
    pub fn info(&self) -> Option<Info> {
        let info = with_entry(self.id, None, |entry| entry.connection.info().cloned()).flatten()?;
        Some(Info { local_address: info.local.to_string(), alpn: info.alpn })
    }

    /// What broke first.
    #[napi(catch_unwind)]
    pub fn failure(&self) -> Option<Failure> {
        with_entry(self.id, None, |entry| entry.connection.failure().map(failure)).flatten()
    }

    /// Upgrades an open plain connection. An event tells how the handshake went.
    #[napi(catch_unwind)]
    pub fn start_tls(&self, env: Env, tls: TlsOptions) -> Result<(), napi::Error<String>> {
        let handshake = tls.handshake()?;
        with_entry(self.id, Some(env), |entry| entry.connection.start_tls(handshake))
            .unwrap_or(Err(Error::State("the connection is gone")))
            .map_err(|error| thrown(&error))
    }

    /// Flushes and closes. Whether an event tells when that is done; otherwise it is done.
    #[napi(catch_unwind)]
    pub fn close(&self, env: Env) -> bool {
        with_entry(self.id, Some(env), |entry| entry.connection.close()).unwrap_or(false)
    }

    /// Closes at once.
    #[napi(catch_unwind)]
    pub fn abort(&self, env: Env) {
        with_entry(self.id, Some(env), |entry| entry.connection.abort());
    }

    /// Whether the open socket keeps the process alive.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, on: bool) {
        with_entry(self.id, Some(env), |entry| entry.keeps_alive = on);
    }
}

impl ObjectFinalize for Socket {
    fn finalize(self, env: Env) -> napi::Result<()> {
        let entry = ENTRIES.try_with(|entries| entries.borrow_mut().remove(&self.id)).ok().flatten();
        if let Some(entry) = entry
            && entry.counted
        {
            entry.host.count(false, env);
        }
        Ok(())
    }
}

/// The one place where a Rust error becomes a JavaScript value.
fn failure(error: &Error) -> Failure {
    Failure { code: error.code().into(), message: error.to_string(), cause: error.cause() }
}

fn thrown(error: &Error) -> napi::Error<String> {
    let Failure { code, message, .. } = failure(error);
    napi::Error::new(code, message)
}
