//! wintersock's native half: TCP, TLS and StartTLS for `connect()`.
//!
//! # Layout
//!
//! - [`binding`]: the Node-API surface. The only place that knows JavaScript.
//! - [`runtime`]: the tokio thread, and what one JavaScript environment shares with it.
//! - [`connection`]: a connection's life: dial, read, write, shutdown, close, `start_tls`.
//! - [`dial`]: names, the connect race, the handshake.
//! - [`close`]: the last flush.
//! - [`ahead`]: a task that reads ahead while a connection brings much.
//! - [`happy_eyeballs`]: RFC 8305: which address to try when.
//! - [`transport`]: TCP or TLS behind one non-blocking read and write.
//! - [`session`]: a TLS session over its TCP stream.
//! - [`staged`]: small writes of one turn of the event loop.
//! - [`notify`]: where the readiness of an open stream comes from.
//! - [`tls`], [`configs`], [`trust`], [`verify`]: credentials and handshakes, configurations, those in use, root certificates, what was wrong with a
//!   certificate.
//! - [`code`]: the stable names of what the system and rustls say.
//! - [`pem`]: certificates and keys as users give them.
//! - [`error`], [`advice`]: everything that can go wrong, with its code and message.
//! - [`panics`]: what becomes of a bug; [`inject`]: failures on demand, for tests.
//!
//! # Threads
//!
//! An open transport belongs to the JavaScript thread, which reads and writes it without blocking. What takes time
//! (names, the connect race, handshakes, the last flush) owns the transport on the tokio thread and hands it back in an
//! [`Event`](runtime::Event). Nothing of a connection is shared but the queues of a task
//! that reads [`ahead`], whose lock is held for a copy only.

pub mod advice;
pub mod ahead;
pub mod attempt;
pub mod base64;
// Tests and fuzzers have no Node process to link to.
#[cfg(not(any(test, feature = "fuzzing")))]
pub mod binding;
pub mod close;
pub mod code;
pub mod config;
pub mod configs;
pub mod connection;
pub mod counters;
pub mod dial;
pub mod endpoint;
pub mod error;
#[cfg(unix)]
pub mod exit;
pub mod happy_eyeballs;
pub mod inject;
pub mod journey;
pub mod lookup;
pub mod notify;
pub mod panics;
pub mod pem;
pub mod policy;
pub mod printable;
pub mod proxy;
pub mod queued;
pub mod round_trip;
pub mod runtime;
pub mod session;
pub mod staged;
pub mod target;
pub mod tls;
pub mod transport;
pub mod trust;
pub mod unix;
pub mod verify;

// Outside src because they are many, and inside the crate because a test of their own could not be linked.
#[cfg(test)]
#[path = "../tests/connection/mod.rs"]
mod connection_tests;
