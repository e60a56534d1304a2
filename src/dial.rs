//! From a target to an established transport: names, the connect race, the proxy, the handshake.

use std::{io, net::SocketAddr, sync::Arc};

use socket2::SockRef;
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::AbortHandle,
};

use crate::{
    config::{Config, Local, Tuning},
    endpoint::Endpoint,
    error::{Error, Lookup},
    happy_eyeballs,
    inject::{self, Point},
    journey::{Journey, Phase},
    lookup::lookup,
    notify::Unbound,
    panics::Words,
    proxy::{Destination, Proxy, Through},
    runtime::{Environment, Event},
    target::{Place, Target},
    tls::Handshake,
    transport::{Established, Info},
    unix,
};

/// How many addresses a proxy is asked for in turn.
const ASKED_OF_A_PROXY: usize = 4;

/// A connection that is to be established.
#[derive(Debug)]
pub struct Dial {
    /// Where to.
    pub target: Target,
    /// How.
    pub config: Arc<Config>,
    /// TLS from the start.
    pub handshake: Option<Handshake>,
    /// Gives the addresses of the host, in place of the system.
    pub answer: Option<oneshot::Receiver<Vec<Endpoint>>>,
    /// Where it waits for another connection to close.
    pub turn: Option<Arc<Semaphore>>,
    /// How far it has come.
    pub journey: Arc<Journey>,
}

/// A stream, and where it goes.
struct Reached {
    stream: TcpStream,
    remote: Endpoint,
    /// What is left of a proxy with TLS is a stream to ourselves.
    tunnel: Option<Words>,
    local: Option<Endpoint>,
}

impl Dial {
    /// Resolves, connects, runs the handshake, in the time there is.
    ///
    /// # Errors
    /// Whatever can fail before a connection is open.
    ///
    /// # Cancel safety
    /// Dropping the future drops every attempt.
    pub async fn run(mut self) -> Result<Established, Error> {
        let journey = Arc::clone(&self.journey);
        let (whole, text) = (self.config.timeout, self.target.text.clone());
        journey.within(self.target.timeout.or(whole), whole, &text, self.establish(&journey)).await
    }

    async fn establish(&mut self, journey: &Journey) -> Result<Established, Error> {
        let permit = match self.turn.take() {
            Some(turn) => Some(wait(turn, journey).await?),
            None => None,
        };
        let config = Arc::clone(&self.config);
        let reached = match config.proxy_for(&self.target) {
            Some(proxy) => self.reach_through(proxy, journey).await?,
            None => self.reach(journey).await?,
        };
        let local = match reached.local {
            Some(local) => local,
            None => local_of(&reached.stream, &reached.remote)
                .map_err(|error| broken("connect", &self.target.text, error))?,
        };
        let info = Info {
            local,
            remote: reached.remote,
            alpn: None,
            timings: journey.end(),
            tunnel: reached.tunnel.clone(),
        };
        let secured = secure(reached.stream, self.handshake.take(), &self.target.text, info, journey).await;
        let panicked = reached.tunnel.as_ref().and_then(|words| words.get());
        let established =
            secured.map_err(|error| panicked.map_or(error, |words| Error::Internal(words.clone())))?;
        Ok(Established { permit, ..established })
    }

    async fn reach(&mut self, journey: &Journey) -> Result<Reached, Error> {
        let endpoints = match &self.target.place {
            Place::Unix(name) => vec![Endpoint::Unix(name.clone())],
            Place::Host { .. } => self.endpoints(journey).await?,
        };
        journey.enter(Phase::Connect(None));
        let (remote, stream) = self.race(endpoints, journey).await?;
        Ok(Reached { stream, remote, tunnel: None, local: None })
    }

    /// Connects to the first that accepts it.
    async fn race(
        &self,
        endpoints: Vec<Endpoint>,
        journey: &Journey,
    ) -> Result<(Endpoint, TcpStream), Error> {
        let Config { local, tuning, attempt_delay, .. } = &*self.config;
        let reachable: Vec<_> = endpoints.into_iter().filter(|endpoint| local.reaches(endpoint)).collect();
        if let (true, Some(address)) = (reachable.is_empty(), local.address) {
            return Err(Error::Option {
                code: "EADDRNOTAVAIL",
                detail: format!(
                    "connect EADDRNOTAVAIL {}: it has no address of the family of `localAddress` {address}; connect from an address of the other family",
                    self.target.text
                ),
            });
        }
        happy_eyeballs::race(happy_eyeballs::order(reachable), *attempt_delay, |endpoint| {
            journey.tries(&endpoint);
            connect(endpoint, *local, tuning.clone())
        })
        .await
        .map_err(|attempts| Error::Connect { target: self.target.text.clone(), attempts })
    }

    /// Where the target is, as far as connections may go there.
    async fn endpoints(&mut self, journey: &Journey) -> Result<Vec<Endpoint>, Error> {
        let Place::Host { host, port } = &self.target.place else { return Ok(Vec::new()) };
        if let Some(address) = self.target.literal() {
            return self.config.permitted(&self.target, vec![address.into()]);
        }
        journey.enter(Phase::Lookup(host.clone()));
        let found: Vec<Endpoint> = match self.answer.take() {
            Some(answer) => answer.await.map_err(|_| Error::Internal("nobody looks the name up".into()))?,
            None => lookup(host, *port, &self.target.text).await?.into_iter().map(Into::into).collect(),
        };
        let family = self.target.family;
        let found: Vec<_> =
            found.into_iter().filter(|endpoint| family.is_none_or(|family| family.has(endpoint))).collect();
        if found.is_empty() {
            return Err(Error::Resolve {
                target: self.target.text.clone(),
                reason: Lookup::Unknown,
                detail: "it has no address of that family".into(),
            });
        }
        self.config.permitted(&self.target, found)
    }

    async fn reach_through(&mut self, proxy: &Proxy, journey: &Journey) -> Result<Reached, Error> {
        let Place::Host { host, port } = self.target.place.clone() else { return self.reach(journey).await };
        if self.config.tells_name(proxy, &self.target) {
            let destination = Destination::Name(&host, port);
            return self.ask(proxy, destination, journey).await;
        }
        let mut endpoints = happy_eyeballs::order(self.endpoints(journey).await?);
        endpoints.truncate(ASKED_OF_A_PROXY);
        let mut refused = None;
        for endpoint in endpoints {
            let asked = if let Some(address) = endpoint.ip() {
                self.ask(proxy, Destination::Address(address), journey).await
            } else {
                // Only `resolve` of the binding gives those: the host wants it so.
                journey.enter(Phase::Connect(None));
                let raced = self.race(vec![endpoint], journey).await;
                raced.map(|(remote, stream)| Reached { stream, remote, tunnel: None, local: None })
            };
            match asked {
                Ok(reached) => return Ok(reached),
                Err(error @ Error::Proxy { code: "ERR_PROXY_REFUSED", .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| Error::Internal("no address to ask the proxy for".into())))
    }

    async fn ask(
        &self,
        proxy: &Proxy,
        destination: Destination<'_>,
        journey: &Journey,
    ) -> Result<Reached, Error> {
        let text = &self.target.text;
        let addresses = if let Ok(address) = proxy.host.parse() {
            vec![SocketAddr::new(address, proxy.port)]
        } else {
            journey.enter(Phase::Lookup(proxy.host.clone()));
            lookup(&proxy.host, proxy.port, &proxy.on_the_way_to(text)).await?
        };
        journey.enter(Phase::Connect(Some(proxy.text.clone())));
        let endpoints = addresses.into_iter().map(Into::into).collect();
        let (remote, stream) = self.race(endpoints, journey).await.map_err(|error| match error {
            Error::Connect { attempts, .. } => Error::Connect { target: proxy.on_the_way_to(text), attempts },
            other => other,
        })?;
        let local = Some(local_of(&stream, &remote).map_err(|error| broken("connect", text, error))?);
        journey.enter(Phase::Proxy(proxy.text.clone()));
        let Through { stream, tunnel } = proxy.connect(stream, destination, text).await?;
        Ok(Reached { stream, remote, tunnel, local })
    }
}

async fn wait(turn: Arc<Semaphore>, journey: &Journey) -> Result<OwnedSemaphorePermit, Error> {
    journey.enter(Phase::Turn);
    turn.acquire_owned().await.map_err(|closed| Error::Internal(closed.to_string()))
}

async fn connect(endpoint: Endpoint, local: Local, tuning: Tuning) -> io::Result<TcpStream> {
    let address = match endpoint {
        Endpoint::Ip(address) => address,
        Endpoint::Unix(name) => return unix::connect(&name).await,
    };
    inject::system("dial.socket")?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    tuning.apply(&SockRef::from(&socket))?;
    if let Some(from) = local.bound_for(&address) {
        // A port that a connection of ours has just left is not free otherwise.
        #[cfg(unix)]
        socket.set_reuseaddr(from.port() != 0)?;
        inject::system("dial.bind")?;
        socket.bind(from)?;
    }
    inject::system("dial.connect")?;
    socket.connect(address).await
}

fn local_of(stream: &TcpStream, remote: &Endpoint) -> io::Result<Endpoint> {
    match remote {
        Endpoint::Ip(_) => stream.local_addr().map(Endpoint::Ip),
        Endpoint::Unix(_) => Ok(unix::unnamed()),
    }
}

fn broken(operation: &'static str, target: &str, source: io::Error) -> Error {
    Error::Io { operation, target: target.to_owned(), source: Arc::new(source) }
}

/// Runs the handshake, if there is one, over a stream of which `info` is known.
///
/// # Errors
/// What the handshake fails with.
pub async fn secure(
    stream: TcpStream,
    handshake: Option<Handshake>,
    target: &str,
    info: Info,
    journey: &Journey,
) -> Result<Established, Error> {
    let Some(handshake) = handshake else {
        return Ok(Established { stream: Unbound::Registered(stream), tls: None, info, permit: None });
    };
    journey.enter(Phase::Handshake);
    let (stream, session) = handshake.run(stream, target).await?;
    let info = Info { alpn: session.alpn(), timings: journey.end(), ..info };
    let tls = Some(Box::new(session));
    Ok(Established { stream: Unbound::Registered(stream), tls, info, permit: None })
}

/// Runs what establishes the connection `id` as a task, and tells how it went. `None`: there is no thread to run it, and that
/// is told. `name`: see [`inject`].
#[inline]
pub fn establish(
    name: &'static str,
    environment: &Arc<Environment>,
    id: u32,
    work: impl Future<Output = Result<Established, Error>> + Send + 'static,
) -> Option<AbortHandle> {
    establish_at(Point::new(name), environment, id, work)
}

fn establish_at(
    point: Point,
    environment: &Arc<Environment>,
    id: u32,
    work: impl Future<Output = Result<Established, Error>> + Send + 'static,
) -> Option<AbortHandle> {
    let told = Arc::clone(environment);
    let task = environment.run(point, id, async move {
        let event = match work.await {
            Ok(established) => Event::Opened(Box::new(established)),
            Err(error) => Event::Failed(error),
        };
        told.push(id, event);
    });
    task.map_err(|error| environment.push(id, Event::Failed(error))).ok()
}
