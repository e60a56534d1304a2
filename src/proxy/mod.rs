//! Ways out through a proxy: what is said on the stream to it, until it carries the destination's bytes.

mod http;
mod socks;
mod tunnel;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

pub use self::tunnel::drain;
use crate::{error::Error, panics::Words, tls::Handshake};

/// How a proxy is spoken to.
#[derive(Clone, Debug)]
pub enum Kind {
    /// HTTP's CONNECT.
    Http,
    /// The same within TLS.
    Https(Handshake),
    /// SOCKS5, with addresses.
    Socks5,
    /// SOCKS5, with names.
    Socks5h,
}

/// A proxy.
#[derive(Clone)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: Kind,
    /// Its name or IP address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// Its URL without them, for messages.
    pub text: String,
}

/// What the proxy is asked to connect to.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// A name that it looks up, and a port.
    Name(&'a str, u16),
    /// An address.
    Address(SocketAddr),
}

/// A stream that the proxy has connected to the destination.
#[derive(Debug)]
pub struct Through {
    /// What comes next on it is the destination's.
    pub stream: TcpStream,
    /// If it ends in this process, at a task that carries it on in a TLS session, what that said if it panicked. The addresses of such a stream are
    /// of the loopback, and so are the system's figures.
    pub tunnel: Option<Words>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.text).finish()
    }
}

impl Proxy {
    /// Whether it is to be given addresses: names are looked up on this side.
    #[must_use]
    pub fn resolves_here(&self) -> bool {
        matches!(self.kind, Kind::Socks5)
    }

    /// What a message about a connection to the proxy itself is about: `target` is what was asked for.
    #[must_use]
    pub fn on_the_way_to(&self, target: &str) -> String {
        format!("{} (the proxy for {target})", self.text)
    }

    /// Has the proxy connect to `destination`, over a stream that is connected to the proxy. `target`: what was asked for, for messages.
    ///
    /// # Errors
    /// [`Error::Proxy`]; what a TLS handshake with the proxy fails with; [`Error::Io`] if the stream breaks for a reason of its own.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub async fn connect(
        &self,
        mut stream: TcpStream,
        destination: Destination<'_>,
        target: &str,
    ) -> Result<Through, Error> {
        let tunnel = match &self.kind {
            Kind::Https(handshake) => {
                let mut secure = tunnel::secure(stream, handshake, &self.text).await?;
                self.ask(&mut secure, destination, target).await?;
                let words;
                (stream, words) = tunnel::dig(secure, target).await?;
                Some(words)
            }
            Kind::Http | Kind::Socks5 | Kind::Socks5h => {
                self.ask(&mut stream, destination, target).await?;
                None
            }
        };
        Ok(Through { stream, tunnel })
    }

    /// Asks the proxy at the other end of `stream` for a connection, and reads its answer, and nothing of what follows.
    ///
    /// # Errors
    /// As of [`Self::connect`].
    pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        destination: Destination<'_>,
        target: &str,
    ) -> Result<(), Error> {
        let credentials = self.credentials.as_ref();
        let asked = match &self.kind {
            Kind::Http | Kind::Https(_) => http::open(stream, destination, credentials).await,
            Kind::Socks5 | Kind::Socks5h => socks::open(stream, destination, credentials).await,
        };
        asked.map_err(|failure| failure.of(self, target))
    }
}

/// Why a proxy does not carry a connection. The words go on where its URL ends.
#[derive(Debug)]
enum Failure {
    /// It does not know who asks, or does not like them.
    Who(String),
    /// It answered, and does not.
    Refused(String),
    /// It did not answer, or not as such a proxy does; or it cannot be asked.
    Protocol(String),
    /// The stream to it broke.
    Broken(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            // One thing for whoever sees it: which of them it is depends on what was under way.
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
                Self::Protocol(
                    "closed the connection before it answered; check that such a proxy listens on this port, and its log".into(),
                )
            }
            _ => Self::Broken(error),
        }
    }
}

impl Failure {
    fn of(self, proxy: &Proxy, target: &str) -> Error {
        let (code, detail) = match self {
            Self::Who(detail) => ("ERR_PROXY_AUTH", detail),
            Self::Refused(detail) => ("ERR_PROXY_REFUSED", detail),
            Self::Protocol(detail) => ("ERR_PROXY_PROTOCOL", detail),
            Self::Broken(source) => {
                // With TLS 1.3 a certificate that is missing is told only now.
                if let Some(tls) = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    let target = format!("the proxy {}", proxy.text);
                    return Error::Tls { target, handshaking: false, source: tls.clone() };
                }
                let target = proxy.on_the_way_to(target);
                return Error::Io { operation: "connect", target, source: Arc::new(source) };
            }
        };
        Error::Proxy { target: target.to_owned(), proxy: proxy.text.clone(), code, detail }
    }
}

#[cfg(test)]
#[path = "../../tests/proxy/mod.rs"]
mod tests;
