//! `client`: the subject without JavaScript. Each workload is done in the way that is fastest for it.

mod bulk;
mod connect;
mod job;
mod link;
mod many;
mod roundtrip;
mod usage;

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use self::job::{Job, Workload};

/// Says that it is ready, then answers each line of stdin, a job, with a line on stdout, until stdin ends.
///
/// # Errors
/// If stdin or stdout fails.
pub(crate) fn run() -> io::Result<()> {
    say(&json!({ "ready": "rust" }))?;
    for line in io::stdin().lock().lines() {
        say(&answer(&line?))?;
    }
    Ok(())
}

/// Writes a line of JSON.
///
/// # Errors
/// If stdout fails.
pub(crate) fn say(message: &Value) -> io::Result<()> {
    writeln!(io::stdout(), "{message}")
}

/// Does a job: its figures, or `error`.
pub(crate) fn answer(job: &str) -> Value {
    let figures = Job::parse(job).and_then(|job| match job.workload {
        Workload::Roundtrip => roundtrip::roundtrip(&job),
        Workload::Download => bulk::download(&job),
        Workload::Upload => bulk::upload(&job),
        Workload::Connect => connect::connect(&job),
        Workload::Pingpong => many::pingpong(&job),
        Workload::Idle => many::idle(&job),
    });
    figures.unwrap_or_else(|error| json!({ "error": error.to_string() }))
}
