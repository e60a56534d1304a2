//! The addresses of a name, as the system knows them.

use std::net::SocketAddr;

use crate::error::{Error, Lookup};

/// Looks a name up, on a thread of its own. `target` is for messages.
///
/// # Errors
/// [`Error::Resolve`]
///
/// # Cancel safety
/// A look-up that is under way ends on its own thread.
pub async fn lookup(host: &str, port: u16, target: &str) -> Result<Vec<SocketAddr>, Error> {
    let host = host.to_owned();
    let lookup = tokio::task::spawn_blocking(move || {
        let hints = dns_lookup::AddrInfoHints {
            socktype: dns_lookup::SockType::Stream.into(),
            ..dns_lookup::AddrInfoHints::default()
        };
        let found = dns_lookup::getaddrinfo(Some(&host), None, Some(hints))
            .map_err(|error| (reason(error.kind()), std::io::Error::from(error)))?;
        Ok(found
            .filter_map(Result::ok)
            .map(|info| {
                let mut address = info.sockaddr;
                address.set_port(port);
                address
            })
            .collect::<Vec<_>>())
    });
    let unresolved = |reason, detail| Error::Resolve { target: target.to_owned(), reason, detail };
    match lookup.await {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(unresolved(Lookup::Unknown, "no addresses".into())),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err((reason, error))) => Err(unresolved(reason, error.to_string())),
        Err(lost) => Err(Error::Internal(lost.to_string())),
    }
}

fn reason(kind: dns_lookup::LookupErrorKind) -> Lookup {
    use dns_lookup::LookupErrorKind as Kind;
    match kind {
        Kind::NoName | Kind::NoData => Lookup::Unknown,
        Kind::Again => Lookup::Temporary,
        _ => Lookup::Failed,
    }
}
