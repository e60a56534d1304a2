//! The peer in a process of its own, and connections to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;

/// Longer than anything here takes; only a defect waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `wintersock-bench-peer`.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wintersock-bench-peer"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    /// The next line it says.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Says `line` to it, for its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.next()
    }

    /// Ends its stdin and waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.stdin = None;
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `serve`, and how to get there.
pub(crate) struct Servers {
    pub(crate) process: Process,
    pub(crate) announced: Value,
    tls: Arc<ClientConfig>,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let mut process = Process::start(&["serve"]);
        let announced = process.next();
        let tls = config(&announced, &rustls::version::TLS13);
        Self { process, announced, tls }
    }

    /// Configures connections over TLS anew, with no session to resume.
    pub(crate) fn speak(&mut self, version: &'static SupportedProtocolVersion) {
        self.tls = config(&self.announced, version);
    }

    pub(crate) fn plain(&self, port: &str) -> Connection {
        Connection::Plain(self.stream("plain", port))
    }

    pub(crate) fn tls(&self, port: &str) -> Connection {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = ClientConnection::new(self.tls.clone(), name).unwrap();
        Connection::Tls(Box::new(StreamOwned::new(session, self.stream("tls", port))))
    }

    /// The same port without and with TLS.
    pub(crate) fn both(&self, port: &str) -> [Connection; 2] {
        [self.plain(port), self.tls(port)]
    }

    fn stream(&self, ports: &str, port: &str) -> TcpStream {
        let port = self.announced[ports][port].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

fn config(announced: &Value, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let ca = announced["ca"].as_str().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

pub(crate) enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes),
        }
        .unwrap();
    }

    /// The next bytes, as many.
    pub(crate) fn receive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        match self {
            Self::Plain(stream) => stream.read_exact(&mut bytes),
            Self::Tls(stream) => stream.read_exact(&mut bytes),
        }
        .unwrap();
        bytes
    }

    /// Whether bytes have come that were not yet received.
    pub(crate) fn has_more(&mut self) -> bool {
        self.stream().set_nonblocking(true).unwrap();
        let found = match self {
            Self::Plain(stream) => stream.read(&mut [0]),
            Self::Tls(stream) => stream.read(&mut [0]),
        };
        self.stream().set_nonblocking(false).unwrap();
        found.is_ok()
    }

    /// Says that nothing follows: with TLS in its way alone.
    pub(crate) fn end(&mut self) {
        match self {
            Self::Plain(stream) => stream.shutdown(Shutdown::Write).unwrap(),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.conn.write_tls(&mut stream.sock).unwrap();
            }
        }
    }

    /// What comes until the peer ends the connection, which it has to do in an orderly way.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Plain(stream) => stream.read_to_end(&mut bytes),
            Self::Tls(stream) => stream.read_to_end(&mut bytes),
        }
        .unwrap();
        bytes
    }

    pub(crate) fn handshake(&self) -> Option<HandshakeKind> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.conn.handshake_kind(),
        }
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }
}
