//! Everything that can go wrong. `code()` is the stable name users test, `Display` says what to do.

mod message;

use std::{io, sync::Arc, time::Duration};

pub(crate) use self::message::TOLD;
use crate::{
    code::{io_code, tls_code},
    endpoint::Endpoint,
    verify::Rejection,
};

/// Why a name could not be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// There is no such name, or it has no address.
    Unknown,
    /// Asking again later may help.
    Temporary,
    /// The resolver itself failed.
    Failed,
    /// There was something missing that the resolver needs: descriptors, memory. The code of that.
    Short(&'static str),
}

/// What happened at each address, in the order the attempts ended.
pub type Attempts = Vec<(Endpoint, Arc<io::Error>)>;

/// An error of a connection. Each variant says who is to blame: the network, the peer, the host's set-up or the caller.
#[derive(Clone, Debug)]
pub enum Error {
    /// The name could not be resolved.
    Resolve {
        /// `host:port` as asked for.
        target: String,
        /// Who is to blame.
        reason: Lookup,
        /// What the resolver said.
        detail: String,
    },
    /// No address of the target accepted the connection.
    Connect {
        /// `host:port` as asked for.
        target: String,
        /// What happened at each address, in the order the attempts ended.
        attempts: Attempts,
    },
    /// An established connection broke.
    Io {
        /// `connect`, `handshake`, `read` or `write`.
        operation: &'static str,
        /// `host:port` as asked for.
        target: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The peer's certificate was refused.
    Certificate {
        /// `host:port` as asked for.
        target: String,
        /// Why it was refused, and what the certificate said.
        rejection: Rejection,
        /// The name the certificate was checked against.
        server_name: String,
    },
    /// The TLS session failed for another reason than the peer's certificate.
    Tls {
        /// `host:port` as asked for.
        target: String,
        /// Whether this happened before the handshake was done.
        handshaking: bool,
        /// What rustls said.
        source: rustls::Error,
    },
    /// The peer's TCP stream ended inside the TLS handshake.
    HandshakeEnded {
        /// `host:port` as asked for.
        target: String,
    },
    /// The peer's TCP stream ended without TLS's `close_notify`: what was read may be cut short.
    Truncated {
        /// `host:port` as asked for.
        target: String,
    },
    /// Root certificates that the host configured cannot be used.
    Trust {
        /// Where they were named: an environment variable, or the system store.
        origin: &'static str,
        /// The file or directory.
        path: String,
        /// What was wrong.
        detail: String,
    },
    /// An option of the caller cannot be used.
    Option {
        /// The stable code.
        code: &'static str,
        /// What was wrong and what to do.
        detail: String,
    },
    /// The policy of the binding does not let it.
    Denied {
        /// `host:port` as asked for.
        target: String,
        /// The address that was to be dialled, if it is another.
        address: Option<String>,
        /// The rule, in words.
        rule: String,
    },
    /// The proxy did not let the connection through.
    Proxy {
        /// `host:port` as asked for.
        target: String,
        /// The proxy, without who we are there.
        proxy: String,
        /// The stable code.
        code: &'static str,
        /// What it said, and what to do.
        detail: String,
    },
    /// It was not established in time.
    TimedOut {
        /// `host:port` as asked for.
        target: String,
        /// What was under way, in words.
        phase: String,
        /// The time there was.
        after: Duration,
    },
    /// The binding has as many connections as it may have.
    Full {
        /// `host:port` as asked for.
        target: String,
        /// So many.
        limit: usize,
    },
    /// The operation does not fit the connection's state.
    State(&'static str),
    /// The tokio thread could not be started.
    Runtime(Arc<io::Error>),
    /// wintersock itself failed: a panic that was caught, or a task that vanished.
    Internal(String),
}

impl Error {
    /// The stable code: the system's name, Node's for certificates, ours otherwise. docs/errors.md lists them all.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Resolve { reason: Lookup::Temporary, .. } => "EAI_AGAIN",
            Self::Resolve { reason: Lookup::Unknown, .. } => "ENOTFOUND",
            Self::Resolve { reason: Lookup::Failed, .. } => "EAI_FAIL",
            Self::Connect { attempts, .. } => decisive(attempts).map_or("ENOTFOUND", |(_, e)| io_code(e)),
            Self::Io { source, .. } | Self::Runtime(source) => io_code(source),
            Self::Certificate { rejection, .. } => rejection.code(),
            Self::Tls { source, .. } => tls_code(source),
            Self::HandshakeEnded { .. } => "ERR_TLS_HANDSHAKE",
            Self::Truncated { .. } => "ERR_TLS_TRUNCATED",
            Self::Trust { .. } => "ERR_TLS_TRUST",
            Self::Resolve { reason: Lookup::Short(code), .. }
            | Self::Option { code, .. }
            | Self::Proxy { code, .. } => code,
            Self::Denied { .. } => "ERR_ACCESS_DENIED",
            Self::TimedOut { .. } => "ETIMEDOUT",
            Self::Full { .. } => "ERR_MAX_CONNECTIONS",
            Self::State(_) => "ERR_INVALID_STATE",
            Self::Internal(_) => "ERR_INTERNAL",
        }
    }

    /// Whether what looks like the peer's end, after this error, is none. After EPIPE it is one: the peer had sent FIN.
    #[must_use]
    pub fn hides_an_end(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() != io::ErrorKind::BrokenPipe,
            other => matches!(other, Self::Internal(_)),
        }
    }

    /// The call of the system, as Node names it.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        match self {
            Self::Resolve { .. } => Some("getaddrinfo"),
            Self::Connect { .. } => Some("connect"),
            Self::Io { operation: operation @ ("read" | "write"), .. } => Some(operation),
            _ => None,
        }
    }

    /// Where the connection was refused.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Connect { attempts, .. } => decisive(attempts).map(|(endpoint, _)| endpoint),
            _ => None,
        }
    }

    /// What was underneath, where there is more to say than the message does.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Resolve { detail, .. } => Some(detail.clone()),
            Self::Connect { attempts, .. } => decisive(attempts).map(|(_, e)| e.to_string()),
            Self::Io { source, .. } | Self::Runtime(source) => Some(source.to_string()),
            Self::Certificate { rejection, .. } => Some(rejection.verdict()),
            Self::Tls { source, .. } => Some(source.to_string()),
            Self::HandshakeEnded { .. }
            | Self::Truncated { .. }
            | Self::Trust { .. }
            | Self::Option { .. }
            | Self::Denied { .. }
            | Self::Proxy { .. }
            | Self::TimedOut { .. }
            | Self::Full { .. }
            | Self::State(_)
            | Self::Internal(_) => None,
        }
    }
}

/// The attempt that says most: an address that answered beats one that was silent, and that beats one out of reach.
fn decisive(attempts: &[(Endpoint, Arc<io::Error>)]) -> Option<&(Endpoint, Arc<io::Error>)> {
    attempts.iter().min_by_key(|(_, error)| match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => 0,
        io::ErrorKind::PermissionDenied => 1,
        io::ErrorKind::TimedOut => 2,
        _ => 3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: io::ErrorKind, address: &str) -> (Endpoint, Arc<io::Error>) {
        (Endpoint::Ip(address.parse().unwrap()), Arc::new(io::Error::from(kind)))
    }

    #[test]
    fn an_address_that_answered_decides_the_code() {
        let error = Error::Connect {
            target: "localhost:1".into(),
            attempts: vec![
                failed(io::ErrorKind::NetworkUnreachable, "[::1]:1"),
                failed(io::ErrorKind::ConnectionRefused, "127.0.0.1:1"),
            ],
        };
        assert_eq!(error.code(), "ECONNREFUSED");
        let message = error.to_string();
        assert!(message.starts_with("connect ECONNREFUSED localhost:1: "), "{message}");
        assert!(message.ends_with("(tried [::1]:1: ENETUNREACH, 127.0.0.1:1: ECONNREFUSED)"), "{message}");
    }

    #[test]
    fn a_name_that_is_unknown_differs_from_one_that_may_come_back() {
        let error =
            |reason| Error::Resolve { target: "db.invalid:1".into(), reason, detail: String::new() }.code();
        assert_eq!((error(Lookup::Unknown), error(Lookup::Temporary)), ("ENOTFOUND", "EAI_AGAIN"));
        assert_eq!(error(Lookup::Failed), "EAI_FAIL");
    }
}
