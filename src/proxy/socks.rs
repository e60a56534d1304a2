//! SOCKS5.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_socks::{Error, TargetAddr, tcp::Socks5Stream};

use super::{Destination, Failure};

/// Bytes of a name, a user or a password: the length is one byte.
const LONGEST: usize = 255;

/// Asks the proxy at the other end of `stream` for a connection, and reads its answer, and nothing of what follows.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    destination: Destination<'_>,
    credentials: Option<&(String, String)>,
) -> Result<(), Failure> {
    let target = match destination {
        Destination::Address(address) => TargetAddr::Ip(address),
        Destination::Name(name, port) => match name.parse::<IpAddr>() {
            Ok(address) => TargetAddr::Ip(SocketAddr::new(address, port)),
            Err(_) if !(1..=LONGEST).contains(&name.len()) => {
                return Err(Failure::Protocol(format!(
                    "cannot be asked for a name of {} bytes: SOCKS5 takes 1 to 255; check the name, or let it be looked up here (socks5://)",
                    name.len()
                )));
            }
            Err(_) => TargetAddr::Domain(name.into(), port),
        },
    };
    let asked = match credentials {
        Some((user, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, target).await,
    };
    asked.map(drop).map_err(|error| failure(error, destination, credentials.is_some()))
}

fn failure(error: Error, destination: Destination<'_>, identified: bool) -> Failure {
    let refused = |detail: &str| Failure::Refused(detail.into());
    let who = |detail: &str| Failure::Who(detail.into());
    match error {
        Error::Io(error) => error.into(),
        Error::PasswordAuthFailure(_) => {
            who("does not accept the user and password; correct user:password@ in its URL")
        }
        Error::InvalidAuthValues(_) => who(
            "cannot be told this user and password: SOCKS5 takes 1 to 255 bytes for each; correct user:password@ in its URL",
        ),
        Error::NoAcceptableAuthMethods if identified => who(
            "takes no user and password, and does not let everybody in; let it take them, or use another proxy",
        ),
        Error::NoAcceptableAuthMethods | Error::AuthorizationRequired => {
            who("wants to know who asks; write user:password@ before the host in its URL")
        }
        Error::ConnectionNotAllowedByRuleset => refused(
            "does not let connections go there (not allowed by its ruleset); check its rules for this host and port",
        ),
        Error::NetworkUnreachable => {
            refused("has no route to the network of this host; check the address, and the network of the proxy")
        }
        Error::HostUnreachable => {
            refused("cannot reach this host; check the name or address, and whether the proxy can look it up")
        }
        Error::ConnectionRefused => refused(
            "was told that nothing accepts connections there (connection refused); check that the server runs and that host and port are right",
        ),
        Error::TtlExpired => {
            refused("got no answer from there in time (TTL expired); check the address, the route and any firewall")
        }
        Error::CommandNotSupported => {
            refused("makes no connections (command not supported); use a proxy that does")
        }
        Error::AddressTypeNotSupported => refused(match destination {
            Destination::Name(..) => {
                "does not look names up (address type not supported); write its URL with socks5://, so that they are looked up here"
            }
            Destination::Address(_) => {
                "does not connect to addresses of this kind (address type not supported); use one of IPv4, or a name with socks5h://"
            }
        }),
        Error::GeneralSocksServerFailure => refused(
            "failed to connect (general failure); check the name or address and that the server runs; its log should say more",
        ),
        // A code that SOCKS5 does not have is an unknown way to authenticate for the library, wherever it comes.
        Error::UnknownAuthMethod | Error::UnknownError => Failure::Protocol(
            "answered with a code that was not asked for or is none of SOCKS5's; check that it is a SOCKS5 proxy".into(),
        ),
        _ => Failure::Protocol(
            "did not answer in SOCKS5; check that a SOCKS5 proxy listens on this port".into(),
        ),
    }
}
