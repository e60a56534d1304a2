//! What errors say: what was wrong, and what to do.

use std::{fmt, io, sync::Arc};

use super::{Error, Lookup};
use crate::{
    advice::{connect_advice, io_advice, resource_advice, tls_advice, unix_advice},
    code::io_code,
    endpoint::Endpoint,
};

/// So many addresses are named in a message.
pub(crate) const TOLD: usize = 10;

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { target, reason, detail } => {
                write!(f, "connect {} {target}: ", self.code())?;
                match reason {
                    Lookup::Unknown => {
                        f.write_str("the name is not known; check its spelling, or connect to an IP address")
                    }
                    Lookup::Temporary => f.write_str(
                        "the name could not be resolved now; check the network and the name server, and try again",
                    ),
                    Lookup::Short(code) => {
                        write!(f, "the name could not be looked up: {}", resource_advice(code))
                    }
                    Lookup::Failed => write!(
                        f,
                        "the name could not be looked up: {detail}; check the resolver and its configuration"
                    ),
                }
            }
            Self::Connect { target, attempts } => {
                let unix = matches!(self.endpoint(), Some(Endpoint::Unix(_)));
                let advice = if unix { unix_advice(self.code()) } else { connect_advice(self.code()) };
                write!(f, "connect {} {target}: {advice}", self.code())?;
                write_attempts(f, attempts)
            }
            Self::Io { operation, target, .. } => {
                write!(f, "{operation} {} {target}: {}", self.code(), io_advice(self.code()))
            }
            Self::Certificate { target, rejection, server_name } => {
                write!(f, "the certificate of {target} was refused: {}", rejection.advice(server_name))
            }
            Self::Tls { target, handshaking, source } => {
                let stage = if *handshaking { "TLS handshake" } else { "TLS session" };
                write!(f, "the {stage} with {target} failed: {source}; {}", tls_advice(source))
            }
            Self::HandshakeEnded { target } => write!(
                f,
                "{target} closed the connection during the TLS handshake; check that this port speaks TLS and that the server's log names no reason"
            ),
            Self::Truncated { target } => write!(
                f,
                "{target} closed the TCP connection without TLS's close_notify: what was read may be cut short; do not trust it to be complete unless the protocol says so"
            ),
            Self::Trust { origin, path, detail } => write!(
                f,
                "{origin} names {path}, which cannot be used: {detail}; correct or unset {origin}, or pass `ca`"
            ),
            Self::Option { detail, .. } => f.write_str(detail),
            Self::Denied { target, address, rule } => {
                write!(f, "connect ERR_ACCESS_DENIED {target}")?;
                if let Some(address) = address {
                    write!(f, " ({address})")?;
                }
                write!(
                    f,
                    ": the binding does not let connections go there: {rule}; connect elsewhere, or let the host change `allow` and `deny`"
                )
            }
            Self::Proxy { target, proxy, code, detail } => {
                write!(f, "connect {code} {target}: the proxy {proxy} {detail}")
            }
            Self::TimedOut { target, phase, after } => {
                write!(
                    f,
                    "connect ETIMEDOUT {target}: not established within {} ms (`connectTimeout`); it was {phase}; check that this answers (host, route, firewall), or allow more time",
                    after.as_millis()
                )
            }
            Self::Full { target, limit } => {
                write!(
                    f,
                    "connect ERR_MAX_CONNECTIONS {target}: the binding has as many connections as it may have (`maxConnections`: {limit}); close some, or let connections wait for others to close"
                )
            }
            Self::State(detail) => f.write_str(detail),
            Self::Runtime(source) => {
                write!(f, "no thread for it could be started: {source}; {}", resource_advice(self.code()))
            }
            Self::Internal(detail) => {
                write!(f, "an internal error, please report it with this message: {detail}")
            }
        }
    }
}

fn write_attempts(f: &mut fmt::Formatter<'_>, attempts: &[(Endpoint, Arc<io::Error>)]) -> fmt::Result {
    for (index, (address, error)) in attempts.iter().take(TOLD).enumerate() {
        let separator = if index == 0 { " (tried " } else { ", " };
        write!(f, "{separator}{address}: {}", io_code(error))?;
    }
    match attempts.len() {
        0 => Ok(()),
        count if count > TOLD => write!(f, " and {} more)", count - TOLD),
        _ => f.write_str(")"),
    }
}
