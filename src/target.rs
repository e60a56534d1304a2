//! Where to connect.

use std::{net::SocketAddr, time::Duration};

use crate::{
    endpoint::{Endpoint, UnixName},
    policy::numeric,
};

/// Where to connect, as it was asked for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Of what kind.
    pub place: Place,
    /// `host:port` or `unix:/path`, for messages.
    pub text: String,
    /// The name that the host, an address, was looked up by. Rules about names are about it.
    pub name: Option<String>,
    /// Addresses that are looked up here are to be of IPv4, or of IPv6.
    pub family: Option<Family>,
    /// The time there is, if it is less than the binding gives, because some of that has passed.
    pub timeout: Option<Duration>,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Whether an endpoint is of it, or of none.
    #[must_use]
    pub fn has(self, endpoint: &Endpoint) -> bool {
        endpoint.ip().is_none_or(|address| address.is_ipv4() == (self == Self::V4))
    }
}

/// What a target is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A host and its port.
    Host {
        /// A name or an IP address without brackets.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(UnixName),
}

impl Target {
    /// What rules about names are about.
    #[must_use]
    pub fn name(&self) -> &str {
        match (&self.name, &self.place) {
            (Some(name), _) => name,
            (None, Place::Host { host, .. }) => host,
            (None, Place::Unix(_)) => "",
        }
    }

    /// The address, if it is one and no name.
    #[must_use]
    pub fn literal(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Host { host, port } => numeric(host).map(|address| SocketAddr::new(address, *port)),
            Place::Unix(_) => None,
        }
    }
}
