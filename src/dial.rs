//! From a target to an established transport: names, the connect race, the handshake.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::AbortHandle,
};

use crate::{
    error::{Error, Lookup},
    happy_eyeballs,
    notify::{Interest, Notifier, Notify, Unbound, Watched},
    runtime::{self, Completion, Environment, Event},
    tls::Handshake,
    transport::{Established, Info},
};

/// Where to connect.
#[derive(Clone, Debug)]
pub struct Target {
    /// A name or an IP address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// `host:port`, for messages.
    pub text: String,
}

/// Resolves and connects.
///
/// # Errors
/// [`Error::Resolve`] or [`Error::Connect`].
///
/// # Cancel safety
/// Dropping the future drops every attempt. A name look-up that is under way ends on its own thread.
pub async fn dial(target: &Target) -> Result<TcpStream, Error> {
    let addresses = happy_eyeballs::order(resolve(target).await?);
    happy_eyeballs::race(addresses, |address| async move {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Without it, drivers that write twice per query wait for the peer's delayed acknowledgement: 44 ms.
        socket.set_nodelay(true)?;
        socket.connect(address).await
    })
    .await
    .map_err(|attempts| Error::Connect { target: target.text.clone(), attempts })
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Error> {
    let port = target.port;
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = target.host.clone();
    let lookup = tokio::task::spawn_blocking(move || {
        let hints = dns_lookup::AddrInfoHints {
            socktype: dns_lookup::SockType::Stream.into(),
            ..dns_lookup::AddrInfoHints::default()
        };
        let found = dns_lookup::getaddrinfo(Some(&host), None, Some(hints))
            .map_err(|error| (reason(error.kind()), std::io::Error::from(error)))?;
        Ok(found
            .filter_map(Result::ok)
            .map(|info| {
                let mut address = info.sockaddr;
                address.set_port(port);
                address
            })
            .collect::<Vec<_>>())
    });
    let unresolved = |reason, detail| Error::Resolve { target: target.text.clone(), reason, detail };
    match lookup.await {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(unresolved(Lookup::Unknown, "no addresses".into())),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err((reason, error))) => Err(unresolved(reason, error.to_string())),
        Err(lost) => Err(Error::Internal(lost.to_string())),
    }
}

fn reason(kind: dns_lookup::LookupErrorKind) -> Lookup {
    use dns_lookup::LookupErrorKind as Kind;
    match kind {
        Kind::NoName | Kind::NoData => Lookup::Unknown,
        Kind::Again => Lookup::Temporary,
        _ => Lookup::Failed,
    }
}

/// Runs the handshake, if there is one.
///
/// # Errors
/// What the handshake fails with.
pub async fn secure(
    stream: TcpStream,
    handshake: Option<Handshake>,
    target: &Target,
) -> Result<Established, Error> {
    let broken =
        |source| Error::Io { operation: "connect", target: target.text.clone(), source: Arc::new(source) };
    let local = stream.local_addr().map_err(broken)?;
    let Some(handshake) = handshake else {
        return Ok(Established {
            stream: Unbound::Registered(stream),
            tls: None,
            info: Info { local, alpn: None },
        });
    };
    let (stream, session) = handshake.run(stream, &target.text).await?;
    let alpn = session.alpn();
    let tls = Some(Box::new(session));
    Ok(Established { stream: Unbound::Registered(stream), tls, info: Info { local, alpn } })
}

/// A plain connection to an address, under way on the thread that asked for it: without a name to look up or a handshake to run,
/// a hop to another thread and back would be most of the work.
#[derive(Debug)]
pub struct Attempt {
    address: SocketAddr,
    stream: Watched,
}

impl Attempt {
    /// Begins, if the target is an address and the thread has a loop of its own. It is writable once it is known how it went.
    pub fn begin(target: &Target, notifier: &Notifier, id: u32) -> Option<Result<Self, Error>> {
        if !notifier.is_own_thread() {
            return None;
        }
        let address = SocketAddr::new(target.host.parse().ok()?, target.port);
        let begun = connecting(address).and_then(|socket| notifier.watch(Unbound::Free(socket.into()), id));
        Some(begun.map_err(|error| refused(target, address, error)).map(|stream| {
            stream.watch(Interest::Writable);
            Self { address, stream }
        }))
    }

    /// How it went.
    ///
    /// # Errors
    /// [`Error::Connect`]
    pub fn finish(self, target: &Target) -> Result<(Watched, Info), Error> {
        let Self { address, stream } = self;
        match stream.take_error().map_or_else(|| stream.local_addr(), Err) {
            Ok(local) => Ok((stream, Info { local, alpn: None })),
            Err(error) => Err(refused(target, address, error)),
        }
    }
}

fn connecting(address: SocketAddr) -> io::Result<Socket> {
    // Two calls of the system less where it can be asked for at once.
    #[cfg(target_os = "linux")]
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    #[cfg(not(target_os = "linux"))]
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(true)?;
    // As in `dial`.
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
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

fn refused(target: &Target, address: SocketAddr, error: io::Error) -> Error {
    Error::Connect { target: target.text.clone(), attempts: vec![(address.into(), Arc::new(error))] }
}

/// Runs what establishes the connection `id` as a task, and tells how it went. `None`: there is no thread to run it, and that
/// is told.
pub fn establish(
    environment: &Arc<Environment>,
    id: u32,
    work: impl Future<Output = Result<Established, Error>> + Send + 'static,
) -> Option<AbortHandle> {
    let completion = Completion::new(Arc::clone(environment), id);
    if let Err(error) = runtime::start() {
        completion.tell(Event::Failed(error));
        return None;
    }
    let task = environment.spawn(async move {
        completion.tell(match work.await {
            Ok(established) => Event::Opened(Box::new(established)),
            Err(error) => Event::Failed(error),
        });
    });
    task.ok()
}
