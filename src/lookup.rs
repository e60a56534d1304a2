//! The addresses of a name, as the system knows them.

use std::{io, net::SocketAddr};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use socket2::{Domain, Socket, Type};

use crate::{
    code::io_code,
    error::{Error, Lookup},
    inject,
    runtime::block,
};

/// Looks a name up, on a thread of its own. `target` is for messages.
///
/// # Errors
/// [`Error::Resolve`]; [`Error::Runtime`] if there is no thread for it.
///
/// # Cancel safety
/// A look-up that is under way ends on its own thread.
pub async fn lookup(host: &str, port: u16, target: &str) -> Result<Vec<SocketAddr>, Error> {
    let host = host.to_owned();
    let unresolved = |reason, detail| Error::Resolve { target: target.to_owned(), reason, detail };
    match block("lookup", move || find(&host, port)).await? {
        Ok(addresses) if addresses.is_empty() => Err(unresolved(Lookup::Unknown, "no addresses".into())),
        Ok(addresses) => Ok(addresses),
        Err((reason, error)) => Err(unresolved(reason, error.to_string())),
    }
}

fn find(host: &str, port: u16) -> Result<Vec<SocketAddr>, (Lookup, io::Error)> {
    inject::system("getaddrinfo").map_err(|error| (Lookup::Short(io_code(&error)), error))?;
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(host), None, Some(hints)).map_err(why)?;
    Ok(found
        .filter_map(Result::ok)
        .map(|info| {
            let mut address = info.sockaddr;
            address.set_port(port);
            address
        })
        .collect())
}

fn why(error: LookupError) -> (Lookup, io::Error) {
    use LookupErrorKind as Kind;
    let kind = error.kind();
    let error = io::Error::from(error);
    if let Some(code) = shortage(&error) {
        return (Lookup::Short(code), error);
    }
    // A resolver that cannot open its files or a socket tells anything else, too: that the name is not known, or not now.
    if let Err(short) = spare()
        && let Some(code) = shortage(&short)
    {
        return (Lookup::Short(code), short);
    }
    let reason = match kind {
        Kind::NoName | Kind::NoData => Lookup::Unknown,
        Kind::Again => Lookup::Temporary,
        Kind::Memory => Lookup::Short("ENOMEM"),
        _ => Lookup::Failed,
    };
    (reason, error)
}

/// Whether there are descriptors for a resolver. It needs two; others that had them when it ran may have given some back since.
fn spare() -> io::Result<Vec<Socket>> {
    (0..8).map(|_| Socket::new(Domain::IPV4, Type::DGRAM, None)).collect()
}

/// What the system is short of, if that is what it says.
fn shortage(error: &io::Error) -> Option<&'static str> {
    match io_code(error) {
        code @ ("EMFILE" | "ENFILE" | "ENOBUFS" | "ENOMEM") => Some(code),
        _ => None,
    }
}
