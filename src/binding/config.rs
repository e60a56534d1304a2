//! What a host decides, from plain objects.
#![expect(clippy::needless_pass_by_value, reason = "arguments are what napi makes of JavaScript's values")]
#![expect(clippy::cast_precision_loss, reason = "JavaScript's numbers; exact up to 8 PiB")]

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use napi_derive::napi;
use socket2::TcpKeepalive;
use tokio::sync::Semaphore;

use super::{
    credentials::Credentials,
    values::{guarded, thrown},
};
use crate::{
    config::{self, Limit, Local, Tuning},
    error::Error,
    happy_eyeballs::ATTEMPT_DELAY,
    inject,
    panics::contained,
    policy::{Exceptions, Policy},
    proxy::{Kind, Proxy},
    target::{Place, Target},
    tls::Handshake,
};

/// What a host decides for the connections of a binding. Checked by the caller, but for the rules.
#[napi(object, object_to_js = false)]
pub struct ConfigOptions {
    /// Rules; none: everything.
    pub allow: Option<Vec<String>>,
    /// Rules.
    pub deny: Vec<String>,
    /// The way out.
    pub proxy: Option<ProxyOptions>,
    /// An IP address.
    pub local_address: Option<String>,
    /// 1 to 65535.
    pub local_port: Option<u16>,
    /// Milliseconds.
    pub connect_timeout: Option<u32>,
    /// Whether the system probes a silent peer, and when.
    pub keep_alive: Option<KeepAlive>,
    /// Whether small segments go out at once.
    pub no_delay: bool,
    /// How many connections there may be.
    pub max_connections: Option<u32>,
    /// Whether those beyond it are refused. Otherwise they wait.
    pub refuse: bool,
    /// Milliseconds.
    pub attempt_delay: Option<u32>,
    /// Whether `idle()` of sockets says something.
    pub notes_activity: bool,
}

/// A proxy.
#[napi(object, object_to_js = false)]
pub struct ProxyOptions {
    /// How it is spoken to.
    #[napi(ts_type = "'http' | 'https' | 'socks5' | 'socks5h'")]
    pub kind: String,
    /// A name or an IP address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// Who we are there.
    pub username: Option<String>,
    /// Proves it.
    pub password: Option<String>,
    /// Its URL without who we are, for messages.
    pub text: String,
    /// Rules: what is connected to directly.
    pub except: Vec<String>,
}

/// When the system probes a silent peer. Times are in milliseconds.
#[napi(object, object_to_js = false)]
pub struct KeepAlive {
    /// Before the first probe.
    pub idle: Option<u32>,
    /// Between two.
    pub interval: Option<u32>,
    /// How many without an answer.
    pub count: Option<u32>,
}

/// Figures of a binding.
#[napi(object, object_from_js = false)]
pub struct ConfigStats {
    /// Connections that are open.
    pub open: u32,
    /// Connections that are on their way.
    pub connecting: u32,
    /// Bytes read.
    pub bytes_read: f64,
    /// Bytes taken over to be sent.
    pub bytes_written: f64,
    /// How many failed with each code.
    pub failures: HashMap<String, u32>,
}

/// What a host decides, ready for use.
#[napi]
pub struct Config(pub(super) Arc<config::Config>);

#[napi]
impl Config {
    /// Throws for rules that cannot be used.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        options: ConfigOptions,
        proxy_credentials: Option<&Credentials>,
    ) -> Result<Self, napi::Error<String>> {
        guarded("config.new", || {
            let read = options.read(proxy_credentials);
            read.map(|config| Self(Arc::new(config))).map_err(|error| thrown(&error))
        })
    }

    /// Throws if nothing of that name may be connected to, whatever its addresses are. `text` is for messages.
    #[napi(catch_unwind)]
    pub fn check(
        &self,
        host: String,
        port: u16,
        text: String,
        name: Option<String>,
    ) -> Result<(), napi::Error<String>> {
        guarded("config.check", || {
            let place = Place::Host { host, port };
            let target = Target { place, text, name, family: None, timeout: None };
            self.0.check(&target).map_err(|error| thrown(&error))
        })
    }

    /// Figures, as they are now.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<ConfigStats, napi::Error<String>> {
        guarded("config.stats", || {
            let figures = self.0.counters.figures();
            Ok(ConfigStats {
                open: figures.open,
                connecting: figures.connecting,
                bytes_read: figures.read as f64,
                bytes_written: figures.written as f64,
                failures: figures.failures.into_iter().collect(),
            })
        })
    }

    /// Counts a failure that only the caller knows of.
    #[napi(catch_unwind)]
    pub fn failed(&self, code: String) {
        contained(|| {
            inject::point("config.failed");
            self.0.counters.failed(&code);
        });
    }
}

fn milliseconds(time: u32) -> Duration {
    Duration::from_millis(time.into())
}

impl ConfigOptions {
    fn read(self, proxy_credentials: Option<&Credentials>) -> Result<config::Config, Error> {
        let proxy = self.proxy.map(|proxy| proxy.read(proxy_credentials)).transpose()?;
        let address = self.local_address.map(|text| text.parse::<IpAddr>()).transpose();
        let address = address.map_err(|error| Error::Internal(error.to_string()))?;
        let limit = self.max_connections.map(|of| Limit {
            of: of as usize,
            refuses: self.refuse,
            permits: Arc::new(Semaphore::new((of as usize).min(Semaphore::MAX_PERMITS))),
        });
        Ok(config::Config {
            policy: Policy::parse(self.allow.as_deref(), &self.deny)?,
            proxy,
            local: Local { address, port: self.local_port.unwrap_or_default() },
            timeout: self.connect_timeout.map(milliseconds),
            tuning: Tuning { no_delay: self.no_delay, probes: self.keep_alive.as_ref().map(KeepAlive::read) },
            attempt_delay: self.attempt_delay.map_or(ATTEMPT_DELAY, milliseconds),
            limit,
            notes_activity: self.notes_activity,
            ..config::Config::default()
        })
    }
}

impl ProxyOptions {
    fn read(self, credentials: Option<&Credentials>) -> Result<(Proxy, Exceptions), Error> {
        let kind = match self.kind.as_str() {
            "http" => Kind::Http,
            "https" => {
                let credentials =
                    credentials.ok_or_else(|| Error::Internal("no credentials for the proxy".into()))?;
                Kind::Https(Handshake::new(&self.host, None, credentials.parsed())?)
            }
            "socks5" => Kind::Socks5,
            "socks5h" => Kind::Socks5h,
            other => return Err(Error::Internal(format!("no such kind of proxy: {other}"))),
        };
        let except = Exceptions::parse(&self.except)?;
        let credentials = self.username.map(|username| (username, self.password.unwrap_or_default()));
        let proxy = Proxy { kind, host: self.host, port: self.port, credentials, text: self.text };
        Ok((proxy, except))
    }
}

impl KeepAlive {
    fn read(&self) -> TcpKeepalive {
        let mut probes = TcpKeepalive::new();
        if let Some(idle) = self.idle {
            probes = probes.with_time(milliseconds(idle));
        }
        if let Some(interval) = self.interval {
            probes = probes.with_interval(milliseconds(interval));
        }
        if let Some(count) = self.count {
            probes = probes.with_retries(count);
        }
        probes
    }
}
