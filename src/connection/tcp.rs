//! Options of TCP, and what there is to know about an open connection.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};

use super::{Connection, State};
use crate::session::Agreed;

impl Connection {
    /// What TLS has agreed on, while the connection is open.
    pub fn agreed(&mut self) -> Option<Agreed> {
        self.come_back();
        let State::Open(open) = &self.state else { return None };
        open.transport.session().map(crate::session::Session::agreed)
    }

    /// Whether small segments go out at once, without waiting for an acknowledgement.
    ///
    /// # Errors
    /// What the system says, or that the connection is not open.
    pub fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        self.socket(|socket| socket.set_tcp_nodelay(on))
    }

    /// Whether the system probes a silent peer; after how long a silence first. Without one: what it does by default.
    ///
    /// # Errors
    /// As [`Self::set_no_delay`].
    pub fn set_probes(&mut self, on: bool, after: Option<Duration>) -> io::Result<()> {
        self.socket(|socket| match after {
            Some(after) if on => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after)),
            _ => socket.set_keepalive(on),
        })
    }

    /// Sets the type of service (IPv6: the traffic class), and says what it is.
    ///
    /// # Errors
    /// As [`Self::set_no_delay`].
    pub fn type_of_service(&mut self, set: Option<u8>) -> io::Result<u8> {
        self.socket(|socket| {
            let v6 = socket.local_addr()?.is_ipv6();
            if let Some(value) = set {
                set_type_of_service(socket, v6, value)?;
            }
            get_type_of_service(socket, v6)
        })
    }

    fn socket<T>(&mut self, act: impl FnOnce(&SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        self.come_back();
        match &self.state {
            State::Open(open) => act(&open.transport.stream().socket()?),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

#[cfg(unix)]
fn set_type_of_service(socket: &SockRef<'_>, v6: bool, value: u8) -> io::Result<()> {
    if v6 { socket.set_tclass_v6(value.into()) } else { socket.set_tos_v4(value.into()) }
}

#[cfg(unix)]
fn get_type_of_service(socket: &SockRef<'_>, v6: bool) -> io::Result<u8> {
    let value = if v6 { socket.tclass_v6() } else { socket.tos_v4() }?;
    u8::try_from(value).map_err(io::Error::other)
}

#[cfg(not(unix))]
fn set_type_of_service(_: &SockRef<'_>, _: bool, _: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn get_type_of_service(_: &SockRef<'_>, _: bool) -> io::Result<u8> {
    Err(io::ErrorKind::Unsupported.into())
}
