//! Handshakes over TCP, against a rustls server that is a plain thread.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::CryptoProvider,
    server::{ClientHello, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::CertificateDer;

use super::harness::{Owner, Pki, handshake, serve};
use crate::{
    connection::{Progress, Told},
    tls::{Handshake, Options},
};

type Version = &'static SupportedProtocolVersion;
const VERSIONS: [Version; 2] = [&TLS12, &TLS13];

/// A server of one version only.
fn only(pki: &Pki, version: Version) -> ServerConfig {
    ServerConfig::builder_with_protocol_versions(&[version])
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&pki.config.cert_resolver))
}

/// Connects, and hears the server's one word. Returns what it knows of the connection.
fn greeted<T: Send + 'static>(
    config: &Arc<ServerConfig>,
    handshake: Handshake,
    known: impl FnOnce(&ServerConnection) -> T + Send + 'static,
) -> T {
    let config = Arc::clone(config);
    let (address, server) = serve(move |stream| {
        let mut stream = Pki::accept(&config, stream);
        stream.write_all(b"hello").unwrap();
        let known = known(&stream.conn);
        // The ticket, too, is heard before the end.
        let _ = stream.read(&mut [0]);
        known
    });
    let mut owner = Owner::open(address, Some(handshake));
    assert_eq!(owner.read(&mut [0; 16]), Progress::Done(5));
    owner.connection.close(false);
    server.join().unwrap()
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first_in_either_version() {
    for version in VERSIONS {
        let pki = Pki::new();
        let config = Arc::new(only(&pki, version));
        let kind = || greeted(&config, pki.handshake("localhost"), |tls| tls.handshake_kind().unwrap());
        assert_eq!(
            [kind(), kind(), kind()],
            [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]
        );
    }
}

/// Tickets of a server that will not remember the secret.
#[derive(Debug)]
struct Forgetful;

impl ProducesTickets for Forgetful {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut ticket = plain.to_vec();
        // In the midst of the secret, which comes after the server's name.
        ticket[40] ^= 1;
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        Some(ticket.to_vec())
    }
}

#[test]
fn a_ticket_that_leads_to_other_keys_fails_one_handshake_only() {
    let pki = Pki::new();
    let mut config = only(&pki, &TLS12);
    config.ticketer = Arc::new(Forgetful);
    let config = Arc::new(config);
    let kind = || greeted(&config, pki.handshake("localhost"), |tls| tls.handshake_kind().unwrap());
    assert_eq!(kind(), HandshakeKind::Full);
    let again = Arc::clone(&config);
    let (address, server) =
        serve(move |stream| Pki::accept(&again, stream).read(&mut [0]).unwrap_err().to_string());
    assert_eq!(Owner::failed(address, Some(pki.handshake("localhost"))).code(), "ERR_TLS_PROTOCOL");
    let alert = server.join().unwrap();
    assert!(alert.contains("BadRecordMac"), "{alert}");
    assert_eq!(kind(), HandshakeKind::Full);
}

#[test]
fn a_server_may_ask_for_another_key_share() {
    let pki = Pki::new();
    let mut provider = CryptoProvider::clone(pki.config.crypto_provider());
    provider.kx_groups.retain(|group| group.name() == rustls::NamedGroup::secp384r1);
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&pki.config.cert_resolver));
    let kind = greeted(&Arc::new(config), pki.handshake("localhost"), |tls| tls.handshake_kind().unwrap());
    assert_eq!(kind, HandshakeKind::FullWithHelloRetryRequest);
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn keys_are_agreed_on_with_post_quantum_cryptography_at_once() {
    let pki = Pki::new();
    let known = |tls: &ServerConnection| {
        (
            tls.handshake_kind(),
            tls.negotiated_key_exchange_group().map(rustls::crypto::SupportedKxGroup::name),
        )
    };
    let agreed = greeted(&pki.config, pki.handshake("localhost"), known);
    assert_eq!(agreed, (Some(HandshakeKind::Full), Some(rustls::NamedGroup::X25519MLKEM768)));
}

#[test]
fn a_certificate_of_the_client_is_shown_if_asked_for() {
    for version in VERSIONS {
        let pki = Pki::new();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let config = ServerConfig::builder_with_protocol_versions(&[version])
            .with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
            .with_cert_resolver(Arc::clone(&pki.config.cert_resolver));
        let config = Arc::new(config);
        let options = Options {
            ca: Some(vec![pki.authority.clone().into_bytes()]),
            identity: Some((vec![certificate.pem().into_bytes()], key.serialize_pem().into_bytes())),
            ..Options::default()
        };
        let known = |tls: &ServerConnection| tls.peer_certificates().unwrap()[0].to_vec();
        let shown = greeted(&config, handshake("localhost", options), known);
        assert_eq!(shown, certificate.der().to_vec());

        let (address, server) = serve(move |stream| {
            let mut stream = Pki::accept(&config, stream);
            let refused = stream.read(&mut [0]).unwrap_err().to_string();
            // Its alert must not be lost to a reset.
            let _ = stream.sock.read_to_end(&mut Vec::new());
            refused
        });
        let mut owner = Owner::dial(address, Some(pki.handshake("localhost")));
        // In TLS 1.3 the client is done before it is refused.
        if owner.wait() == [Told::Opened] {
            assert_eq!(owner.read(&mut [0]), Progress::Failed);
        }
        assert_eq!(owner.code(), "ERR_TLS_ALERT");
        owner.connection.close(false);
        assert_eq!(server.join().unwrap(), "peer sent no certificates");
    }
}

/// A chain with more in it than is needed.
#[derive(Debug)]
struct Long(Arc<dyn ResolvesServerCert>, CertificateDer<'static>);

impl ResolvesServerCert for Long {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut certified = CertifiedKey::clone(&*self.0.resolve(hello)?);
        certified.cert.extend([self.1.clone(), self.1.clone(), self.1.clone()]);
        Some(Arc::new(certified))
    }
}

#[test]
fn a_chain_may_be_longer_than_records_and_receives() {
    for version in VERSIONS {
        let pki = Pki::new();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "x".repeat(9_000));
        let unneeded = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let mut config = only(&pki, version);
        config.cert_resolver = Arc::new(Long(Arc::clone(&config.cert_resolver), unneeded.der().clone()));
        let kind =
            greeted(&Arc::new(config), pki.handshake("localhost"), |tls| tls.handshake_kind().unwrap());
        assert_eq!(kind, HandshakeKind::Full);
    }
}

/// A server's stream that sends a byte at a time.
struct Dribble(TcpStream);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dribble {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(&data[..1])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_server_may_send_a_byte_at_a_time() {
    for version in VERSIONS {
        let pki = Pki::new();
        let config = Arc::new(only(&pki, version));
        let (address, server) = serve(move |stream| {
            stream.set_nodelay(true).unwrap();
            let tls = ServerConnection::new(config).unwrap();
            let mut stream = StreamOwned::new(tls, Dribble(stream));
            stream.write_all(b"hello").unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
        assert_eq!(owner.read_all(100), b"hello");
        server.join().unwrap();
    }
}

#[test]
fn what_the_server_says_with_its_last_word_of_the_handshake_is_data() {
    let pki = Pki::new();
    let mut config = only(&pki, &TLS13);
    config.send_half_rtt_data = true;
    let (address, server) = serve(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        tls.read_tls(&mut stream).unwrap();
        tls.process_new_packets().unwrap();
        tls.writer().write_all(b"hello").unwrap();
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).unwrap();
        }
        flight.extend(b"and what is this?");
        stream.write_all(&flight).unwrap();
        // Nothing more comes.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    assert_eq!(owner.connection.read(&mut [0; 16]), Progress::Done(5));
    assert_eq!(owner.connection.read(&mut [0; 16]), Progress::Failed, "not the handshake has failed");
    assert_eq!(owner.code(), "ERR_TLS_PROTOCOL");
    owner.connection.abort(false);
    server.join().unwrap();
}

#[test]
fn both_sides_may_be_full_at_once() {
    const LARGE: usize = 12 << 20;
    for version in VERSIONS {
        let pki = Pki::new();
        let config = Arc::new(only(&pki, version));
        let (address, server) = serve(move |stream| {
            let mut stream = Pki::accept(&config, stream);
            let mut buffer = vec![0; 100_000];
            let mut left = LARGE;
            // It reads no more as long as its echo is not taken.
            while left > 0 {
                let length = stream.read(&mut buffer).unwrap();
                stream.write_all(&buffer[..length]).unwrap();
                left -= length;
            }
        });
        let said: Vec<u8> = (0..LARGE).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
        let (mut taken, mut got, mut buffer) = (0, Vec::new(), vec![0; 65_536]);
        let mut was_full = false;
        while got.len() < LARGE {
            let Progress::Done(length) = owner.connection.write(&said[taken..], None) else {
                panic!("{}", owner.code())
            };
            taken += length;
            was_full |= length == 0 && taken < LARGE;
            // Only once nothing more is taken.
            match owner.connection.read(&mut buffer) {
                Progress::Done(length) => got.extend_from_slice(&buffer[..length]),
                Progress::Wait => drop(owner.wait()),
                other => panic!("{other:?}: {}", owner.code()),
            }
        }
        assert!(was_full);
        assert!(got == said);
        server.join().unwrap();
    }
}
