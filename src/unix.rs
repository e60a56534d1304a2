//! Unix domain sockets.
//!
//! A connected one is read and written as a TCP stream is, so it passes for one: the standard library's `TcpStream` is a descriptor, and
//! what it does with it (`recv`, `send`, `shutdown`) is the same for both. Only addresses and the options of TCP are not there.

use std::io;

use tokio::net::TcpStream;

use crate::{
    endpoint::{Endpoint, UnixName},
    inject,
};

/// What a socket that connects has for a name: none.
#[must_use]
pub fn unnamed() -> Endpoint {
    Endpoint::Unix(UnixName(String::new()))
}

/// Connects. While as many as the server lets wait are waiting, this waits, too.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub async fn connect(name: &UnixName) -> io::Result<TcpStream> {
    use socket2::{Domain, SockAddr, Socket, Type};

    /// The system tells nobody when there is room again.
    const FULL: std::time::Duration = std::time::Duration::from_millis(5);

    let address = match name.0.strip_prefix('@') {
        Some(abstract_name) => SockAddr::unix(format!("\0{abstract_name}"))?,
        None => SockAddr::unix(&name.0)?,
    };
    inject::system("unix.socket")?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    while let Err(error) = inject::system("unix.connect").and_then(|()| socket.connect(&address)) {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        tokio::time::sleep(FULL).await;
    }
    inject::system("unix.register")?;
    TcpStream::from_std(socket.into())
}

/// Connects.
///
/// # Errors
/// There are none here.
#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "as where there are some")]
pub async fn connect(_: &UnixName) -> io::Result<TcpStream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there are no Unix domain sockets on this system"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::{linux::net::SocketAddrExt as _, unix::net};

    use super::*;

    /// An abstract name is as long as it says: no zeros fill it up.
    #[tokio::test]
    async fn an_abstract_name_is_found() {
        let name = format!("wintersock-{}", std::process::id());
        let address = net::SocketAddr::from_abstract_name(&name).unwrap();
        let listener = net::UnixListener::bind_addr(&address).unwrap();
        connect(&UnixName(format!("@{name}"))).await.unwrap();
        listener.accept().unwrap();
        let error = connect(&UnixName(format!("@{name}0"))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
