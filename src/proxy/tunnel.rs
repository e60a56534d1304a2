//! TLS to a proxy: a task carries it, and the rest of the core has a plain TCP stream to that task.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest, ReadHalf, WriteHalf, split},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    inject,
    panics::{Words, caught_in},
    queued::queued,
    tls::Handshake,
};

/// Bytes that are carried at a time in each direction.
const CHUNK: usize = 32 * 1024;
/// How long nothing may come from this process before what it has sent counts as carried. The loopback delivers at once, unless the
/// system is very busy.
const QUIET: Duration = Duration::from_millis(20);
/// When a stream that does not speak is asked whether it still exists: nobody is told that one has been closed after its FIN.
const PROBES: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));

/// How long a proxy may take for what was sent before this process closed its end.
const ORPHANED: Duration = Duration::from_secs(60);

/// Runs the handshake with a proxy.
pub(super) async fn secure(
    stream: TcpStream,
    handshake: &Handshake,
    proxy: &str,
) -> Result<TlsStream<TcpStream>, Error> {
    let config = handshake.configuration().await?;
    let connected = TlsConnector::from(config).connect(handshake.server_name(), stream);
    handshake.explained(connected, &format!("the proxy {proxy}")).await
}

/// A plain stream to the other side of `secure`, and what the task that carries it said if it panicked.
pub(super) async fn dig(secure: TlsStream<TcpStream>, target: &str) -> Result<(TcpStream, Words), Error> {
    let (near, far) = pair().await.map_err(|error| Error::Connect {
        target: target.to_owned(),
        attempts: vec![(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(), Arc::new(error))],
    })?;
    let far =
        Arc::new(Far { stream: far, leaving: CancellationToken::new(), carried: AtomicBool::new(false) });
    {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|far| far.strong_count() > 0);
        all.push(Arc::downgrade(&far));
    }
    // It outlives its environment: what a worker has written before its end is carried, and then its end.
    let words = Words::default();
    let told = Arc::clone(&words);
    tokio::spawn(async move {
        // Held until that is told: its end is what the other side notices.
        let held = Arc::clone(&far);
        if let Err(what) = caught_in(inject::task("tunnel", carry(far, secure))).await {
            let _ = told.set(what);
        }
        drop(held);
    });
    Ok((near, words))
}

/// Both ends of a connection within this process.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    inject::system("tunnel.socket")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let far = accept(&listener, near.local_addr()?).await?;
    near.set_nodelay(true)?;
    tell_of_close(&near)?;
    far.set_nodelay(true)?;
    let socket = SockRef::from(&far);
    socket.set_tcp_keepalive(&PROBES)?;
    // Whatever ends the task, only a whole end looks like one.
    socket.set_linger(Some(Duration::ZERO))?;
    Ok((near, far))
}

/// The connection from `own`. Any process may have found the port in the meantime.
async fn accept(listener: &TcpListener, own: SocketAddr) -> io::Result<TcpStream> {
    loop {
        let (stream, from) = listener.accept().await?;
        if from == own {
            return Ok(stream);
        }
    }
}

/// All tunnels of the process.
static ALL: Mutex<Vec<Weak<Far>>> = Mutex::new(Vec::new());

/// Before the process exits: blocks until the system has all that was written into tunnels, `deadline` at the most, and ends what they
/// send. What is written into them afterwards is lost. Not for the end of a worker: its tunnels stay until they have done their work.
pub fn drain(deadline: Duration) {
    let all = std::mem::take(&mut *ALL.lock().unwrap_or_else(PoisonError::into_inner));
    empty(&all, deadline);
}

fn empty(tunnels: &[Weak<Far>], deadline: Duration) {
    for far in tunnels.iter().filter_map(Weak::upgrade) {
        far.leaving.cancel();
    }
    let begun = Instant::now();
    let is_waited_for = |far: Arc<Far>| !far.is_carried();
    while begun.elapsed() < deadline && tunnels.iter().filter_map(Weak::upgrade).any(is_waited_for) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The end of the pair that a tunnel's task has.
#[derive(Debug)]
struct Far {
    stream: TcpStream,
    /// The process is about to exit.
    leaving: CancellationToken,
    /// Whether all that came is with the system, its end as well; or nothing more can be.
    carried: AtomicBool,
}

/// Carries both directions until both have ended. If one breaks, both sides are reset.
async fn carry(far: Arc<Far>, secure: TlsStream<TcpStream>) {
    let (mut from_proxy, mut to_proxy) = split(secure);
    let result = {
        let up = async {
            let result = far.carry_up(&mut to_proxy).await;
            far.carried.store(true, Ordering::Release);
            result
        };
        tokio::pin!(up);
        let both = async {
            let (sent, ()) = tokio::try_join!(up.as_mut(), far.carry_down(&mut from_proxy))?;
            if !sent {
                far.delivered().await;
            }
            Ok(sent)
        };
        let ended = tokio::select! {
            ended = both => ended,
            // Nobody reads after FIN, and a reset would not be noticed.
            _ = far.stream.ready(Interest::ERROR) => Err(far.broken()),
        };
        match ended {
            // Closed after FIN: what was sent is carried on, as the system does it for streams that are closed.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !far.is_carried() => {
                timeout(ORPHANED, up).await.unwrap_or(Ok(false))
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
            ended => ended,
        }
    };
    let (proxy, _) = from_proxy.unsplit(to_proxy).into_inner();
    let whole = result.unwrap_or(false);
    let (closing, linger) = if whole { (&far.stream, None) } else { (&proxy, Some(Duration::ZERO)) };
    // Where it fails the connection is gone already.
    let _ = SockRef::from(closing).set_linger(linger);
}

impl Far {
    fn is_carried(&self) -> bool {
        self.carried.load(Ordering::Acquire)
    }

    /// How this process has left the stream: `BrokenPipe` says that FIN came first.
    fn broken(&self) -> io::Error {
        let told = self.stream.take_error().ok().flatten();
        told.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    }

    /// Whether all was taken. Otherwise the session broke: what the proxy had sent before is still to be read, and ends soon.
    async fn carry_up(&self, proxy: &mut WriteHalf<TlsStream<TcpStream>>) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = self.read(&mut chunk).await?;
            if length == 0 {
                return Ok(proxy.shutdown().await.is_ok());
            }
            if proxy.write_all(&chunk[..length]).await.is_err() || proxy.flush().await.is_err() {
                return Ok(false);
            }
        }
    }

    async fn carry_down(&self, proxy: &mut ReadHalf<TlsStream<TcpStream>>) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match proxy.read(&mut chunk).await {
                Ok(0) => break,
                Ok(length) => self.write_all(&chunk[..length]).await?,
                Err(error) => {
                    self.delivered().await;
                    return Err(error);
                }
            }
        }
        match SockRef::from(&self.stream).shutdown(Shutdown::Write) {
            // The other end was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    /// 0: this process has ended its side, or is about to exit and sends nothing more.
    async fn read(&self, chunk: &mut [u8]) -> io::Result<usize> {
        let left = async {
            self.leaving.cancelled().await;
            sleep(QUIET).await;
        };
        tokio::pin!(left);
        loop {
            tokio::select! {
                biased;
                ready = self.stream.readable() => ready?,
                () = &mut left => return Ok(0),
            }
            match self.stream.try_read(chunk) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the other end has all that was written: a reset overtakes what has not arrived.
    async fn delivered(&self) {
        while queued(&SockRef::from(&self.stream)).is_some_and(|(_, unacknowledged)| unacknowledged > 0) {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Lets the other end be told by RST that the stream was closed, after all that was sent and FIN: it cannot tell otherwise that nobody
/// reads any more.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn tell_of_close(stream: &TcpStream) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let at_once: libc::c_int = -1;
    let length = libc::socklen_t::try_from(size_of_val(&at_once)).map_err(io::Error::other)?;
    let value = (&raw const at_once).cast();
    // SAFETY: the descriptor is open as long as the stream is borrowed, and the call reads one int.
    let result =
        unsafe { libc::setsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_LINGER2, value, length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Cannot be said there. [`PROBES`] find out.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::unnecessary_wraps, reason = "as where it can be said")]
fn tell_of_close(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[path = "../../tests/proxy/tunnel.rs"]
mod tests;
