//! What a host decides for the connections of a binding: where they may go, by which way, how many, in what time.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    counters::Counters,
    endpoint::Endpoint,
    error::Error,
    happy_eyeballs::ATTEMPT_DELAY,
    inject,
    policy::{Exceptions, Policy, Refusal, Spelling, spelling},
    proxy::Proxy,
    target::{Place, Target},
};

/// What a host decides. Never changes.
#[derive(Debug)]
pub struct Config {
    /// Where connections may go.
    pub policy: Policy,
    /// The proxy, and what is connected to without it.
    pub proxy: Option<(Proxy, Exceptions)>,
    /// Where they come from.
    pub local: Local,
    /// How long one may take to open.
    pub timeout: Option<Duration>,
    /// Options of TCP.
    pub tuning: Tuning,
    /// When the next address is tried, too.
    pub attempt_delay: Duration,
    /// How many there may be.
    pub limit: Option<Limit>,
    /// Whether it is noted when each was last active.
    pub notes_activity: bool,
    /// What they add up to.
    pub counters: Arc<Counters>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            proxy: None,
            local: Local::default(),
            timeout: None,
            tuning: Tuning::default(),
            attempt_delay: ATTEMPT_DELAY,
            limit: None,
            notes_activity: false,
            counters: Arc::default(),
        }
    }
}

/// Where connections come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// None: the system chooses.
    pub address: Option<IpAddr>,
    /// 0: the system chooses.
    pub port: u16,
}

impl Local {
    /// What to bind to before `remote` is connected to. None: nothing.
    #[must_use]
    pub fn bound_for(&self, remote: &SocketAddr) -> Option<SocketAddr> {
        let any = if remote.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        (*self != Self::default()).then(|| SocketAddr::new(self.address.unwrap_or(any), self.port))
    }

    /// Whether `endpoint` can be reached from there.
    #[must_use]
    pub fn reaches(&self, endpoint: &Endpoint) -> bool {
        match (self.address, endpoint) {
            (Some(local), Endpoint::Ip(remote)) => local.is_ipv4() == remote.is_ipv4(),
            (None, _) | (_, Endpoint::Unix(_)) => true,
        }
    }
}

/// Options of TCP.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Whether small segments go out at once. Otherwise drivers that write twice per query wait for the peer's delayed
    /// acknowledgement: 44 ms.
    pub no_delay: bool,
    /// Whether the system probes a silent peer, and when.
    pub probes: Option<TcpKeepalive>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { no_delay: true, probes: None }
    }
}

impl Tuning {
    /// Applies them.
    ///
    /// # Errors
    /// What the system says.
    pub fn apply(&self, socket: &SockRef<'_>) -> std::io::Result<()> {
        inject::system("tune")?;
        socket.set_tcp_nodelay(self.no_delay)?;
        match &self.probes {
            Some(probes) => socket.set_tcp_keepalive(probes),
            None => Ok(()),
        }
    }
}

/// How many connections there may be at a time.
#[derive(Clone, Debug)]
pub struct Limit {
    /// So many.
    pub of: usize,
    /// Whether those beyond it are refused. Otherwise they wait.
    pub refuses: bool,
    /// One for each.
    pub permits: Arc<Semaphore>,
}

/// Whether a connection may begin.
#[derive(Debug)]
pub enum Admission {
    /// Now. What it holds as long as it lives, if there is a limit.
    Now(Option<OwnedSemaphorePermit>),
    /// When it gets one of these.
    Later(Arc<Semaphore>),
}

impl Config {
    /// Says what can be said before anything is looked up.
    ///
    /// # Errors
    /// [`Error::Denied`]
    pub fn check(&self, target: &Target) -> Result<(), Error> {
        let judged = match &target.place {
            Place::Host { host, port } => match target.literal() {
                Some(address) => self.policy.address(target.name(), address),
                None => self.policy.host(host, *port),
            },
            Place::Unix(name) => self.policy.unix("", name),
        };
        judged.map_err(|refusal| denied(target, None, refusal))
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Full`]
    pub fn admit(&self, target: &Target) -> Result<Admission, Error> {
        self.check(target).inspect_err(|error| self.counters.failed(error.code()))?;
        let Some(limit) = &self.limit else { return Ok(Admission::Now(None)) };
        match Arc::clone(&limit.permits).try_acquire_owned() {
            Ok(permit) => Ok(Admission::Now(Some(permit))),
            Err(_) if limit.refuses => {
                let full = Error::Full { target: target.text.clone(), limit: limit.of };
                self.counters.failed(full.code());
                Err(full)
            }
            Err(_) => Ok(Admission::Later(Arc::clone(&limit.permits))),
        }
    }

    /// The proxy for a target. None: it is connected to directly.
    #[must_use]
    pub fn proxy_for(&self, target: &Target) -> Option<&Proxy> {
        let (proxy, except) = self.proxy.as_ref()?;
        match &target.place {
            Place::Host { host, port } if !except.covers(host, *port) => Some(proxy),
            Place::Host { .. } | Place::Unix(_) => None,
        }
    }

    /// Whether a proxy is told the name of a target, and looks it up itself. Otherwise that is done here.
    #[must_use]
    pub fn tells_name(&self, proxy: &Proxy, target: &Target) -> bool {
        let Place::Host { host, port } = &target.place else { return false };
        !proxy.resolves_here() && spelling(host) == Spelling::Name && self.policy.vouches_for(host, *port)
    }

    /// Those of some endpoints of a target that may be connected to.
    ///
    /// # Errors
    /// [`Error::Denied`], if none may be.
    pub fn permitted(&self, target: &Target, endpoints: Vec<Endpoint>) -> Result<Vec<Endpoint>, Error> {
        let Place::Host { .. } = &target.place else { return Ok(endpoints) };
        let host = target.name();
        let mut refused = None;
        let mut permitted = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let judged = match &endpoint {
                Endpoint::Ip(address) => self.policy.address(host, *address),
                Endpoint::Unix(name) => self.policy.unix(host, name),
            };
            match judged {
                Ok(()) => permitted.push(endpoint),
                Err(refusal) => {
                    refused.get_or_insert((endpoint, refusal));
                }
            }
        }
        match refused {
            Some((endpoint, refusal)) if permitted.is_empty() => {
                Err(denied(target, Some(endpoint.to_string()), refusal))
            }
            _ => Ok(permitted),
        }
    }
}

fn denied(target: &Target, address: Option<String>, refusal: Refusal) -> Error {
    Error::Denied { target: target.text.clone(), address, rule: refusal.rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn socket() -> socket2::Socket {
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn options_of_tcp_reach_the_system() {
        let socket = socket();
        Tuning::default().apply(&SockRef::from(&socket)).unwrap();
        assert!(socket.tcp_nodelay().unwrap());
        assert!(!socket.keepalive().unwrap());
        let probes =
            TcpKeepalive::new().with_time(Duration::from_secs(70)).with_interval(Duration::from_secs(9));
        let tuning = Tuning { no_delay: false, probes: Some(probes.with_retries(4)) };
        tuning.apply(&SockRef::from(&socket)).unwrap();
        assert!(!socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(70));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(9));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn probes_without_times_are_sent_at_those_of_the_system() {
        let (plain, probed) = (socket(), socket());
        let tuning = Tuning { probes: Some(TcpKeepalive::new()), ..Tuning::default() };
        tuning.apply(&SockRef::from(&probed)).unwrap();
        assert!(probed.keepalive().unwrap());
        assert_eq!(probed.tcp_keepalive_time().unwrap(), plain.tcp_keepalive_time().unwrap());
        assert_eq!(probed.tcp_keepalive_interval().unwrap(), plain.tcp_keepalive_interval().unwrap());
    }

    #[test]
    fn a_local_end_is_bound_to_only_where_one_is_wanted() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (v4, v6) = (address("192.0.2.1:5432"), address("[2001:db8::1]:5432"));
        assert_eq!(Local::default().bound_for(&v4), None);
        let port = Local { address: None, port: 4000 };
        assert_eq!(port.bound_for(&v4), Some(address("0.0.0.0:4000")));
        assert_eq!(port.bound_for(&v6), Some(address("[::]:4000")));
        let local = Local { address: Some([127, 0, 0, 2].into()), port: 0 };
        assert_eq!(local.bound_for(&v4), Some(address("127.0.0.2:0")));
        let reaches = |local: &Local| [v4, v6].map(|remote| local.reaches(&remote.into()));
        assert_eq!((reaches(&local), reaches(&port)), ([true, false], [true, true]));
        assert!(local.reaches(&crate::unix::unnamed()));
    }
}
