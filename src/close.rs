//! The end of an open connection: what could not be flushed at once, FIN, and a while of listening for the peer's end.

use std::{
    io,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    notify::{Interest, LINGER, Late, Notify, Patience, Tell, Unbound, is_under_way, tokio::Watched},
    runtime::carry_on,
    session::Session,
    staged::Staged,
    transport::{Broken, Transport},
};

/// How long a close goes on flushing.
const FLUSH_BOUND: Duration = Duration::from_secs(1);

/// How far the write side has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteSide {
    /// Not at all.
    Open,
    /// The end is announced, but not all is flushed.
    Ending,
    /// FIN is sent.
    Ended,
    /// Nothing can be sent any more.
    Broken,
}

/// Nobody is told: what is left of the connection is a task's alone.
#[derive(Debug)]
struct Nobody;

impl Tell for Nobody {
    fn tell(&self, _: u32, _: Interest) {}
}

fn bind(stream: Unbound) -> io::Result<Watched> {
    Ok(Watched::new(stream.bind()?, std::sync::Arc::new(Nobody), 0))
}

/// What a closed connection still has to send.
#[derive(Debug)]
pub struct Rest {
    /// The stream.
    pub stream: Unbound,
    /// The session over it.
    pub tls: Option<Box<Session>>,
    /// What was written.
    pub staged: Staged,
    /// How far the end has come.
    pub write: WriteSide,
}

/// A transport that is reset when it is dropped: the peer must not take what it has for everything.
struct Draining(Option<Transport<Watched>>);

impl Drop for Draining {
    fn drop(&mut self) {
        if let Some(transport) = &self.0 {
            transport.stream().reset_on_close();
        }
    }
}

/// Flushes, ends the write side, and [lingers](linger). `closed` does not wait for the latter. Whoever does not get this to run leaves a stream
/// that is [reset](Notify::reset_on_close) when it is dropped.
///
/// Not `patient`: what cannot be flushed within a second is given up, and the peer gets RST instead of an end.
pub async fn drain(rest: Rest, patient: bool, closed: impl FnOnce()) {
    let Rest { stream, tls, mut staged, mut write } = rest;
    let Ok(stream) = bind(stream) else { return closed() };
    // From here on that depends on how it goes: a process that ends in between leaves the rest to the system.
    let _ = stream.socket().set_linger(None);
    let mut draining = Draining(Some(Transport::new(stream, tls)));
    let ended = async {
        while let Some(transport) = &mut draining.0 {
            if end(transport, &mut staged, &mut write)? {
                break;
            }
            transport.stream().ready(Interest::Writable).await?;
        }
        Ok::<_, Broken>(())
    };
    let bound = if patient { Duration::MAX } else { FLUSH_BOUND };
    if let Ok(Ok(())) = timeout(bound, ended).await
        && let Some(transport) = draining.0.take()
        && let Ok(stream) = transport.into_parts().0.into_stream()
    {
        // Before the process learns that it need not wait any more.
        linger(Unbound::Registered(stream));
    }
    drop(draining);
    closed();
}

/// Brings the write side as near to its end as can be done now: what is staged, TLS's `close_notify`, FIN. Whether it has ended;
/// otherwise the transport is watched.
///
/// # Errors
/// [`Broken`]
pub fn end<S: Notify>(
    transport: &mut Transport<S>,
    staged: &mut Staged,
    write: &mut WriteSide,
) -> Result<bool, Broken> {
    loop {
        match *write {
            WriteSide::Open if staged.flush(transport)? => {
                transport.announce_end();
                *write = WriteSide::Ending;
            }
            WriteSide::Ending if transport.finish()? => *write = WriteSide::Ended,
            WriteSide::Open | WriteSide::Ending => return Ok(false),
            WriteSide::Ended => return Ok(true),
            WriteSide::Broken => return Err(Broken::Io(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

/// Cancelled when the process is about to exit.
static LEAVING: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);
/// How many streams linger on the tokio thread.
static LINGERING: AtomicUsize = AtomicUsize::new(0);

/// One of [`LINGERING`].
struct Lingering;

impl Lingering {
    fn new() -> Self {
        LINGERING.fetch_add(1, Ordering::AcqRel);
        Self
    }

    async fn on(self, stream: &Watched) {
        tokio::select! {
            () = listen(stream) => {}
            () = delivered(stream) => {}
        }
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        LINGERING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Listens for the peer's end, for a while, whatever becomes of the environment. See [`LINGER`]. Where there is no thread for that, it is closed
/// at once.
pub fn linger(stream: Unbound) {
    // From now on: the process may exit before the task begins.
    let lingering = Lingering::new();
    let listening = async move {
        if let Ok(stream) = bind(stream) {
            lingering.on(&stream).await;
        }
    };
    let _ = carry_on("linger", listening);
}

/// Before the process exits: blocks until the peers of streams that linger on the tokio thread have all that was sent, `deadline` at most.
pub fn deliver(deadline: Instant) {
    LEAVING.cancel();
    while LINGERING.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits, once the process is about to exit, until the peer has everything.
async fn delivered(stream: &Watched) {
    LEAVING.cancelled().await;
    while is_under_way(&stream.socket()) {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn listen(stream: &Watched) {
    let mut discarded = false;
    let mut patience = Patience::new(&stream.socket());
    while timeout(LINGER, discard(stream, &mut discarded)).await.is_err() {
        match patience.late(&stream.socket(), discarded) {
            Late::Stay => {}
            Late::Leave => return,
            Late::Reset => return stream.reset_on_close(),
        }
    }
}

async fn discard(stream: &Watched, discarded: &mut bool) -> io::Result<()> {
    let mut unread = [0; 4096];
    loop {
        match stream.try_read(&mut unread) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                *discarded = true;
                tokio::task::yield_now().await;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.ready(Interest::Readable).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
