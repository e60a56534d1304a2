//! A session whose peer is anything between a TLS server and noise: what it sends is cut, changed, repeated, left out.
//!
//! What is read is what the server has said, or less; and all of it where nothing was changed.

use std::{
    io::{IoSlice, Read as _, Write as _},
    sync::Arc,
};

use rustls::ServerConnection;
use rustls_pki_types::ServerName;
use wintersock::{
    notify::Notify as _,
    session::{Records, Session},
    transport::{Broken, Read},
};

use crate::sides::{SIDES, Wire};

/// What a session holds at most in each direction: 64 KiB, and what TLS adds.
const BOUND: usize = 66_000;

enum Client {
    Opening(Records),
    Open(Session),
}

struct Scene {
    wire: Wire,
    server: ServerConnection,
    client: Option<Client>,
    said: Vec<u8>,
    read: usize,
    /// How often the server has changed its keys.
    updates: u32,
    /// Something other than the server's own bytes has come.
    tampered: bool,
    ended: bool,
    announced: bool,
    broken: bool,
}

impl Scene {
    /// Lets the server take what was sent, and say what it has to.
    fn exchange(&mut self) {
        let sent = self.wire.outgoing.take();
        let mut rest = &sent[..];
        while !rest.is_empty() && self.server.read_tls(&mut rest).is_ok_and(|length| length > 0) {
            if self.server.process_new_packets().is_err() {
                break;
            }
            let _ = self.server.reader().read_to_end(&mut Vec::new());
        }
        self.bring();
    }

    /// Whether the server's side of the stream is over.
    fn is_over(&self) -> bool {
        self.wire.fin.get() || self.wire.reset.get()
    }

    fn can_speak(&self) -> bool {
        !self.announced && !self.is_over() && !self.server.is_handshaking()
    }

    fn bring(&mut self) {
        while self.server.wants_write() && !self.is_over() {
            self.server.write_tls(&mut *self.wire.incoming.borrow_mut()).expect("memory takes all");
        }
    }

    fn receive(&mut self, length: usize) {
        self.client = match self.client.take() {
            // The handshake has failed, and whoever runs it has gone.
            Some(Client::Opening(records)) if self.broken => Some(Client::Opening(records)),
            Some(Client::Opening(records)) => Some(self.open(records)),
            Some(Client::Open(mut session)) => {
                self.read_from(&mut session, length);
                Some(Client::Open(session))
            }
            None => None,
        };
    }

    fn open(&mut self, mut records: Records) -> Client {
        while records.is_handshaking() {
            let before = self.wire.incoming.borrow().len();
            let found = records.receive(&mut [], |buffer| self.wire.try_read(buffer));
            let after = self.wire.incoming.borrow().len();
            assert!(found != Some(1), "a buffer that is none was filled");
            assert!(after < before || found.is_none() || records.ended().is_err(), "it goes round and round");
            assert!(
                !records.is_handshaking() || records.plaintext() == 0,
                "plaintext before the handshake is done"
            );
            assert!(records.held() <= 2 * BOUND, "{records:?}");
            let _ = records.send(|bytes| self.wire.try_write(&[IoSlice::new(bytes)]));
            match records.ended() {
                Err(_) => {
                    assert!(self.tampered || self.is_over(), "{records:?}");
                    self.broken = true;
                    return Client::Opening(records);
                }
                Ok(ended) => assert!(!ended || self.tampered || self.announced),
            }
            if found.is_none() {
                return Client::Opening(records);
            }
        }
        Client::Open(Session::new(records, None))
    }

    fn read_from(&mut self, session: &mut Session, length: usize) {
        let mut buffer = vec![0; length];
        for _ in 0..4096 {
            let before = self.wire.incoming.borrow().len();
            let held = session.holds_more();
            match session.read(&self.wire, &mut buffer) {
                Ok(Read::Data(length)) => {
                    assert!(!self.ended, "something after the end");
                    let said = self.said.get(self.read..self.read + length);
                    assert_eq!(said, Some(&buffer[..length]), "not what the server has said");
                    self.read += length;
                }
                Ok(Read::Wait) => {
                    assert!(!held, "it said that there was more");
                    assert!(!self.is_over(), "it waits for what cannot come");
                    assert_eq!(self.wire.incoming.borrow().len(), 0, "it waits and has not read");
                    break;
                }
                Ok(Read::End) => {
                    assert!(self.announced, "an end that the server has not announced");
                    assert!(self.tampered || self.read == self.said.len(), "an end, and not all was read");
                    self.ended = true;
                    break;
                }
                Err(broken) => {
                    self.check(&broken);
                    self.broken = true;
                    break;
                }
            }
            assert!(self.wire.incoming.borrow().len() <= before);
        }
        assert!(session.held() <= 4 * BOUND, "{session:?}");
    }

    fn check(&self, broken: &Broken) {
        match broken {
            _ if self.tampered => {}
            Broken::Truncated => assert!(self.wire.fin.get() && !self.announced, "{broken:?}"),
            Broken::Io(error) => assert!(self.wire.reset.get(), "{error}"),
            Broken::Tls(_) => panic!("{broken:?}"),
        }
        assert!(!self.ended, "{broken:?} after the end");
    }
}

pub(crate) fn run(data: &[u8]) {
    let [flags, operations @ ..] = data else { return };
    let version = usize::from(flags & 1);
    let sides = &*SIDES;
    let name = ServerName::try_from("localhost").expect("a name");
    let records = Records::new(Arc::clone(&sides.clients[version]), name).expect("a session");
    let config = Arc::clone(&sides.servers[version + usize::from(flags & 2)]);
    let mut scene = Scene {
        wire: Wire::default(),
        server: ServerConnection::new(config).expect("a server"),
        client: Some(Client::Opening(records)),
        said: Vec::new(),
        read: 0,
        updates: 0,
        tampered: false,
        ended: false,
        announced: false,
        broken: false,
    };
    scene.server.set_buffer_limit(None);
    if let Some(Client::Opening(records)) = &mut scene.client {
        let _ = records.send(|bytes| scene.wire.try_write(&[IoSlice::new(bytes)]));
    }
    // A server without a word of its own: the rest is what comes.
    if flags & 4 != 0 {
        scene.tampered = true;
        scene.wire.incoming.borrow_mut().extend(operations);
        scene.wire.cut.set(usize::from(flags >> 3));
        scene.receive(100);
        assert!(
            scene.broken || matches!(scene.client, Some(Client::Opening(_))),
            "noise has opened a session"
        );
        return;
    }
    operate(&mut scene, operations);
    // Undisturbed, everything comes in the end.
    scene.wire.full.set(false);
    for _ in 0..8 {
        scene.exchange();
        scene.receive(16_384);
        if let Some(Client::Open(session)) = &mut scene.client {
            let _ = session.flush(&scene.wire);
        }
    }
    let lost = scene.tampered || scene.is_over();
    assert!(lost || matches!(scene.client, Some(Client::Open(_))), "the handshake is not done");
    assert!(lost || scene.read == scene.said.len(), "{} of {}", scene.read, scene.said.len());
}

fn operate(scene: &mut Scene, mut rest: &[u8]) {
    for _ in 0..64 {
        let [operation, high, low, more @ ..] = rest else { break };
        rest = more;
        let number = usize::from(u16::from_be_bytes([*high, *low]));
        match operation % 16 {
            0..=2 => scene.exchange(),
            3 if scene.can_speak() => {
                let message: Vec<u8> = (0..number % 20_000).map(|at| (at % 251) as u8).collect();
                if scene.server.writer().write_all(&message).is_ok() {
                    scene.said.extend(message);
                }
                scene.bring();
            }
            4 => {
                if let Some(byte) = scene.wire.incoming.borrow_mut().get_mut(number / 8) {
                    *byte ^= 1 << (number % 8);
                    scene.tampered = true;
                }
            }
            5 => {
                let mut incoming = scene.wire.incoming.borrow_mut();
                let from = number % (incoming.len() + 1);
                incoming.truncate(from);
                scene.tampered = true;
            }
            6 => {
                let (inserted, later) = rest.split_at((number % 64).min(rest.len()));
                rest = later;
                let mut incoming = scene.wire.incoming.borrow_mut();
                let at = (number / 64).min(incoming.len());
                let after = incoming.split_off(at);
                incoming.extend(inserted);
                incoming.extend(after);
                scene.tampered = true;
            }
            7 => {
                let mut incoming = scene.wire.incoming.borrow_mut();
                let repeated: Vec<u8> = incoming.iter().take(number % 2000).copied().collect();
                incoming.extend(repeated);
                scene.tampered = true;
            }
            8 => scene.wire.fin.set(true),
            9 => scene.wire.reset.set(true),
            10 if scene.can_speak() => {
                scene.announced = true;
                scene.server.send_close_notify();
                scene.bring();
            }
            11 => {
                if scene.can_speak() {
                    let _ = scene.server.refresh_traffic_keys();
                    scene.updates += 1;
                    // rustls takes no more.
                    scene.tampered |= scene.updates > 32;
                    scene.bring();
                }
            }
            12 => {
                if let Some(Client::Open(session)) = &mut scene.client {
                    let _ = session.write(&scene.wire, &vec![1; number % 20_000]);
                }
            }
            13 => scene.wire.cut.set(number),
            14 => scene.wire.full.set(number % 2 == 1),
            _ => scene.receive(1 + number),
        }
    }
}
