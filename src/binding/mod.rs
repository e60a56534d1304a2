//! The Node-API surface: `start`, `connect`, class `Socket`, and the [calls] that are made for every chunk. Nothing else knows
//! JavaScript.
#![expect(clippy::needless_pass_by_value, reason = "arguments are what napi makes of JavaScript's values")]
#![expect(clippy::missing_errors_doc, reason = "callers are JavaScript: errors are documented in index.d.ts")]

mod calls;
mod config;
mod credentials;
#[cfg(unix)]
mod dispatch;
mod entries;
mod host;
#[cfg(feature = "inject")]
pub mod on_demand;
mod shared;
mod turns;
mod values;
mod wake;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use napi::{
    Env,
    bindgen_prelude::{Buffer, Function, Object, ObjectFinalize, Uint8Array, Uint32Array},
};
use napi_derive::napi;

pub use self::{
    config::Config,
    credentials::{Credentials, CredentialsOptions, Secure},
    values::{Address, Agreed, Failure, Info, Stats},
};
use self::{
    entries::{Entry, with_entry},
    host::Host,
    values::{failure, guarded, refused, thrown},
};
use crate::{
    connection::Connection,
    error::Error,
    inject,
    panics::{self, contained},
};

/// Where I/O happens.
#[derive(Clone, Copy)]
struct Mode {
    /// On the thread's own loop, if that is possible.
    direct: bool,
    /// After how many bytes in a row a connection reads ahead.
    ahead_after: Option<u64>,
}

/// What [`start`] gives.
#[napi(object, object_from_js = false)]
pub struct Started {
    /// What [`connect`] takes.
    pub host: u32,
    /// Whether the callback is called at most once in a turn of the event loop.
    pub direct: bool,
    /// The calls that are made for every chunk:
    ///
    /// - `read` fills the buffer, or without one `scratch`, with what is there: a count above zero; less than the length means that an
    ///   event will come. Or -1 nothing now, an event will come; -2 failed; -3 the peer's end.
    /// - `peek`: whether there is something to read: 1, or as `read`.
    /// - `write` writes from an offset and says how many bytes were taken; if not all, an event will come. Or -2 failed. The first of a
    ///   turn may wait for the end of the running callback; with a fourth argument it does not.
    /// - `shutdown` ends the write side: 0 done, -1 call again when writable, -2 failed.
    /// - `watch` asks for an event: 0 readable, 1 writable, 2 broken. It comes in a later turn, also if there is cause for it already, and
    ///   does not keep the process alive.
    /// - `flush` sends what waits for the end of the turn, because the process exits. What is written from then on goes out at once.
    #[napi(
        ts_type = "{ read(id: number, buffer?: Uint8Array): number; peek(id: number): number; write(id: number, data: Uint8Array, offset: number, now?: true): number; shutdown(id: number): number; watch(id: number, interest: number): void; flush(host: number): void }"
    )]
    pub calls: Object<'static>,
}

/// Registers a callback for events. It is told how many pairs `[id, event, id, event, ...]` are in `batch`. Neither that nor `scratch`, which
/// small reads fill, may ever be transferred. `direct`: do I/O on the thread's own event loop, if that is possible. `ahead_after`:
/// after how many bytes in a row a TLS connection is read ahead on another thread.
#[napi(catch_unwind)]
pub fn start(
    env: Env,
    direct: bool,
    ahead_after: Option<u32>,
    batch: Uint32Array,
    scratch: Uint8Array,
    dispatch: Function<'_, u32, ()>,
) -> Result<Started, napi::Error<String>> {
    panics::hush();
    let mode = Mode { direct, ahead_after: ahead_after.map(u64::from) };
    guarded("start", || {
        let (host, direct) = Host::start(env, mode, batch, scratch, &dispatch).map_err(refused)?;
        Ok(Started { host, direct, calls: calls::object(env).map_err(refused)? })
    })
}

/// Starts to connect, with `secure` over TLS. An event tells how it went.
#[napi(catch_unwind)]
pub fn connect(
    env: Env,
    host: u32,
    address: Address,
    config: &Config,
    secure: Option<Secure>,
    credentials: Option<&Credentials>,
) -> Result<Socket, napi::Error<String>> {
    guarded("connect", || {
        let host = Host::of(host).ok_or_else(|| thrown(&Error::Internal("start() was not called".into())))?;
        let handshake = secure.map(|secure| secure.handshake(credentials)).transpose()?;
        let resolves = address.resolves.unwrap_or_default();
        let id = entries::fresh();
        let (environment, notifier) = (Arc::clone(&host.environment), host.notifier());
        let config = Arc::clone(&config.0);
        let target = address.into();
        let connection = Connection::dial(environment, notifier, id, target, config, handshake, resolves)
            .map_err(|error| thrown(&error))?;
        entries::insert(env, id, host, connection);
        Ok(Socket { id })
    })
}

/// Before the process exits: waits until the peers of connections that are closed have all that was written, `milliseconds` at most.
#[napi(catch_unwind)]
pub fn leave(host: u32, milliseconds: u32) {
    contained(|| {
        inject::point("leave");
        let bound = Duration::from_millis(milliseconds.into());
        let deadline = Instant::now() + bound;
        crate::proxy::drain(bound);
        if let Some(host) = Host::of(host) {
            host.deliver(deadline);
        }
        crate::close::deliver(deadline);
    });
}

/// The life cycle of one connection. When JavaScript drops it, the connection is closed.
#[napi(custom_finalize)]
pub struct Socket {
    id: u32,
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
        with_entry("socket.info", self.id, None, |entry| {
            let info = entry.connection.info()?;
            Some(Info {
                local_address: info.local.to_string(),
                remote_address: info.remote.to_string(),
                alpn: info.alpn.clone(),
            })
        })
        .flatten()
    }

    /// Whether it waits for [`Self::answer`]: the addresses of its host.
    #[napi(catch_unwind)]
    pub fn asks(&self) -> bool {
        with_entry("socket.asks", self.id, None, |entry| entry.connection.asks()).unwrap_or(false)
    }

    /// Gives it the addresses of its host: of IP, or `unix:` and a path.
    #[napi(catch_unwind)]
    pub fn answer(&self, addresses: Vec<String>, port: u16) -> Result<(), napi::Error<String>> {
        guarded("answer", || {
            let endpoints = values::endpoints(&addresses, port)?;
            with_entry("socket.answer", self.id, None, |entry| entry.connection.answer(endpoints));
            Ok(())
        })
    }

    /// Figures, as they are now.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Option<Stats> {
        with_entry("socket.stats", self.id, None, |entry| entry.connection.stats().into())
    }

    /// For how many milliseconds nothing has gone through it, if the binding notes that.
    #[napi(catch_unwind)]
    pub fn idle(&self) -> Option<f64> {
        let idle = with_entry("socket.idle", self.id, None, |entry| entry.connection.idle()).flatten()?;
        Some(values::milliseconds(idle))
    }

    /// What TLS has agreed on, while it is open.
    #[napi(catch_unwind)]
    pub fn agreed(&self) -> Option<Agreed> {
        let agreed =
            with_entry("socket.agreed", self.id, None, |entry| entry.connection.agreed()).flatten()?;
        Some(Agreed {
            protocol: agreed.protocol.into(),
            cipher: agreed.cipher,
            group: agreed.group,
            resumed: agreed.resumed,
            certificates: agreed.certificates.into_iter().map(Buffer::from).collect(),
            overlooked: agreed.overlooked.map(Into::into),
        })
    }

    /// Whether small segments go out without waiting for an acknowledgement. False if that could not be set.
    #[napi(catch_unwind)]
    pub fn set_no_delay(&self, on: bool) -> bool {
        with_entry("socket.set_no_delay", self.id, None, |entry| entry.connection.set_no_delay(on).is_ok())
            .unwrap_or(false)
    }

    /// Whether the system probes a silent peer; after how many milliseconds of silence first. False if that could not be set.
    #[napi(catch_unwind)]
    pub fn set_probes(&self, on: bool, after: Option<u32>) -> bool {
        let after = after.map(|after| Duration::from_millis(after.into()));
        with_entry("socket.set_probes", self.id, None, |entry| entry.connection.set_probes(on, after).is_ok())
            .unwrap_or(false)
    }

    /// Sets the type of service, and says what it is. None if that is not possible.
    #[napi(catch_unwind)]
    pub fn type_of_service(&self, set: Option<u8>) -> Option<u8> {
        with_entry("socket.type_of_service", self.id, None, |entry| {
            entry.connection.type_of_service(set).ok()
        })
        .flatten()
    }

    /// What broke first.
    #[napi(catch_unwind)]
    pub fn failure(&self) -> Option<Failure> {
        let failed = |entry: &mut Entry| entry.connection.failure().map(failure);
        with_entry("socket.failure", self.id, None, failed)
            .unwrap_or_else(|| entries::why(self.id).as_ref().map(failure))
    }

    /// Upgrades an open plain connection. An event tells how the handshake went.
    #[napi(catch_unwind)]
    pub fn start_tls(
        &self,
        env: Env,
        secure: Secure,
        credentials: &Credentials,
    ) -> Result<(), napi::Error<String>> {
        guarded("start_tls", || {
            let handshake = secure.handshake(Some(credentials))?;
            let started = |entry: &mut Entry| entry.connection.start_tls(handshake);
            with_entry("socket.start_tls", self.id, Some(env), started)
                .unwrap_or_else(|| {
                    Err(entries::why(self.id).unwrap_or(Error::State("the connection is gone")))
                })
                .map_err(|error| thrown(&error))
        })
    }

    /// Flushes and closes; not `patient`: for a second at most. Whether an event tells when that is done; otherwise it is
    /// done.
    #[napi(catch_unwind)]
    pub fn close(&self, env: Env, patient: bool) -> bool {
        with_entry("socket.close", self.id, Some(env), |entry| entry.connection.close(patient))
            .unwrap_or(false)
    }

    /// Closes at once. `cut`: something that was to be sent is lost, so the peer gets RST.
    #[napi(catch_unwind)]
    pub fn abort(&self, env: Env, cut: bool) {
        with_entry("socket.abort", self.id, Some(env), |entry| entry.connection.abort(cut));
    }

    /// Whether the open socket keeps the process alive.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, on: bool) {
        with_entry("socket.keep_alive", self.id, Some(env), |entry| entry.keep_alive(on));
    }
}

impl ObjectFinalize for Socket {
    fn finalize(self, env: Env) -> napi::Result<()> {
        entries::remove(env, self.id);
        Ok(())
    }
}
