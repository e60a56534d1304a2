//! One thread that serves all connections.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use rustls::{ServerConfig, server::UnbufferedServerConnection};
use slab::Slab;

use crate::{
    edge::Edge,
    service::{Kind, Sent, Service},
    tls::Session,
    wire::{Received, Scratch, Wire},
};

/// A port and what is served there.
pub(crate) struct Port {
    /// Does not block.
    pub(crate) listener: TcpListener,
    pub(crate) kind: Kind,
    /// Without: plain TCP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

struct Connection {
    wire: Wire<Edge>,
    service: Service,
    /// The peer sends no more.
    ended: bool,
}

/// What a turn of a connection came to.
enum Turn {
    /// Nothing to do before the next event.
    Wait,
    /// There is more to do at once, but others come first.
    Again,
    Over,
}

/// How often a connection may send and receive before it is the turn of others.
const STEPS: usize = 16;

/// Serves `ports` until something fails that concerns more than one connection.
///
/// # Errors
/// If readiness cannot be had, or a connection cannot be accepted.
pub(crate) fn run(mut ports: Vec<Port>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    for (index, port) in ports.iter_mut().enumerate() {
        poll.registry().register(&mut port.listener, Token(index), Interest::READABLE)?;
    }
    let mut connections: Slab<Connection> = Slab::new();
    let mut scratch = Scratch::new();
    let mut again: Vec<usize> = Vec::new();
    let mut turns: Vec<usize> = Vec::new();
    loop {
        let timeout = if again.is_empty() { None } else { Some(Duration::ZERO) };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        turns.append(&mut again);
        for event in &events {
            let Some(key) = event.token().0.checked_sub(ports.len()) else {
                accept(&ports, event.token(), &poll, &mut connections)?;
                continue;
            };
            if let Some(connection) = connections.get_mut(key) {
                connection.wire.stream().wake(event.is_read_closed() || event.is_error());
                turns.push(key);
            }
        }
        for key in turns.drain(..) {
            let Some(connection) = connections.get_mut(key) else { continue };
            match connection.turn(&mut scratch) {
                Ok(Turn::Wait) => {}
                Ok(Turn::Again) => again.push(key),
                // A broken connection concerns nobody else.
                Ok(Turn::Over) | Err(_) => {
                    let mut connection = connections.remove(key);
                    let _ = poll.registry().deregister(connection.wire.stream().stream());
                }
            }
        }
    }
}

/// Accepts all that wait at the port of `token`.
fn accept(ports: &[Port], token: Token, poll: &Poll, connections: &mut Slab<Connection>) -> io::Result<()> {
    let Some(port) = ports.get(token.0) else { return Ok(()) };
    loop {
        let stream = match port.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(()),
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
                    continue;
                }
                _ => return Err(error),
            },
        };
        let entry = connections.vacant_entry();
        let token = Token(ports.len() + entry.key());
        // One that cannot be set up is gone already, and concerns nobody else.
        if let Ok(connection) = Connection::new(stream, port, token, poll) {
            entry.insert(connection);
        }
    }
}

impl Connection {
    fn new(mut stream: TcpStream, port: &Port, token: Token, poll: &Poll) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let tls = match &port.tls {
            Some(config) => Some(Session::Server(
                UnbufferedServerConnection::new(config.clone()).map_err(io::Error::other)?,
            )),
            None => None,
        };
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { wire: Wire::new(Edge::new(stream), tls), service: Service::new(port.kind), ended: false })
    }

    /// Sends and receives until there is nothing to do.
    fn turn(&mut self, scratch: &mut Scratch) -> io::Result<Turn> {
        for _ in 0..STEPS {
            if !self.wire.flush()? {
                return Ok(Turn::Wait);
            }
            match self.service.send(&mut self.wire, scratch)? {
                Sent::Blocked => return Ok(Turn::Wait),
                Sent::Part => return Ok(Turn::Again),
                Sent::All => {}
            }
            if self.ended {
                self.wire.say_end()?;
                return Ok(if self.wire.flush()? { Turn::Over } else { Turn::Wait });
            }
            match self.wire.read(scratch)? {
                Received::Nothing => return Ok(Turn::Wait),
                Received::Bytes(length) => self.service.receive(&scratch.plain[..length]),
                Received::End => self.ended = true,
            }
        }
        Ok(Turn::Again)
    }
}
