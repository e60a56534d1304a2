//! A message there and back, one at a time.

use std::{
    io,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    job::Job,
    link::{Dialler, Link},
    usage::{Start, ratio},
};
use crate::wire::Scratch;

/// How long one round takes.
///
/// # Errors
/// If a connection fails.
pub(crate) fn roundtrip(job: &Job) -> io::Result<Value> {
    let mut scratch = Scratch::new();
    let mut link = Dialler::new(job)?.open(job.ports.echo, &mut scratch)?;
    let message = vec![0; job.size];
    let mut round = |link: &mut Link| {
        link.send(&message, &mut scratch)?;
        link.receive(message.len() as u64, &mut scratch)
    };

    let warm = job.end_of_warming();
    while Instant::now() < warm {
        round(&mut link)?;
    }
    let mut times: Vec<Duration> = Vec::with_capacity(1 << 20);
    let start = Start::now();
    let end = job.end(1.0);
    let mut last = Instant::now();
    while last < end {
        round(&mut link)?;
        let now = Instant::now();
        times.push(now - last);
        last = now;
    }
    let spent = start.spent();
    link.close(&mut scratch)?;

    let rounds = times.len() as u64;
    times.sort_unstable();
    let quantile = |percent: usize| {
        let index = times.len().saturating_sub(1) * percent / 100;
        times.get(index).map(|time| time.as_secs_f64() * 1e6)
    };
    Ok(json!({
        "p50_us": quantile(50),
        "p99_us": quantile(99),
        "mean_us": spent.seconds * 1e6 / ratio(rounds, 1.0),
        "rounds_per_s": ratio(rounds, spent.seconds),
        "cpu_s": spent.cpu_s,
    }))
}
