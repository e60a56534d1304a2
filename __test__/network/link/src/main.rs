//! Two network namespaces of this process's own, and the line between them, which can be as bad as one likes:
//!
//! `wintersock-bad-line own|netem [seed=<number>] [impatient]`
//!
//! `own`: the line is this program, between two TUN devices. `netem`: it is a pair of veth devices with that queueing discipline.
//! `impatient`: the system gives up what is not answered after seconds, not minutes.
//!
//! The first line on stdout has the paths of both namespaces, for `nsenter --net=<path>`. Each line on stdin is a command and
//! answered by a line `ok ...` or `error ...`. When stdin ends, so does the program. The namespaces have no name: they are gone with
//! the last process that is in them.

#[cfg(target_os = "linux")]
mod carry;
#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod dice;
#[cfg(target_os = "linux")]
mod flows;
#[cfg(target_os = "linux")]
mod icmp;
#[cfg(target_os = "linux")]
mod line;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod netem;
#[cfg(target_os = "linux")]
mod packet;
#[cfg(target_os = "linux")]
mod road;
#[cfg(target_os = "linux")]
mod tun;

use std::{
    io::{self, Write},
    process::ExitCode,
};

#[cfg(target_os = "linux")]
fn run() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seed = arguments.iter().find_map(|argument| argument.strip_prefix("seed="));
    let seed = seed.map_or(Ok(0), str::parse).map_err(io::Error::other)?;
    let impatient = arguments.iter().any(|argument| argument == "impatient");
    match arguments.first().map(String::as_str) {
        Some("own") => carry::run(seed, impatient),
        Some("netem") => netem::run(impatient),
        _ => Err(io::Error::other("usage: wintersock-bad-line own|netem [seed=<number>] [impatient]")),
    }
}

#[cfg(not(target_os = "linux"))]
fn run() -> io::Result<()> {
    Err(io::Error::other("there are no network namespaces on this system"))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If even that fails there is nobody left to tell.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
