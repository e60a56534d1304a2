//! What is to be measured.

use std::{
    io,
    time::{Duration, Instant},
};

use serde::Deserialize;

/// A job, as all subjects get it.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) workload: Workload,
    #[serde(default)]
    pub(crate) tls: bool,
    /// Whether every TLS session has to be resumed. They are anyway, where the server offers it.
    #[serde(default)]
    pub(crate) resumed: bool,
    pub(crate) host: String,
    pub(crate) ports: Ports,
    /// PEM: what to trust. Needed with TLS.
    #[serde(default)]
    pub(crate) ca: String,
    /// Bytes of a message, or of one write.
    #[serde(default = "Job::default_size")]
    pub(crate) size: usize,
    /// Bytes of one bulk transfer. They are repeated until the time is over.
    #[serde(default = "Job::default_bytes")]
    pub(crate) bytes: u64,
    /// How long to measure, after warming up.
    #[serde(default = "Job::default_seconds")]
    seconds: f64,
    /// Connections, or connects under way at the same time.
    #[serde(default = "Job::default_sockets")]
    pub(crate) sockets: usize,
}

/// The workloads that need no database.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    Roundtrip,
    Download,
    Upload,
    Connect,
    Pingpong,
    Idle,
}

/// Where the servers are. A job needs one of them.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Ports {
    #[serde(default)]
    pub(crate) echo: u16,
    #[serde(default)]
    pub(crate) source: u16,
    #[serde(default)]
    pub(crate) sink: u16,
}

impl Job {
    /// A job from its JSON.
    ///
    /// # Errors
    /// If it is none, or none that can be measured.
    pub(crate) fn parse(json: &str) -> io::Result<Self> {
        let job: Self = serde_json::from_str(json)?;
        if job.size == 0 || job.bytes == 0 || job.sockets == 0 {
            return Err(io::Error::other("size, bytes and sockets have to be above 0"));
        }
        Duration::try_from_secs_f64(job.seconds).map_err(io::Error::other)?;
        Ok(job)
    }

    /// When what begins now is over, if it is to take this share of the time.
    pub(crate) fn end(&self, share: f64) -> Instant {
        Instant::now() + Duration::from_secs_f64(self.seconds * share)
    }

    /// When the warm-up is over that begins now.
    pub(crate) fn end_of_warming(&self) -> Instant {
        self.end(0.4)
    }

    fn default_size() -> usize {
        64
    }

    fn default_bytes() -> u64 {
        64 << 20
    }

    fn default_seconds() -> f64 {
        1.0
    }

    fn default_sockets() -> usize {
        1
    }
}
