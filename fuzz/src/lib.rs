//! What is fuzzed: each target is a function of bytes that panics if something is wrong.
//!
//! libFuzzer starts them from targets/, the tests replay the corpus through them on any compiler.

mod addresses;
mod certificates;
mod config;
mod exceptions;
mod hosts;
mod model;
mod pem;
mod policy;
mod proxy;
mod records;
mod rules;
mod seeds;
mod sides;
mod text;
mod unix;
mod wire;

pub use seeds::seeds;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Also the name of its directory in corpus/.
    pub name: &'static str,
    /// Panics if something is wrong.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 11] = [
    Target { name: "certificates", run: certificates::run },
    Target { name: "config", run: config::run },
    Target { name: "connect", run: proxy::connect },
    Target { name: "exceptions", run: exceptions::run },
    Target { name: "hosts", run: hosts::run },
    Target { name: "pem", run: pem::run },
    Target { name: "policy", run: policy::run },
    Target { name: "records", run: records::run },
    Target { name: "rules", run: rules::run },
    Target { name: "socks", run: proxy::socks },
    Target { name: "unix", run: unix::run },
];

/// Runs the target of that name.
///
/// # Panics
/// If something is wrong, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of that name").run)(data);
}
