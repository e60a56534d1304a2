//! What the process has used so far.

use std::{io, time::Instant};

use cpu_time::ProcessTime;

/// A point in time, to measure from.
pub(crate) struct Start {
    now: Instant,
    cpu: ProcessTime,
}

/// What was used since.
pub(crate) struct Spent {
    /// Wall time.
    pub(crate) seconds: f64,
    /// Of all threads together, user and system.
    pub(crate) cpu_s: f64,
}

impl Start {
    pub(crate) fn now() -> Self {
        Self { now: Instant::now(), cpu: ProcessTime::now() }
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent { seconds: self.now.elapsed().as_secs_f64(), cpu_s: self.cpu.elapsed().as_secs_f64() }
    }
}

/// The resident memory of the process, in bytes.
///
/// # Errors
/// If the system does not say.
pub(crate) fn resident() -> io::Result<usize> {
    let memory =
        memory_stats::memory_stats().ok_or_else(|| io::Error::other("resident memory is unknown"))?;
    Ok(memory.physical_mem)
}

/// A number for a ratio. Counts are far below the 2^53 from where on `f64` is not exact.
#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
pub(crate) fn ratio(count: u64, of: f64) -> f64 {
    count as f64 / of
}
