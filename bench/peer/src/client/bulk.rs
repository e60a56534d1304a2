//! Much data in one direction over one connection.

use std::{io, time::Instant};

use serde_json::{Value, json};

use super::{
    job::Job,
    link::{Dialler, Link},
    usage::{Start, ratio},
};
use crate::wire::Scratch;

/// Small writes are sent together once they are this many bytes.
const TOGETHER: usize = 64 * 1024;

/// How fast and how cheaply data is received.
///
/// # Errors
/// If a connection fails.
pub(crate) fn download(job: &Job) -> io::Result<Value> {
    repeat(job, job.ports.source, |link, scratch| {
        link.send(&job.bytes.to_le_bytes(), scratch)?;
        link.receive(job.bytes, scratch)
    })
}

/// How fast and how cheaply data is sent, in writes of the job's size. Small ones go through a buffer, as anyone would
/// do it.
///
/// # Errors
/// If a connection fails.
pub(crate) fn upload(job: &Job) -> io::Result<Value> {
    let chunk = vec![0; job.size];
    let mut buffer: Vec<u8> = Vec::with_capacity(TOGETHER + job.size);
    repeat(job, job.ports.sink, |link, scratch| {
        link.send(&job.bytes.to_le_bytes(), scratch)?;
        let mut missing = job.bytes;
        while missing > 0 {
            let length = usize::try_from(missing).unwrap_or(usize::MAX).min(chunk.len());
            missing -= length as u64;
            if length >= TOGETHER {
                link.send(&chunk[..length], scratch)?;
                continue;
            }
            buffer.extend_from_slice(&chunk[..length]);
            if buffer.len() >= TOGETHER || missing == 0 {
                link.send(&buffer, scratch)?;
                buffer.clear();
            }
        }
        link.receive(1, scratch)
    })
}

/// Does `transfer` of the job's bytes until its time is over, after a warm-up.
fn repeat(
    job: &Job,
    port: u16,
    mut transfer: impl FnMut(&mut Link, &mut Scratch) -> io::Result<()>,
) -> io::Result<Value> {
    let mut scratch = Scratch::new();
    let mut link = Dialler::new(job)?.open(port, &mut scratch)?;
    let mut transfers = |end: Instant| {
        let mut made = 0;
        loop {
            transfer(&mut link, &mut scratch)?;
            made += 1;
            if Instant::now() >= end {
                return io::Result::Ok(made);
            }
        }
    };
    transfers(job.end_of_warming())?;
    let start = Start::now();
    let total = transfers(job.end(1.0))? * job.bytes;
    let spent = start.spent();
    link.close(&mut scratch)?;
    Ok(json!({
        "mb_per_s": ratio(total, spent.seconds * 1e6),
        "cpu_s_per_gb": spent.cpu_s / ratio(total, 1e9),
        "cpu_s": spent.cpu_s,
    }))
}
