//! A connection that blocks: the fastest way to do one thing at a time.

use std::{
    io::{self, ErrorKind},
    net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs},
    sync::Arc,
};

use rustls::{
    ClientConfig, HandshakeKind, RootCertStore,
    client::UnbufferedClientConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::job::Job;
use crate::{
    tls::Session,
    wire::{Received, Scratch, Wire},
};

/// Connects to the ports of one host, again and again. Clones share sessions to resume.
#[derive(Clone)]
pub(crate) struct Dialler {
    host: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// A connection.
pub(crate) struct Link {
    pub(crate) wire: Wire<TcpStream>,
}

impl Dialler {
    /// What a job's connections have in common.
    ///
    /// # Errors
    /// If there is no such host, or nothing that could be trusted.
    pub(crate) fn new(job: &Job) -> io::Result<Self> {
        let mut addresses = (job.host.as_str(), 0).to_socket_addrs()?;
        let host = addresses.next().ok_or_else(|| io::Error::from(ErrorKind::HostUnreachable))?;
        let tls = if job.tls {
            let name = ServerName::try_from(job.host.clone()).map_err(io::Error::other)?;
            Some((Arc::new(config(&job.ca)?), name))
        } else {
            None
        };
        Ok(Self { host, tls })
    }

    /// A connection to `port`, its handshake done.
    ///
    /// # Errors
    /// If it cannot be had.
    pub(crate) fn open(&self, port: u16, scratch: &mut Scratch) -> io::Result<Link> {
        let mut address = self.host;
        address.set_port(port);
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let tls = match &self.tls {
            None => None,
            Some((config, name)) => {
                let session = UnbufferedClientConnection::new(config.clone(), name.clone());
                Some(Session::Client(session.map_err(io::Error::other)?))
            }
        };
        let mut wire = Wire::new(stream, tls);
        wire.begin()?;
        while wire.is_handshaking() {
            wire.flush()?;
            if wire.read(scratch)? == Received::End {
                return Err(ended());
            }
        }
        wire.flush()?;
        Ok(Link { wire })
    }
}

impl Link {
    /// Whether the session was resumed.
    pub(crate) fn is_resumed(&self) -> bool {
        self.wire.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(crate) fn send(&mut self, mut bytes: &[u8], scratch: &mut Scratch) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.wire.write(bytes, scratch)?;
            bytes = &bytes[sent..];
        }
        self.wire.flush()?;
        Ok(())
    }

    /// Reads `bytes` bytes, and leaves them in `scratch` in part.
    ///
    /// # Errors
    /// If the connection is broken or ends before, or more comes.
    pub(crate) fn receive(&mut self, bytes: u64, scratch: &mut Scratch) -> io::Result<()> {
        let mut missing = bytes;
        while missing > 0 {
            match self.wire.read(scratch)? {
                Received::Bytes(length) => {
                    missing = missing.checked_sub(length as u64).ok_or_else(excess)?;
                }
                Received::Nothing => {}
                Received::End => return Err(ended()),
            }
        }
        Ok(())
    }

    /// Ends the connection and waits until the peer has ended it as well.
    ///
    /// # Errors
    /// If it breaks, or something comes that was not asked for.
    pub(crate) fn close(mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.wire.say_end()?;
        self.wire.flush()?;
        self.wire.stream().shutdown(Shutdown::Write)?;
        loop {
            match self.wire.read(scratch)? {
                Received::End => return Ok(()),
                // TLS's own talk: tickets.
                Received::Nothing | Received::Bytes(0) => {}
                Received::Bytes(_) => return Err(excess()),
            }
        }
    }
}

/// What trusts the certificates in `ca` alone. Sessions are resumed where the server offers it, as rustls does by itself.
fn config(ca: &str) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    Ok(config
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

pub(crate) fn ended() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the peer ended the connection")
}

pub(crate) fn excess() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the peer sent more than was asked for")
}
