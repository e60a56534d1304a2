//! A connection's life: dial, read, write, shutdown, close, `start_tls`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpSocket, TcpStream},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    error::Error,
    happy_eyeballs,
    notify::{Interest, Notify, Watched},
    runtime::{Completion, Environment, Event},
    tls::Handshake,
    transport::{Broken, Read, Transport},
};

/// How long a close goes on flushing, and then listening for the peer's end.
const CLOSE_BOUND: Duration = Duration::from_secs(1);

/// Where to connect.
#[derive(Clone, Debug)]
pub struct Target {
    /// A name or an IP address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// `host:port` as the caller wrote it, for messages.
    pub text: String,
}

/// A transport that has just been established.
#[derive(Debug)]
pub struct Established {
    transport: Transport,
    info: Info,
}

/// What is known of an established connection.
#[derive(Clone, Debug)]
pub struct Info {
    /// The local endpoint.
    pub local: SocketAddr,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
}

/// Each state owns what is usable in it.
#[derive(Debug)]
enum State {
    /// A task dials or runs a handshake; it owns the transport.
    Connecting(AbortHandle),
    /// The JavaScript thread owns the transport.
    Open { transport: Transport, write: WriteSide, info: Info },
    /// A task flushes and listens for the peer's end; it owns the transport.
    Closing,
    /// Nothing is left.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteSide {
    Open,
    /// The end is announced, but not all is flushed.
    Ending,
    Ended,
}

/// What became of a read, a write or a shutdown.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes, or done.
    Done(usize),
    /// The peer has ended its side.
    End,
    /// Nothing now: an event will come.
    Wait,
    /// See [`Connection::failure`].
    Failed,
}

/// What the environment is told of an event, once the connection has taken what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Try to read again.
    Readable,
    /// Try to write again.
    Writable,
    /// The connection is open.
    Opened,
    /// It is not going to open: see [`Connection::failure`].
    Failed,
    /// The last flush after a close is done.
    Closed,
}

/// One connection, as the JavaScript thread holds it. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    id: u32,
    environment: Arc<Environment>,
    target: Target,
    state: State,
    failure: Option<Error>,
}

impl Connection {
    /// Starts to connect: TCP, then TLS if there is a handshake.
    ///
    /// # Errors
    /// [`Error::Runtime`] if the I/O thread cannot be started.
    pub fn dial(
        environment: Arc<Environment>,
        id: u32,
        target: Target,
        handshake: Option<Handshake>,
    ) -> Result<Self, Error> {
        let (shared, asked) = (Arc::clone(&environment), target.clone());
        let task = establish(&environment, id, async move {
            let stream = dial(&asked).await?;
            secure(shared, id, stream, handshake, &asked).await
        })?;
        Ok(Self { id, environment, target, state: State::Connecting(task), failure: None })
    }

    /// Upgrades an open plain connection to TLS. An [`Told::Opened`] or [`Told::Failed`] follows.
    ///
    /// # Errors
    /// [`Error::State`] if it is not open, not plain, or its write side has ended.
    pub fn start_tls(&mut self, handshake: Handshake) -> Result<(), Error> {
        let refused = Error::State("only an open plain connection can be upgraded to TLS");
        let State::Open { transport: Transport::Tcp(_), write: WriteSide::Open, .. } = self.state else {
            return Err(refused);
        };
        let State::Open { transport, .. } = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(refused);
        };
        let stream = transport.into_plain().map_err(|_| refused)?;
        let (shared, target, id) = (Arc::clone(&self.environment), self.target.clone(), self.id);
        let task = establish(&self.environment, id, async move {
            secure(shared, id, stream, Some(handshake), &target).await
        })?;
        self.failure = None;
        self.state = State::Connecting(task);
        Ok(())
    }

    /// Takes what an event brings. `None`: it concerns nobody any more.
    pub fn settle(&mut self, event: Event) -> Option<Told> {
        match (event, &mut self.state) {
            (Event::Opened(established), State::Connecting(_)) => {
                let Established { transport, info } = *established;
                self.state = State::Open { transport, write: WriteSide::Open, info };
                Some(Told::Opened)
            }
            (Event::Failed(error), State::Connecting(_)) => {
                self.failure = Some(error);
                self.state = State::Closed;
                Some(Told::Failed)
            }
            (Event::Readable, State::Open { .. }) => Some(Told::Readable),
            // What TLS still holds goes first. An error comes up with the next write.
            (Event::Writable, State::Open { transport, .. }) => {
                (!matches!(transport.flush(), Ok(false))).then_some(Told::Writable)
            }
            (Event::Closed | Event::Failed(_), State::Closing) => {
                self.state = State::Closed;
                Some(Told::Closed)
            }
            _ => None,
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> Progress {
        self.receive(|transport| transport.read(buffer))
    }

    /// Whether there is something to read, without taking it.
    pub fn peek(&mut self) -> Progress {
        self.receive(Transport::peek)
    }

    fn receive(&mut self, read: impl FnOnce(&mut Transport) -> Result<Read, Broken>) -> Progress {
        let State::Open { transport, .. } = &mut self.state else { return Progress::Wait };
        match read(transport) {
            Ok(Read::Data(length)) => Progress::Done(length),
            Ok(Read::Wait) => Progress::Wait,
            // The system tells a reset once. If a write was told, the read must not take it for a proper end.
            Ok(Read::End) if self.failure.as_ref().is_some_and(|f| f.code() == "ECONNRESET") => {
                Progress::Failed
            }
            Ok(Read::End) => Progress::End,
            Err(broken) => self.fail("read", broken),
        }
    }

    /// Writes what is taken now. Less than all: an event will come.
    pub fn write(&mut self, data: &[u8]) -> Progress {
        let State::Open { transport, write: WriteSide::Open, .. } = &mut self.state else {
            return Progress::Failed;
        };
        match transport.write(data) {
            Ok(taken) => Progress::Done(taken),
            Err(broken) => self.fail("write", broken),
        }
    }

    /// Ends the write side: TLS `close_notify`, then FIN. Call again when told that it is writable.
    pub fn shutdown(&mut self) -> Progress {
        let State::Open { transport, write, .. } = &mut self.state else { return Progress::Done(0) };
        if *write == WriteSide::Open {
            transport.announce_end();
            *write = WriteSide::Ending;
        }
        if *write == WriteSide::Ending {
            match transport.finish() {
                Ok(true) => *write = WriteSide::Ended,
                Ok(false) => return Progress::Wait,
                Err(broken) => return self.fail("write", broken),
            }
        }
        Progress::Done(0)
    }

    fn fail(&mut self, operation: &'static str, broken: Broken) -> Progress {
        let target = self.target.text.clone();
        let error = match broken {
            Broken::Io(source) => Error::Io { operation, target, source: Arc::new(source) },
            Broken::Tls(source) => Error::Tls { target, handshaking: false, source },
            Broken::Truncated => Error::Truncated { target },
        };
        // What broke first says most.
        self.failure.get_or_insert(error);
        Progress::Failed
    }

    /// Closes. An open transport is flushed and ended by a task, for a second at most; [`Told::Closed`] follows. Returns
    /// whether that is so; otherwise the connection is closed now.
    pub fn close(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => task.abort(),
            State::Open { transport, write, .. } => {
                let completion = Completion::new(Arc::clone(&self.environment), self.id);
                let drained = drain(transport, write, completion);
                if self.environment.spawn(drained).is_ok() {
                    self.state = State::Closing;
                }
            }
            State::Closing => self.state = State::Closing,
            State::Closed => {}
        }
        matches!(self.state, State::Closing)
    }

    /// Closes at once, without a flush.
    pub fn abort(&mut self) {
        if let State::Connecting(task) = std::mem::replace(&mut self.state, State::Closed) {
            task.abort();
        }
    }

    /// Whether something is still going on: a reason to keep the process alive.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// What is known of it while it is open.
    #[must_use]
    pub fn info(&self) -> Option<&Info> {
        match &self.state {
            State::Open { info, .. } => Some(info),
            _ => None,
        }
    }

    /// What broke first.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Hostname and port as asked for.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

fn establish(
    environment: &Arc<Environment>,
    id: u32,
    work: impl Future<Output = Result<Established, Error>> + Send + 'static,
) -> Result<AbortHandle, Error> {
    let completion = Completion::new(Arc::clone(environment), id);
    environment.spawn(async move {
        completion.tell(match work.await {
            Ok(established) => Event::Opened(Box::new(established)),
            Err(error) => Event::Failed(error),
        });
    })
}

async fn dial(target: &Target) -> Result<TcpStream, Error> {
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
        let found = dns_lookup::getaddrinfo(Some(&host), None, Some(hints)).map_err(|error| {
            (matches!(error.kind(), dns_lookup::LookupErrorKind::Again), std::io::Error::from(error))
        })?;
        Ok(found
            .filter_map(Result::ok)
            .map(|info| {
                let mut address = info.sockaddr;
                address.set_port(port);
                address
            })
            .collect::<Vec<_>>())
    });
    let unresolved = |temporary, detail| Error::Resolve { host: target.host.clone(), temporary, detail };
    match lookup.await {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(unresolved(false, "no addresses".into())),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err((temporary, error))) => Err(unresolved(temporary, error.to_string())),
        Err(lost) => Err(Error::Internal(lost.to_string())),
    }
}

async fn secure(
    environment: Arc<Environment>,
    id: u32,
    stream: TcpStream,
    handshake: Option<Handshake>,
    target: &Target,
) -> Result<Established, Error> {
    let broken =
        |source| Error::Io { operation: "connect", target: target.text.clone(), source: Arc::new(source) };
    let local = stream.local_addr().map_err(broken)?;
    let Some(handshake) = handshake else {
        let transport = Transport::Tcp(Watched::new(stream, environment, id));
        return Ok(Established { transport, info: Info { local, alpn: None } });
    };
    let (stream, session) = handshake.run(stream, &target.text).await?;
    let alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let transport = Transport::tls(Watched::new(stream, environment, id), session);
    Ok(Established { transport, info: Info { local, alpn } })
}

/// Flushes, ends the write side, and listens for the peer's end for a while: closing a TCP socket with unread data makes
/// the kernel send RST, which may destroy at the peer what has just been flushed. `closed` does not wait for that.
async fn drain(mut transport: Transport, write: WriteSide, completion: Completion) {
    let done = write == WriteSide::Ended
        || matches!(timeout(CLOSE_BOUND, end(&mut transport, write)).await, Ok(Ok(())));
    completion.tell(Event::Closed);
    if done {
        let _ = timeout(CLOSE_BOUND, discard(transport.stream())).await;
    }
}

async fn end(transport: &mut Transport, write: WriteSide) -> Result<(), Broken> {
    if write == WriteSide::Open {
        transport.announce_end();
    }
    while !transport.finish()? {
        transport.stream().ready(Interest::Writable).await?;
    }
    Ok(())
}

async fn discard(stream: &Watched) -> std::io::Result<()> {
    let mut unread = [0; 4096];
    loop {
        match stream.try_read(&mut unread) {
            Ok(0) => return Ok(()),
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                stream.ready(Interest::Readable).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
