//! Ways out through a proxy.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "placeholder")]
use crate::{error::Error, runtime::Environment};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;
#[derive(Debug, Clone)]
pub enum Kind {
    Http,
    Https(crate::tls::Handshake),
    Socks5,
    Socks5h,
}
#[derive(Debug, Clone)]
pub struct Proxy {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
    pub credentials: Option<(String, String)>,
    pub text: String,
}
pub enum Destination<'a> {
    Name(&'a str, u16),
    Address(SocketAddr),
}
pub struct Through {
    pub stream: TcpStream,
    pub tunnelled: bool,
}
impl Proxy {
    pub fn resolves_here(&self) -> bool {
        matches!(self.kind, Kind::Socks5)
    }
    pub async fn connect(
        &self,
        stream: TcpStream,
        _: Destination<'_>,
        _: &str,
        _: &Arc<Environment>,
    ) -> Result<Through, Error> {
        Ok(Through { stream, tunnelled: false })
    }
}
