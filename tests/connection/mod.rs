//! Connections of the native half against real servers, without JavaScript.

mod harness;
mod plain;
mod secure;
