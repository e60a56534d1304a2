//! The peer of wintersock's benchmark, in two parts:
//!
//! - `wintersock-bench-peer serve`: the servers that every subject talks to.
//! - `wintersock-bench-peer client`: the same jobs as the other subjects do, without JavaScript. That is the limit.

mod certificates;
mod client;
mod content;
mod edge;
mod reactor;
mod serve;
mod service;
mod tls;
mod wire;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

const USAGE: &str = "usage: wintersock-bench-peer serve | client [<job as JSON>]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["serve"] => serve::serve(),
        ["client"] => client::run(),
        ["client", job] => client::say(&client::answer(job)),
        _ => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says on stderr what went wrong. If even that fails there is nobody left to tell.
fn fail(error: &io::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "wintersock-bench-peer: {error}");
    ExitCode::FAILURE
}
