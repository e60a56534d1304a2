//! Connections that are opened and closed, and nothing else.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    job::Job,
    link::Dialler,
    usage::{Start, ratio},
};
use crate::wire::Scratch;

/// How many connections are made at most without a break. The side that closes first keeps the port for a second, at least,
/// and without a free one among the first 14,000 (on Linux) connecting takes a hundred times as long. Only this client is
/// quick enough to get there.
const STREAK: u64 = 10_000;
/// How long it takes until the ports can be used again.
const BREAK: Duration = Duration::from_millis(1200);

/// How many connections can be opened, and closed in an orderly way, in a second: `sockets` at the same time
/// (`connects_per_s`), and one after the other.
///
/// # Errors
/// If a connection fails, or its session is not resumed where it has to be.
pub(crate) fn connect(job: &Job) -> io::Result<Value> {
    let dialler = Dialler::new(job)?;
    let pause = || {
        if !job.tls {
            thread::sleep(BREAK);
        }
    };
    concurrently(&dialler, job, job.end_of_warming())?;
    pause();
    let start = Start::now();
    let together = concurrently(&dialler, job, job.end(0.5))?;
    let spent = start.spent();
    pause();
    let start = Start::now();
    let single = connects(&dialler, job, job.end(0.5), STREAK, job.tls && job.resumed)?;
    let alone = start.spent();
    Ok(json!({
        "connects_per_s": ratio(together, spent.seconds),
        "sequential_connects_per_s": ratio(single, alone.seconds),
        "cpu_us_per_connect": spent.cpu_s * 1e6 / ratio(together, 1.0),
        "cpu_s": spent.cpu_s,
    }))
}

/// With a thread for each of the job's sockets: with a single processor that is cheaper than asking for readiness. Many at
/// once may find no session to resume at first: each serves one connection, and few are kept for a host.
fn concurrently(dialler: &Dialler, job: &Job, end: Instant) -> io::Result<u64> {
    let most = STREAK.div_ceil(job.sockets as u64);
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..job.sockets).map(|_| scope.spawn(|| connects(dialler, job, end, most, false))).collect();
        let mut made = 0;
        for thread in threads {
            made += thread.join().map_err(|_| io::Error::other("a thread panicked"))??;
        }
        Ok(made)
    })
}

/// One after the other until `end`, or until there were `most`: how many. `resumed`: each has to be.
fn connects(dialler: &Dialler, job: &Job, end: Instant, most: u64, resumed: bool) -> io::Result<u64> {
    let mut scratch = Scratch::new();
    let mut made = 0;
    loop {
        let link = dialler.open(job.ports.echo, &mut scratch)?;
        if resumed && !link.is_resumed() {
            return Err(io::Error::other("the server did not resume the session"));
        }
        link.close(&mut scratch)?;
        made += 1;
        if made >= most || Instant::now() >= end {
            return Ok(made);
        }
    }
}
