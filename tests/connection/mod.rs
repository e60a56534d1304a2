//! Connections of the native half against real servers, without JavaScript.

mod ahead;
mod handshake;
mod harness;
mod plain;
mod secure;
mod session;
