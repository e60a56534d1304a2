//! A plain connection to an address, under way on the thread that asked for it: without a name to look up or a handshake to run,
//! a hop to another thread and back would be most of the work.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::task::AbortHandle;

use crate::{
    config::Tuning,
    endpoint::Endpoint,
    error::Error,
    inject,
    journey::Timings,
    notify::{Interest, Notifier, Notify, Unbound, Watched},
    runtime::{Environment, Event},
    transport::Info,
};

/// A connection under way.
#[derive(Debug)]
pub struct Attempt {
    address: SocketAddr,
    stream: Watched,
    begun: Instant,
    deadline: Option<Deadline>,
}

/// Tells when the time for an attempt is over, unless it is dropped before.
#[derive(Debug)]
pub struct Deadline {
    task: AbortHandle,
    whole: Duration,
}

impl Deadline {
    /// Begins to wait. `whole` is the time that messages speak of.
    ///
    /// # Errors
    /// [`Error::Runtime`]
    pub fn start(
        environment: &Arc<Environment>,
        id: u32,
        after: Duration,
        whole: Duration,
    ) -> Result<Self, Error> {
        let told = Arc::clone(environment);
        let task = environment.spawn("deadline", id, async move {
            tokio::time::sleep(after).await;
            told.push(id, Event::Late);
        })?;
        Ok(Self { task, whole })
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Attempt {
    /// Begins. It is writable once it is known how it went. `target` is for messages.
    ///
    /// # Errors
    /// [`Error::Connect`]
    pub fn begin(
        address: SocketAddr,
        tuning: &Tuning,
        notifier: &Notifier,
        id: u32,
        deadline: Option<Deadline>,
        target: &str,
    ) -> Result<Self, Error> {
        let begun = Instant::now();
        connecting(address, tuning)
            .and_then(|socket| notifier.watch(Unbound::Free(socket.into()), id))
            .map_err(|error| refused(target, address, error))
            .map(|stream| {
                stream.watch(Interest::Writable);
                Self { address, stream, begun, deadline }
            })
    }

    /// Why it is given up, when its time is over.
    #[must_use]
    pub fn late(&self, target: &str) -> Error {
        let after = self.deadline.as_ref().map(|deadline| deadline.whole).unwrap_or_default();
        let phase = format!("connecting (tried {})", self.address);
        Error::TimedOut { target: target.to_owned(), phase, after }
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn timings(&self) -> Timings {
        Timings { connect: Some(self.begun.elapsed()), ..Timings::default() }
    }

    /// How it went.
    ///
    /// # Errors
    /// [`Error::Connect`]
    pub fn finish(self, target: &str) -> Result<(Watched, Info), Error> {
        let timings = self.timings();
        let Self { address, stream, .. } = self;
        match stream.take_error().map_or_else(|| stream.local_addr(), Err) {
            Ok(local) => {
                let info = Info {
                    local: Endpoint::Ip(local),
                    remote: Endpoint::Ip(address),
                    alpn: None,
                    timings,
                    tunnel: None,
                };
                Ok((stream, info))
            }
            Err(error) => Err(refused(target, address, error)),
        }
    }
}

fn connecting(address: SocketAddr, tuning: &Tuning) -> io::Result<Socket> {
    inject::system("attempt.socket")?;
    // Two calls of the system less where it can be asked for at once.
    #[cfg(target_os = "linux")]
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    #[cfg(not(target_os = "linux"))]
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(true)?;
    tuning.apply(&SockRef::from(&socket))?;
    match inject::system("attempt.connect").and_then(|()| socket.connect(&address.into())) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(socket),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    let in_progress = error.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let in_progress = error.kind() == io::ErrorKind::WouldBlock;
    in_progress
}

fn refused(target: &str, address: SocketAddr, error: io::Error) -> Error {
    Error::Connect { target: target.to_owned(), attempts: vec![(address.into(), Arc::new(error))] }
}
