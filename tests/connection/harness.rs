//! A JavaScript thread without JavaScript: owns connections, and waits for what they are told.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Weak,
        mpsc::{Receiver, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    connection::{Connection, Progress, Told},
    error::Error,
    notify::{Notifier, Tell},
    runtime::{Environment, Event},
    target::{Place, Target},
    tls::{Credentials, Handshake, Options},
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivateKeyDer;

/// Longer than anything here takes; only a defect waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
const ID: u32 = 1;

/// One connection and its thread.
pub(crate) struct Owner {
    environment: Arc<Environment>,
    woken: Receiver<()>,
    pub(crate) connection: Connection,
    /// How often a task that read ahead has said that it is over.
    pub(crate) returned: usize,
}

impl Owner {
    pub(crate) fn dial(address: SocketAddr, handshake: Option<Handshake>) -> Self {
        Self::dialing(address, handshake, None)
    }

    /// `ahead_after`: after how many bytes in a row the connection reads ahead.
    fn dialing(address: SocketAddr, handshake: Option<Handshake>, ahead_after: Option<u64>) -> Self {
        let (sender, woken) = channel();
        let environment = Environment::new(
            move || {
                let _ = sender.send(());
            },
            ahead_after,
        );
        let notifier = Notifier::Thread(Arc::clone(&environment) as Arc<dyn Tell>);
        let place = Place::Host { host: "127.0.0.1".into(), port: address.port() };
        let target = Target {
            place,
            text: format!("localhost:{}", address.port()),
            name: None,
            family: None,
            timeout: None,
        };
        let config = Arc::default();
        let connection =
            Connection::dial(Arc::clone(&environment), notifier, ID, target, config, handshake, false)
                .unwrap();
        Self { environment, woken, connection, returned: 0 }
    }

    pub(crate) fn open(address: SocketAddr, handshake: Option<Handshake>) -> Self {
        Self::opening(address, handshake, None)
    }

    /// A connection that reads ahead after so many bytes in a row.
    pub(crate) fn open_ahead(address: SocketAddr, handshake: Option<Handshake>, after: u64) -> Self {
        Self::opening(address, handshake, Some(after))
    }

    fn opening(address: SocketAddr, handshake: Option<Handshake>, ahead_after: Option<u64>) -> Self {
        let mut owner = Self::dialing(address, handshake, ahead_after);
        owner.expect(Told::Opened);
        owner
    }

    /// Waits until told `what`. What else it is told is spurious, which is allowed.
    pub(crate) fn expect(&mut self, what: Told) {
        loop {
            let told = self.wait();
            if told.contains(&what) {
                return;
            }
            assert!(!told.contains(&Told::Failed), "{:?}", self.connection.failure());
        }
    }

    /// The next batch.
    pub(crate) fn wait(&mut self) -> Vec<Told> {
        self.woken.recv_timeout(PATIENCE).expect("an event comes");
        self.settle()
    }

    /// What there is, without waiting for it.
    pub(crate) fn settle(&mut self) -> Vec<Told> {
        let events = self.environment.drain();
        self.returned += events.iter().filter(|(_, event)| matches!(event, Event::Returned)).count();
        events.into_iter().filter_map(|(_, event)| self.connection.settle(event)).collect()
    }

    /// Reads once, waiting until there is something.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Progress {
        loop {
            match self.connection.read(buffer) {
                Progress::Wait => self.expect(Told::Readable),
                progress => return progress,
            }
        }
    }

    /// Reads to the end.
    pub(crate) fn read_all(&mut self, chunk: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = vec![0; chunk];
        loop {
            match self.read(&mut buffer) {
                Progress::Done(length) => all.extend_from_slice(&buffer[..length]),
                Progress::End => return all,
                other => panic!("{other:?}: {:?}", self.connection.failure()),
            }
        }
    }

    pub(crate) fn write_all(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            match self.connection.write(data, None) {
                Progress::Done(length) => data = &data[length..],
                other => panic!("{other:?}: {:?}", self.connection.failure()),
            }
            if !data.is_empty() {
                self.expect(Told::Writable);
            }
        }
    }

    pub(crate) fn shutdown(&mut self) {
        while self.connection.shutdown() == Progress::Wait {
            self.expect(Told::Writable);
        }
    }

    /// Whether a task reads ahead.
    pub(crate) fn is_ahead(&self) -> bool {
        // Nothing but the time that it takes shows it to callers, and so it should be.
        format!("{:?}", self.connection).contains("ahead: Some(")
    }

    /// Ends the environment, and its tasks with it.
    pub(crate) fn end_environment(&self) {
        self.environment.cancel();
    }

    /// Goes away, and says whether anything still holds on to what its connection shared with tasks.
    pub(crate) fn leave(self) -> Weak<Environment> {
        Arc::downgrade(&self.environment)
    }

    pub(crate) fn code(&self) -> &'static str {
        self.connection.failure().map_or("none", Error::code)
    }

    /// How an attempt to connect failed.
    pub(crate) fn failed(address: SocketAddr, handshake: Option<Handshake>) -> Error {
        let mut owner = Self::dial(address, handshake);
        assert_eq!(owner.wait(), [Told::Failed]);
        owner.connection.failure().unwrap().clone()
    }
}

/// A server for one connection.
pub(crate) fn serve<T: Send + 'static>(
    behave: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (address, std::thread::spawn(move || behave(listener.accept().unwrap().0)))
}

pub(crate) type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// An authority and a server certificate of it for `localhost`.
pub(crate) struct Pki {
    pub(crate) authority: String,
    pub(crate) config: Arc<ServerConfig>,
}

/// A handshake with these options.
pub(crate) fn handshake(name: &str, options: Options) -> Handshake {
    Handshake::new(name, None, &Credentials::new(options).unwrap()).unwrap()
}

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority of the tests");
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&leaf_key, &issuer)
            .unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self { authority, config: Arc::new(config) }
    }

    pub(crate) fn handshake(&self, name: &str) -> Handshake {
        let ca = Some(vec![self.authority.clone().into_bytes()]);
        handshake(name, Options { ca, ..Options::default() })
    }

    pub(crate) fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> TlsStream {
        StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream)
    }

    /// A TLS server for one connection.
    pub(crate) fn serve<T: Send + 'static>(
        &self,
        behave: impl FnOnce(TlsStream) -> T + Send + 'static,
    ) -> (SocketAddr, JoinHandle<T>) {
        let config = Arc::clone(&self.config);
        serve(move |stream| behave(Self::accept(&config, stream)))
    }
}
