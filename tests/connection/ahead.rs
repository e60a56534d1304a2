//! A connection whose bulk a task reads ahead: nobody may see it in what arrives, in what order, or in how it ends.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr},
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::harness::{Owner, Pki, TlsStream};
use crate::connection::{Progress, Told};

/// A connection goes ahead after so much.
const AFTER: u64 = 40_000;
/// More than what is read ahead, and than the kernel's buffers of both sides together.
const LARGE: usize = 16 << 20;
/// What starts a task and leaves it something to hold.
const BULK: usize = 2 << 20;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// A server whose next step is up to the test.
struct Server<T> {
    address: SocketAddr,
    go: Sender<()>,
    done: JoinHandle<T>,
    pki: Pki,
}

impl<T: Send + 'static> Server<T> {
    fn new(behave: impl FnOnce(TlsStream, Receiver<()>) -> T + Send + 'static) -> Self {
        let pki = Pki::new();
        let (go, told) = channel();
        let (address, done) = pki.serve(move |stream| behave(stream, told));
        Self { address, go, done, pki }
    }

    fn connect(&self) -> Owner {
        Owner::open_ahead(self.address, Some(self.pki.handshake("localhost")), AFTER)
    }
}

/// Reads until a task reads ahead. What was read.
fn bring_ahead(owner: &mut Owner) -> Vec<u8> {
    let mut got = Vec::new();
    while !owner.is_ahead() {
        // So that a read finds much: little by little is no bulk.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(read_more(owner, &mut got), None, "it goes ahead before the end");
    }
    got
}

/// Reads once. The end, if it was one.
fn read_more(owner: &mut Owner, got: &mut Vec<u8>) -> Option<Progress> {
    let mut buffer = vec![0; 65_536];
    match owner.read(&mut buffer) {
        Progress::Done(length) => got.extend_from_slice(&buffer[..length]),
        end => return Some(end),
    }
    None
}

/// Reads to the end, whatever it is.
fn read_rest(owner: &mut Owner, got: &mut Vec<u8>) -> Progress {
    loop {
        if let Some(end) = read_more(owner, got) {
            return end;
        }
    }
}

/// Lets the task read ahead as much as it will: nothing tells how much that is.
fn let_it_fill() {
    std::thread::sleep(Duration::from_millis(100));
}

fn announce_end(stream: &mut TlsStream) {
    stream.conn.send_close_notify();
    stream.flush().unwrap();
}

#[test]
fn it_begins_after_so_many_bytes_in_a_row() {
    let server = Server::new(|mut stream, _| {
        for _ in 0..20 {
            stream.write_all(&pattern(200_000)).unwrap();
        }
    });
    let mut owner = server.connect();
    let mut row = 0;
    loop {
        let mut got = Vec::new();
        assert_eq!(read_more(&mut owner, &mut got), None);
        // Half of the buffer is a pause.
        row = if got.len() < 32 * 1024 { 0 } else { row + got.len() as u64 };
        assert_eq!(owner.is_ahead(), row >= AFTER, "after {row}");
        if row >= AFTER {
            break;
        }
    }
}

#[test]
fn small_reads_never_start_it() {
    let server = Server::new(|mut stream, _| stream.write_all(&pattern(BULK)).unwrap());
    let mut owner = server.connect();
    let mut buffer = [0; 16_384];
    let mut left = BULK;
    while left > 0 {
        let Progress::Done(length) = owner.read(&mut buffer) else { panic!("{}", owner.code()) };
        left -= length;
        assert!(!owner.is_ahead());
    }
}

#[test]
fn without_tls_there_is_nothing_to_decrypt_ahead() {
    let (address, server) = super::harness::serve(|mut stream| stream.write_all(&pattern(BULK)).unwrap());
    let mut owner = Owner::open_ahead(address, None, 1);
    let mut got = Vec::new();
    while got.len() < BULK {
        assert_eq!(read_more(&mut owner, &mut got), None);
        assert!(!owner.is_ahead());
    }
    server.join().unwrap();
}

#[test]
fn a_pause_ends_it_and_bulk_starts_it_again() {
    let server = Server::new(|mut stream, go| {
        for _ in 0..3 {
            stream.write_all(&pattern(BULK)).unwrap();
            go.recv().unwrap();
        }
        announce_end(&mut stream);
    });
    let mut owner = server.connect();
    for round in 1..=3 {
        let mut got = bring_ahead(&mut owner);
        while got.len() < BULK {
            assert_eq!(read_more(&mut owner, &mut got), None);
        }
        assert!(got == pattern(BULK), "round {round}");
        while owner.returned < round {
            owner.wait();
        }
        assert!(!owner.is_ahead());
        server.go.send(()).unwrap();
    }
    assert_eq!(read_rest(&mut owner, &mut Vec::new()), Progress::End);
}

#[test]
fn whatever_the_readers_buffer_the_order_is_kept() {
    let sent = pattern(LARGE);
    for chunk in [1001, 40_000, 1 << 20] {
        let data = sent.clone();
        let server = Server::new(move |mut stream, _| {
            stream.write_all(&data).unwrap();
            announce_end(&mut stream);
        });
        let mut owner = server.connect();
        let mut got = bring_ahead(&mut owner);
        got.extend(owner.read_all(chunk));
        assert!(got == sent, "with a buffer of {chunk}");
        server.done.join().unwrap();
    }
}

#[test]
fn both_directions_at_once() {
    let sent = pattern(LARGE);
    let server = Server::new(|mut stream, _| {
        let mut all = Vec::new();
        let mut buffer = vec![0; 65_536];
        while all.len() < LARGE {
            let length = stream.read(&mut buffer).unwrap();
            stream.write_all(&buffer[..length]).unwrap();
            all.extend_from_slice(&buffer[..length]);
        }
        announce_end(&mut stream);
        all
    });
    let mut owner = server.connect();
    let mut got = Vec::new();
    let (mut written, mut went_ahead) = (0, false);
    while got.len() < LARGE {
        if let Progress::Done(length) = owner.connection.write(&sent[written..], None) {
            written += length;
        }
        assert_eq!(read_more(&mut owner, &mut got), None, "{}", owner.code());
        went_ahead = went_ahead || owner.is_ahead();
    }
    assert!(went_ahead);
    assert!(got == sent);
    assert!(server.done.join().unwrap() == sent);
}

#[test]
fn the_end_comes_after_what_was_read_ahead() {
    let sent = pattern(BULK);
    let data = sent.clone();
    let server = Server::new(move |mut stream, _| {
        stream.write_all(&data).unwrap();
        announce_end(&mut stream);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let mut owner = server.connect();
    let mut got = bring_ahead(&mut owner);
    let_it_fill();
    assert_eq!(read_rest(&mut owner, &mut got), Progress::End);
    assert!(got == sent);
    owner.write_all(b"half-open");
    owner.shutdown();
    assert_eq!(server.done.join().unwrap(), b"half-open");
}

/// A server breaks off after the bulk: what came is read, then the error.
fn broken_by(offence: impl FnOnce(&mut TlsStream) + Send + 'static) -> &'static str {
    let sent = pattern(BULK);
    let data = sent.clone();
    let server = Server::new(move |mut stream, go| {
        stream.write_all(&data).unwrap();
        offence(&mut stream);
        let _ = go.recv();
    });
    let mut owner = server.connect();
    let mut got = bring_ahead(&mut owner);
    let_it_fill();
    assert_eq!(read_rest(&mut owner, &mut got), Progress::Failed);
    assert!(got == sent, "{} of {BULK}", got.len());
    let mut again = Vec::new();
    assert_eq!(read_rest(&mut owner, &mut again), Progress::Failed, "again");
    assert!(again.is_empty());
    owner.code()
}

#[test]
fn errors_come_after_what_was_read_ahead() {
    let truncated = broken_by(|stream| stream.sock.shutdown(Shutdown::Write).unwrap());
    assert_eq!(truncated, "ERR_TLS_TRUNCATED");
    let forged = broken_by(|stream| {
        let mut record = vec![0x17, 3, 3, 0, 32];
        record.extend([0x55; 32]);
        stream.sock.write_all(&record).unwrap();
    });
    assert_eq!(forged, "ERR_TLS_PROTOCOL");
}

#[test]
fn a_reset_comes_after_what_was_read_ahead() {
    let server = Server::new(|mut stream, go| {
        stream.write_all(&pattern(130_000)).unwrap();
        go.recv().unwrap();
        SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut owner = server.connect();
    let mut got = bring_ahead(&mut owner);
    // So that all is read ahead: the system throws away what it still holds.
    let_it_fill();
    server.go.send(()).unwrap();
    server.done.join().unwrap();
    assert_eq!(read_rest(&mut owner, &mut got), Progress::Failed);
    assert!(got == pattern(130_000), "{}", got.len());
    assert_eq!(owner.code(), "ECONNRESET");
}

#[test]
fn an_end_of_ours_leaves_what_was_read_ahead_in_order() {
    let sent = pattern(LARGE);
    let data = sent.clone();
    let server = Server::new(move |mut stream, _| {
        stream.write_all(&data).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        announce_end(&mut stream);
        all
    });
    let mut owner = server.connect();
    let mut got = bring_ahead(&mut owner);
    owner.write_all(b"last words");
    let_it_fill();
    owner.shutdown();
    assert!(!owner.is_ahead());
    assert_eq!(read_rest(&mut owner, &mut got), Progress::End);
    assert!(got == sent, "{}", got.len());
    assert_eq!(server.done.join().unwrap(), b"last words");
}

#[test]
fn coming_back_twice_in_a_row_loses_nothing() {
    let sent = pattern(LARGE / 2);
    let data = sent.clone();
    let server = Server::new(move |mut stream, _| {
        stream.write_all(&data).unwrap();
        announce_end(&mut stream);
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let mut owner = server.connect();
    let mut got = bring_ahead(&mut owner);
    for _ in 0..10 {
        let_it_fill();
        owner.connection.shutdown();
        got.extend(bring_ahead(&mut owner));
        // The task has begun to take what it was given, when somebody who waits for the end calls again.
        while owner.connection.peek() == Progress::Wait {}
        owner.connection.shutdown();
        got.extend(bring_ahead(&mut owner));
    }
    assert_eq!(read_rest(&mut owner, &mut got), Progress::End, "{}", owner.code());
    assert!(got == sent, "{}", got.len());
}

#[test]
fn a_reader_that_waits_is_told_although_the_writer_ends() {
    let server = Server::new(|mut stream, _| {
        stream.write_all(&pattern(300_000)).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(b"answer").unwrap();
    });
    let mut owner = server.connect();
    let mut got = bring_ahead(&mut owner);
    while got.len() < 300_000 {
        assert_eq!(read_more(&mut owner, &mut got), None);
    }
    if owner.is_ahead() {
        assert_eq!(owner.connection.read(&mut vec![0; 65_536]), Progress::Wait);
    }
    owner.shutdown();
    owner.expect(Told::Readable);
    got.clear();
    assert_eq!(read_more(&mut owner, &mut got), None);
    assert_eq!(got, b"answer");
}

/// Writes until neither the kernel nor the task takes more. How much that was.
fn fill(owner: &mut Owner, data: &[u8]) -> usize {
    let mut written = 0;
    let mut idle = 0;
    while idle < 2 {
        let Progress::Done(length) = owner.connection.write(&data[written..], None) else {
            panic!("{}", owner.code())
        };
        written += length;
        idle = if length == 0 { idle + 1 } else { 0 };
        let_it_fill();
    }
    assert!(written < data.len());
    written
}

/// A server that ends its side when told to, and only then takes what it is sent.
fn ends_then_takes() -> Server<Vec<u8>> {
    Server::new(|mut stream, go| {
        stream.write_all(&pattern(300_000)).unwrap();
        go.recv().unwrap();
        announce_end(&mut stream);
        go.recv().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    })
}

#[test]
fn what_is_not_sent_yet_is_kept_when_the_peer_ends() {
    let sent = pattern(LARGE);
    let server = ends_then_takes();
    let mut owner = server.connect();
    bring_ahead(&mut owner);
    let written = fill(&mut owner, &sent);
    assert!(owner.is_ahead());
    server.go.send(()).unwrap();
    assert_eq!(read_rest(&mut owner, &mut Vec::new()), Progress::End);
    assert!(!owner.is_ahead());
    server.go.send(()).unwrap();
    owner.write_all(&sent[written..]);
    owner.shutdown();
    assert!(server.done.join().unwrap() == sent);
}

#[test]
fn what_is_not_sent_yet_is_kept_when_we_end() {
    let sent = pattern(LARGE);
    let server = ends_then_takes();
    let mut owner = server.connect();
    bring_ahead(&mut owner);
    let written = fill(&mut owner, &sent);
    assert!(owner.is_ahead());
    assert_eq!(owner.connection.shutdown(), Progress::Wait);
    server.go.send(()).unwrap();
    server.go.send(()).unwrap();
    owner.shutdown();
    assert!(server.done.join().unwrap() == sent[..written]);
}

#[test]
fn close_sends_what_was_taken() {
    let sent = pattern(60_000);
    let server = Server::new(|mut stream, _| {
        stream.write_all(&pattern(300_000)).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).map(|_| all)
    });
    let mut owner = server.connect();
    bring_ahead(&mut owner);
    assert_eq!(owner.connection.write(&sent, None), Progress::Done(sent.len()));
    if owner.connection.close(false) {
        owner.expect(Told::Closed);
    }
    assert!(!owner.connection.is_live());
    assert!(server.done.join().unwrap().unwrap() == sent);
}

#[test]
fn a_write_is_told_of_a_reset_while_data_lies_unread() {
    let server = Server::new(|mut stream, go| {
        stream.write_all(&pattern(400_000)).unwrap();
        go.recv().unwrap();
        SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut owner = server.connect();
    bring_ahead(&mut owner);
    let_it_fill();
    server.go.send(()).unwrap();
    server.done.join().unwrap();
    let begun = Instant::now();
    while owner.connection.write(b"x", None) != Progress::Failed {
        assert!(begun.elapsed() < Duration::from_secs(3), "it is told");
        std::thread::sleep(Duration::from_millis(5));
        let events = owner.settle();
        if events.contains(&Told::Unwritable) {
            break;
        }
    }
    assert_eq!(owner.code(), "ECONNRESET");
}

#[test]
fn a_dropped_connection_leaves_nothing_behind() {
    let server = Server::new(|mut stream, _| while stream.write_all(&pattern(1 << 20)).is_ok() {});
    let mut owner = server.connect();
    bring_ahead(&mut owner);
    let_it_fill();
    let shared = owner.leave();
    // Its descriptor is closed: the server is told.
    server.done.join().unwrap();
    let begun = Instant::now();
    while shared.strong_count() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "something holds on to it");
        std::thread::yield_now();
    }
}
