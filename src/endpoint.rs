//! One end of a connection: an IP address and port, or a Unix domain socket.

use std::{fmt, net::SocketAddr};

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Of TCP.
    Ip(SocketAddr),
    /// Of a Unix domain socket.
    Unix(UnixName),
}

/// The name of a Unix domain socket: a path, or on Linux an abstract name, which begins with `@` here. Empty: it has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixName(pub String);

impl Endpoint {
    /// The address, if it is one of IP.
    #[must_use]
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl UnixName {
    /// Whether it is in Linux's abstract namespace, where no file's permissions protect it.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        self.0.starts_with('@')
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(UnixName(name)) => write!(f, "unix:{name}"),
        }
    }
}
