//! A TLS session against a rustls server in memory, where every cut and every full buffer can be had at will.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    AlertDescription, CipherSuiteCommon, ClientConfig, InvalidMessage, RootCertStore, ServerConfig,
    ServerConnection, SupportedCipherSuite, SupportedProtocolVersion, Tls12CipherSuite, Tls13CipherSuite,
    crypto::CryptoProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};

use super::harness::Pki;
use crate::{
    notify::{Interest, Notify},
    session::{Records, Session},
    transport::{Broken, Read},
};

const VERSIONS: [Version; 2] = [&TLS12, &TLS13];
type Version = &'static SupportedProtocolVersion;

/// What is held at most in each direction: 64 KiB and what TLS adds.
const BOUND: usize = 66_000;

/// The stream underneath.
#[derive(Debug, Default)]
struct Wire {
    incoming: RefCell<VecDeque<u8>>,
    /// What a receive finds at most. 0: all.
    cut: Cell<usize>,
    fin: Cell<bool>,
    /// Told once.
    error: Cell<Option<io::ErrorKind>>,
    receives: Cell<usize>,
    outgoing: RefCell<Vec<u8>>,
    /// What can be sent. `None`: all.
    room: Cell<Option<usize>>,
    waits_for_room: Cell<bool>,
}

impl Wire {
    /// How much the client has not received yet.
    fn unheard(&self) -> usize {
        self.incoming.borrow().len()
    }
}

impl Notify for Wire {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receives.set(self.receives.get() + 1);
        let mut incoming = self.incoming.borrow_mut();
        if incoming.is_empty() {
            let error = self.error.take().unwrap_or(io::ErrorKind::WouldBlock);
            return if self.fin.get() { Ok(0) } else { Err(error.into()) };
        }
        let cut = if self.cut.get() == 0 { buffer.len() } else { self.cut.get().min(buffer.len()) };
        incoming.read(&mut buffer[..cut])
    }

    fn try_peek(&self) -> io::Result<bool> {
        unreachable!("a session receives")
    }

    fn try_write(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let [data] = buffers else { panic!("one buffer is cheaper") };
        let length = self.room.get().map_or(data.len(), |room| room.min(data.len()));
        self.room.set(self.room.get().map(|room| room - length));
        self.outgoing.borrow_mut().extend_from_slice(&data[..length]);
        if length == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(length) }
    }

    fn take_error(&self) -> Option<io::Error> {
        None
    }

    fn shutdown(&self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&self) {}

    fn watch(&self, interest: Interest) {
        assert_eq!(interest, Interest::Writable, "the transport watches for the rest");
        self.waits_for_room.set(true);
    }

    fn tell(&self, _: Interest) {}
}

/// A server's and its client's configuration.
struct Set {
    client: ClientConfig,
    server: ServerConfig,
}

impl Set {
    fn new(version: Version) -> Self {
        Self::with_provider(version, provider())
    }

    fn with_provider(version: Version, provider: CryptoProvider) -> Self {
        let pki = Pki::new();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pki.authority.as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder_with_protocol_versions(&[version])
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&pki.config.cert_resolver));
        Self { client, server }
    }

    /// The client's keys are worn out after so many records.
    fn weak(version: Version, records: u64) -> Self {
        let mut provider = provider();
        let suites = provider.cipher_suites.iter().filter(|suite| suite.version() == version);
        provider.cipher_suites = suites.take(1).map(|suite| weakened(*suite, records)).collect();
        Self::with_provider(version, provider)
    }

    fn begin(self) -> (Records, ServerConnection) {
        let name = ServerName::try_from("localhost").unwrap();
        let mut server = ServerConnection::new(Arc::new(self.server)).unwrap();
        server.set_buffer_limit(None);
        (Records::new(Arc::new(self.client), name).unwrap(), server)
    }

    /// Does the handshake. Each receive finds `cut` bytes at most; 0: all.
    fn open(self, cut: usize) -> Pair {
        let (mut records, mut server) = self.begin();
        let wire = Wire::default();
        wire.cut.set(cut);
        while records.is_handshaking() {
            send(&wire, &mut records);
            hear(&wire, &mut server).unwrap();
            bring(&wire, &mut server);
            while records.receive(&mut [], |buffer| wire.try_read(buffer)).is_some() {}
            assert!(!records.ended().unwrap());
        }
        send(&wire, &mut records);
        let mut pair = Pair { wire, server, session: Session::new(records, None) };
        assert_eq!(pair.hear(), b"");
        // Tickets, perhaps.
        bring(&pair.wire, &mut pair.server);
        assert_eq!(pair.read(64).unwrap(), b"");
        pair
    }
}

fn provider() -> CryptoProvider {
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    CryptoProvider::clone(config.crypto_provider())
}

fn weakened(suite: SupportedCipherSuite, confidentiality_limit: u64) -> SupportedCipherSuite {
    let weak = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit,
    };
    match suite {
        SupportedCipherSuite::Tls12(suite) => {
            let Tls12CipherSuite { ref common, prf_provider, kx, sign, aead_alg } = *suite;
            let common = weak(common);
            SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                common,
                prf_provider,
                kx,
                sign,
                aead_alg,
            })))
        }
        SupportedCipherSuite::Tls13(suite) => {
            let Tls13CipherSuite { ref common, hkdf_provider, aead_alg, quic } = *suite;
            let common = weak(common);
            SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                common,
                hkdf_provider,
                aead_alg,
                quic,
            })))
        }
    }
}

fn send(wire: &Wire, records: &mut Records) {
    assert!(records.send(|bytes| wire.try_write(&[io::IoSlice::new(bytes)])).unwrap());
}

/// Lets the server take what was sent. Returns the plaintext.
fn hear(wire: &Wire, server: &mut ServerConnection) -> Result<Vec<u8>, rustls::Error> {
    let sent = wire.outgoing.take();
    let (mut rest, mut all) = (&sent[..], Vec::new());
    while !rest.is_empty() && server.read_tls(&mut rest).unwrap() > 0 {
        server.process_new_packets()?;
        let _ = server.reader().read_to_end(&mut all);
    }
    Ok(all)
}

/// Brings what the server has to say to the client.
fn bring(wire: &Wire, server: &mut ServerConnection) {
    while server.wants_write() {
        server.write_tls(&mut *wire.incoming.borrow_mut()).unwrap();
    }
}

/// A session and its server.
struct Pair {
    wire: Wire,
    server: ServerConnection,
    session: Session,
}

impl Pair {
    fn open(version: Version) -> Self {
        Set::new(version).open(0)
    }

    fn say(&mut self, data: &[u8]) {
        self.server.writer().write_all(data).unwrap();
        bring(&self.wire, &mut self.server);
    }

    fn end(&mut self) {
        self.server.send_close_notify();
        bring(&self.wire, &mut self.server);
    }

    fn hear(&mut self) -> Vec<u8> {
        hear(&self.wire, &mut self.server).unwrap()
    }

    /// What is there, read in buffers of `length`. A `.` at the end: the peer's end.
    fn read(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; length]);
        loop {
            match self.session.read(&self.wire, &mut buffer) {
                Ok(Read::Data(length)) => all.extend_from_slice(&buffer[..length]),
                Ok(Read::Wait) => return Ok(all),
                Ok(Read::End) => return Ok([&all[..], b"."].concat()),
                // It has to come again.
                Err(_) if !all.is_empty() => return Ok(all),
                Err(broken) => return Err(broken),
            }
        }
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// Numbers that look random, always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

fn is_alert(broken: &Broken, alert: AlertDescription) -> bool {
    matches!(broken, Broken::Tls(rustls::Error::AlertReceived(received)) if *received == alert)
}

#[test]
fn it_does_not_matter_how_the_stream_is_cut() {
    for version in VERSIONS {
        // One byte at a time, from the first of the handshake.
        let mut pair = Set::new(version).open(1);
        pair.say(&pattern(40_000));
        assert!(pair.read(1000).unwrap() == pattern(40_000));
        for seed in 0..60 {
            let mut dice = Dice(seed);
            let mut pair = Set::new(version).open(1 + dice.below(3000));
            let (mut said, mut got) = (Vec::new(), Vec::new());
            for _ in 0..12 {
                let message = pattern(dice.below(50_000));
                pair.say(&message);
                said.extend_from_slice(&message);
                pair.wire.cut.set(dice.below(70_000));
                got.extend(pair.read(1 + dice.below(100_000)).unwrap());
            }
            assert!(got == said, "{version:?}, {seed}");
            assert_eq!(pair.session.held(), 0);
        }
    }
}

#[test]
fn a_record_may_be_cut_anywhere() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        pair.say(b"first");
        pair.say(b"second");
        for cut in 1..pair.wire.unheard() {
            let rest = pair.wire.incoming.borrow_mut().split_off(cut);
            let mut got = pair.read(100).unwrap();
            assert!(b"firstsecond".starts_with(&got[..]), "nothing before its record is whole");
            pair.wire.incoming.borrow_mut().extend(rest);
            got.extend(pair.read(100).unwrap());
            assert_eq!(got, b"firstsecond", "cut at {cut}");
            assert_eq!(pair.session.held(), 0);
            pair.say(b"first");
            pair.say(b"second");
        }
    }
}

#[test]
fn a_small_buffer_takes_a_large_record_in_pieces_from_one_receive() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        let said = pattern(30_000);
        pair.say(&said);
        let before = pair.wire.receives.get();
        for (index, &byte) in said.iter().enumerate() {
            let mut buffer = [0];
            assert_eq!(pair.session.read(&pair.wire, &mut buffer).unwrap(), Read::Data(1));
            assert_eq!(buffer[0], byte);
            assert_eq!(pair.session.holds_more(), index + 1 < said.len());
        }
        assert_eq!(pair.wire.receives.get() - before, 1);
        assert_eq!(pair.session.held(), 0);
    }
}

#[test]
fn a_read_is_filled_by_as_many_records_as_one_receive_brings() {
    let mut pair = Pair::open(&TLS13);
    pair.say(&pattern(200_000));
    let mut buffer = vec![0; 65_536];
    let before = pair.wire.receives.get();
    for read in 1..=3 {
        assert_eq!(pair.session.read(&pair.wire, &mut buffer).unwrap(), Read::Data(65_536));
        assert_eq!(pair.wire.receives.get() - before, read);
        assert_eq!(pair.session.held(), 0, "a receive ends where a record ends");
    }
}

#[test]
fn a_peek_takes_nothing() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        assert_eq!(pair.session.peek(&pair.wire).unwrap(), Read::Wait);
        pair.say(b"data");
        pair.end();
        for _ in 0..2 {
            assert_eq!(pair.session.peek(&pair.wire).unwrap(), Read::Data(1));
        }
        assert_eq!(pair.read(3).unwrap(), b"data.");
        assert_eq!(pair.session.peek(&pair.wire).unwrap(), Read::End);
    }
}

#[test]
fn what_is_put_back_comes_first() {
    let mut pair = Pair::open(&TLS13);
    pair.say(b"three");
    assert_eq!(pair.session.peek(&pair.wire).unwrap(), Read::Data(1));
    pair.session.put_back(b"two".to_vec());
    pair.session.put_back(b"one".to_vec());
    assert!(pair.session.holds_more());
    assert_eq!(pair.read(2).unwrap(), b"onetwothree");
    pair.session.put_back(Vec::with_capacity(9));
    assert!(!pair.session.holds_more());
    assert_eq!(pair.session.held(), 0);
}

#[test]
fn what_comes_with_the_end_of_the_handshake_is_data() {
    // TLS 1.3 lets the server speak before it has heard the client's last word, TLS 1.2 right after it.
    for version in VERSIONS {
        let mut set = Set::new(version);
        set.server.send_half_rtt_data = true;
        let (mut records, mut server) = set.begin();
        let wire = Wire::default();
        if version == &TLS12 {
            send(&wire, &mut records);
            hear(&wire, &mut server).unwrap();
            bring(&wire, &mut server);
            records.receive(&mut [], |buffer| wire.try_read(buffer)).unwrap();
        }
        send(&wire, &mut records);
        hear(&wire, &mut server).unwrap();
        server.writer().write_all(&pattern(20_000)).unwrap();
        bring(&wire, &mut server);
        records.receive(&mut [], |buffer| wire.try_read(buffer)).unwrap();
        assert!(!records.is_handshaking());
        send(&wire, &mut records);
        assert_eq!(hear(&wire, &mut server).unwrap(), b"");
        let mut pair = Pair { wire, server, session: Session::new(records, None) };
        assert!(pair.session.holds_more(), "no stream becomes readable for it");
        assert!(pair.read(1000).unwrap() == pattern(20_000));
    }
}

#[test]
fn a_handshake_message_may_be_longer_than_its_records() {
    for version in VERSIONS {
        for fragment in [64, 1000] {
            let mut set = Set::new(version);
            set.server.max_fragment_size = Some(fragment);
            let mut pair = set.open(100);
            pair.say(b"x");
            assert_eq!(pair.read(9).unwrap(), b"x");
        }
    }
}

#[test]
fn a_write_between_the_parts_of_a_ticket_is_nothing_special() {
    let mut set = Set::new(&TLS13);
    set.server.max_fragment_size = Some(64);
    let (mut records, mut server) = set.begin();
    let wire = Wire::default();
    while records.is_handshaking() {
        send(&wire, &mut records);
        hear(&wire, &mut server).unwrap();
        // The tickets come afterwards.
        if records.is_handshaking() {
            bring(&wire, &mut server);
        }
        records.receive(&mut [], |buffer| wire.try_read(buffer));
    }
    send(&wire, &mut records);
    let mut pair = Pair { wire, server, session: Session::new(records, None) };
    assert_eq!(pair.hear(), b"");
    bring(&pair.wire, &mut pair.server);
    assert!(pair.wire.unheard() > 200, "tickets have come");
    pair.wire.cut.set(1);
    let mut in_parts = 0;
    while pair.wire.unheard() > 0 {
        let rest = pair.wire.incoming.borrow_mut().split_off(1);
        assert_eq!(pair.read(9).unwrap(), b"");
        pair.wire.incoming.borrow_mut().extend(rest);
        in_parts += usize::from(pair.session.held() > 0);
        assert_eq!(pair.session.write(&pair.wire, b"x").unwrap(), 1);
        assert_eq!(pair.hear(), b"x");
    }
    assert!(in_parts > 200);
    assert_eq!(pair.session.held(), 0);
    pair.session.announce_end();
    assert!(pair.session.flush(&pair.wire).unwrap());
    pair.hear();
    assert_eq!(pair.server.reader().read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_handshake_message_without_end_is_refused() {
    let (mut records, _) = Set::new(&TLS13).begin();
    let wire = Wire::default();
    // A certificate that is said to be of 60,000 bytes, a few in each record.
    let mut header = Some([11, 0, 0xea, 0x60]);
    for _ in 0..60_000 {
        let payload = header.take().unwrap_or([0; 4]);
        wire.incoming.borrow_mut().extend([22, 3, 3, 0, 4]);
        wire.incoming.borrow_mut().extend(payload);
        records.receive(&mut [], |buffer| wire.try_read(buffer));
        if let Err(broken) = records.ended() {
            let too_large = rustls::Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge);
            assert!(matches!(broken, Broken::Tls(error) if error == too_large));
            return;
        }
    }
    panic!("{records:?}");
}

#[test]
fn keys_change_in_both_directions_under_load() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        // The client changes its own after 30 records.
        let mut pair = Set::weak(&TLS13, 30).open(0);
        let (mut said, mut got, mut written, mut heard) = (vec![], vec![], vec![], vec![]);
        for _ in 0..100 {
            pair.wire.cut.set(dice.below(30_000));
            let message = pattern(dice.below(40_000));
            pair.say(&message);
            said.extend_from_slice(&message);
            if dice.below(3) == 0 {
                pair.server.refresh_traffic_keys().unwrap();
            }
            let message = pattern(dice.below(70_000));
            assert_eq!(pair.session.write(&pair.wire, &message).unwrap(), message.len());
            written.extend_from_slice(&message);
            heard.extend(pair.hear());
            got.extend(pair.read(20_000).unwrap());
        }
        pair.say(b"");
        got.extend(pair.read(20_000).unwrap());
        assert!(got == said && heard == written, "{seed}");
    }
}

#[test]
fn worn_out_keys_of_tls_1_2_end_the_writing_with_a_word() {
    let mut pair = Set::weak(&TLS12, 10).open(0);
    let mut written = 0;
    let broken = loop {
        match pair.session.write(&pair.wire, b"x") {
            Ok(taken) => written += taken,
            Err(broken) => break broken,
        }
    };
    assert!(matches!(broken, Broken::Tls(rustls::Error::EncryptError)), "{broken:?}");
    assert!(pair.session.flush(&pair.wire).unwrap());
    assert!(pair.session.write(&pair.wire, b"x").is_err());
    assert_eq!(pair.hear().len(), written);
    assert_eq!(pair.server.reader().read(&mut [0]).unwrap(), 0, "close_notify");
    pair.say(b"still heard");
    assert_eq!(pair.read(99).unwrap(), b"still heard");
}

#[test]
fn the_end_that_comes_with_the_data_comes_after_it_and_before_what_follows() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        pair.say(b"data");
        pair.end();
        pair.wire.incoming.borrow_mut().extend(b"what is this?");
        assert_eq!(pair.read(16).unwrap(), b"data.");
        assert!(pair.session.holds_more());
        assert_eq!(pair.session.held(), 0);
        // The other direction is as it was.
        assert_eq!(pair.session.write(&pair.wire, b"goodbye").unwrap(), 7);
        pair.session.announce_end();
        assert!(pair.session.flush(&pair.wire).unwrap());
        assert_eq!(pair.hear(), b"goodbye");
        assert_eq!(pair.server.reader().read(&mut [0]).unwrap(), 0);
        assert!(pair.session.write(&pair.wire, b"?").is_err());
        assert_eq!(pair.read(16).unwrap(), b".");
    }
}

#[test]
fn an_end_without_a_word_is_a_truncation_wherever_it_comes() {
    for version in VERSIONS {
        for cut in [0, 3, 20] {
            let mut pair = Pair::open(version);
            pair.say(b"data");
            let whole = pair.wire.unheard();
            pair.say(b"lost");
            pair.wire.incoming.borrow_mut().truncate(whole + cut);
            pair.wire.fin.set(true);
            assert_eq!(pair.read(16).unwrap(), b"data");
            for _ in 0..2 {
                assert!(matches!(pair.read(16).unwrap_err(), Broken::Truncated));
                assert!(pair.session.holds_more());
            }
            // It may be half of an end.
            assert_eq!(pair.session.write(&pair.wire, b"heard?").unwrap(), 6);
            pair.session.announce_end();
            assert!(pair.session.flush(&pair.wire).unwrap());
            assert_eq!(pair.hear(), b"heard?");
        }
    }
}

#[test]
fn a_fatal_alert_comes_after_the_data_and_ends_the_writing() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        pair.say(b"data");
        pair.wire.outgoing.borrow_mut().extend([23, 3, 3, 0, 32]);
        pair.wire.outgoing.borrow_mut().extend([0; 32]);
        hear(&pair.wire, &mut pair.server).unwrap_err();
        bring(&pair.wire, &mut pair.server);
        assert_eq!(pair.read(4).unwrap(), b"data");
        assert!(pair.session.holds_more());
        for _ in 0..2 {
            assert!(is_alert(&pair.read(16).unwrap_err(), AlertDescription::BadRecordMac));
        }
        assert!(is_alert(&pair.session.write(&pair.wire, b"x").unwrap_err(), AlertDescription::BadRecordMac));
        pair.session.announce_end();
        assert!(pair.session.flush(&pair.wire).unwrap());
        assert!(pair.wire.outgoing.borrow().is_empty(), "nothing is said after a fatal alert");
    }
}

#[test]
fn garbage_comes_after_the_data_and_is_answered_by_an_alert() {
    let forged = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
    for version in VERSIONS {
        for (garbage, alert) in [
            (&forged[..], AlertDescription::BadRecordMac),
            (b"220 mail.example ESMTP", AlertDescription::DecodeError),
            // An alert nobody has encrypted.
            (&[21, 3, 3, 0, 2, 2, 40], AlertDescription::BadRecordMac),
        ] {
            let mut pair = Pair::open(version);
            pair.say(b"data");
            pair.wire.incoming.borrow_mut().extend(garbage);
            assert_eq!(pair.read(16).unwrap(), b"data");
            let answered = pair.wire.outgoing.borrow().len();
            assert!(answered > 0, "without a call for it");
            for _ in 0..2 {
                assert!(matches!(pair.read(16).unwrap_err(), Broken::Tls(_)));
            }
            assert!(matches!(pair.session.write(&pair.wire, b"x").unwrap_err(), Broken::Tls(_)));
            assert_eq!(pair.wire.outgoing.borrow().len(), answered);
            let error = hear(&pair.wire, &mut pair.server).unwrap_err();
            assert!(is_alert(&Broken::Tls(error.clone()), alert), "{version:?}: {error}");
        }
    }
}

#[test]
fn what_the_system_says_once_is_kept() {
    let mut pair = Pair::open(&TLS13);
    pair.say(b"data");
    pair.wire.error.set(Some(io::ErrorKind::ConnectionReset));
    assert_eq!(pair.read(4).unwrap(), b"data");
    let reset =
        |broken| matches!(broken, Broken::Io(error) if error.kind() == io::ErrorKind::ConnectionReset);
    for _ in 0..2 {
        assert!(reset(pair.read(16).unwrap_err()));
    }
    assert!(reset(pair.session.peek(&pair.wire).unwrap_err()));
    assert!(reset(pair.session.write(&pair.wire, b"x").unwrap_err()));
}

#[test]
fn what_waits_to_be_sent_is_bounded_and_nothing_is_lost_though_both_sides_are_full() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        let (said, written) = (pattern(3 << 20), pattern(5 << 20));
        pair.say(&said);
        let mut dice = Dice(7);
        let (mut got, mut heard, mut taken) = (Vec::new(), Vec::new(), 0);
        let mut buffer = vec![0; 70_000];
        while heard.len() < written.len() {
            pair.wire.room.set(Some(dice.below(90_000)));
            // The rest goes before anything else is taken.
            let flushed = pair.session.flush(&pair.wire).unwrap();
            let now = pair.session.write(&pair.wire, &written[taken..]).unwrap();
            assert!(flushed || now == 0);
            taken += now;
            assert!(pair.session.held() <= 2 * BOUND, "{}", pair.session.held());
            assert_eq!(
                pair.wire.waits_for_room.take(),
                pair.wire.room.get() == Some(0) && pair.session.held() > 0
            );
            if dice.below(3) == 0 {
                pair.wire.cut.set(dice.below(66_000));
                let length = 1 + dice.below(buffer.len());
                if let Read::Data(length) = pair.session.read(&pair.wire, &mut buffer[..length]).unwrap() {
                    got.extend_from_slice(&buffer[..length]);
                }
            }
            heard.extend(pair.hear());
        }
        pair.wire.cut.set(0);
        got.extend(pair.read(65_536).unwrap());
        assert!(heard == written && got == said);
        assert_eq!(pair.session.held(), 0);
    }
}

#[test]
fn a_session_with_nothing_under_way_holds_no_memory() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        assert_eq!(pair.session.held(), 0);
        pair.say(&pattern(500_000));
        pair.read(1000).unwrap();
        pair.session.write(&pair.wire, &pattern(500_000)).unwrap();
        assert_eq!(pair.session.held(), 0);
        assert!(format!("{:?}", pair.session).contains("held: 0"), "{:?}", pair.session);
    }
}
