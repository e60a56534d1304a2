//! From a target to an established transport: names, the connect race, the handshake.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::{
    net::{TcpSocket, TcpStream},
    task::AbortHandle,
};

use crate::{
    error::{Error, Lookup},
    happy_eyeballs,
    notify::{Tell, Watched},
    runtime::{self, Completion, Environment, Event},
    tls::Handshake,
    transport::{Established, Info, Transport},
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

/// Runs the handshake, if there is one, and makes the transport.
///
/// # Errors
/// What the handshake fails with.
pub async fn secure(
    listener: Arc<dyn Tell>,
    id: u32,
    stream: TcpStream,
    handshake: Option<Handshake>,
    target: &Target,
) -> Result<Established, Error> {
    let broken =
        |source| Error::Io { operation: "connect", target: target.text.clone(), source: Arc::new(source) };
    let local = stream.local_addr().map_err(broken)?;
    let Some(handshake) = handshake else {
        let transport = Transport::Tcp(Watched::new(stream, listener, id));
        return Ok(Established { transport, info: Info { local, alpn: None } });
    };
    let (stream, session) = handshake.run(stream, &target.text).await?;
    let alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let transport = Transport::tls(Watched::new(stream, listener, id), session);
    Ok(Established { transport, info: Info { local, alpn } })
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
