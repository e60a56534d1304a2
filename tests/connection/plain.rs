//! A connection over TCP, against a server that is a plain thread.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener},
    time::{Duration, Instant},
};

use super::harness::{Owner, Pki, serve};
use crate::connection::{Progress, Told};
use socket2::SockRef;

/// More than the kernel's buffers of both sides together.
const LARGE: usize = 16 << 20;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

#[test]
fn what_is_written_comes_back_from_an_echo() {
    let (address, server) = serve(|mut stream| {
        let mut copy = stream.try_clone().unwrap();
        std::io::copy(&mut copy, &mut stream).unwrap()
    });
    let mut owner = Owner::open(address, None);
    owner.write_all(b"hello");
    let mut buffer = [0; 16];
    assert_eq!(owner.read(&mut buffer), Progress::Done(5));
    assert_eq!(&buffer[..5], b"hello");
    owner.shutdown();
    assert_eq!(owner.read(&mut buffer), Progress::End);
    assert_eq!(server.join().unwrap(), 5);
}

#[test]
fn a_short_read_is_followed_by_an_event() {
    let (address, server) = serve(|mut stream| {
        for _ in 0..3 {
            stream.write_all(b"ab").unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        }
    });
    let mut owner = Owner::open(address, None);
    let mut buffer = [0; 16];
    for _ in 0..3 {
        assert_eq!(owner.read(&mut buffer), Progress::Done(2));
        owner.write_all(b"x");
        owner.expect(Told::Readable);
    }
    assert_eq!(owner.read(&mut buffer), Progress::End);
    server.join().unwrap();
}

#[test]
fn a_peek_takes_nothing_and_sees_the_end() {
    let (address, server) = serve(|mut stream| stream.write_all(b"ab").unwrap());
    let mut owner = Owner::open(address, None);
    server.join().unwrap();
    while owner.connection.peek() == Progress::Wait {
        owner.expect(Told::Readable);
    }
    assert_eq!(owner.connection.peek(), Progress::Done(1));
    assert_eq!(owner.read_all(1), b"ab");
    assert_eq!(owner.connection.peek(), Progress::End);
}

#[test]
fn a_refused_port_fails_with_its_name_and_address() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let error = Owner::failed(closed, None);
    assert_eq!(error.code(), "ECONNREFUSED");
    assert!(error.to_string().contains(&format!("localhost:{}", closed.port())), "{error}");
}

#[test]
fn data_before_a_reset_is_read_before_the_error() {
    let (address, server) = serve(|mut stream| {
        stream.write_all(b"last words").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut owner = Owner::open(address, None);
    owner.write_all(b"x");
    server.join().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(owner.read(&mut buffer), Progress::Done(10));
    assert_eq!(owner.read(&mut buffer), Progress::Failed);
    assert_eq!(owner.code(), "ECONNRESET");
}

#[test]
fn a_reset_that_a_write_was_told_of_is_no_end_for_the_reader() {
    let (address, server) = serve(|mut stream| {
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut owner = Owner::open(address, None);
    owner.write_all(b"x");
    server.join().unwrap();
    while owner.connection.write(b"x", None) != Progress::Failed {
        std::thread::yield_now();
    }
    assert_eq!(owner.code(), "ECONNRESET");
    assert_eq!(owner.read(&mut [0; 8]), Progress::Failed);
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Windows reports no reset to a socket that neither reads nor writes: docs/api.md says so"
)]
fn a_reset_after_the_peers_end_is_told_although_nobody_reads() {
    let (address, server) = serve(|mut stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut owner = Owner::open(address, None);
    assert_eq!(owner.read(&mut [0; 8]), Progress::End);
    owner.write_all(b"x");
    owner.expect(Told::Broken);
    assert_eq!(owner.code(), "ECONNRESET");
    server.join().unwrap();
}

#[test]
fn a_write_that_does_not_fit_waits_for_room() {
    let (address, server) = serve(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let mut owner = Owner::open(address, None);
    let sent = pattern(LARGE);
    owner.write_all(&sent);
    owner.shutdown();
    assert!(server.join().unwrap() == sent);
}

#[test]
fn close_sends_what_was_taken_and_then_the_end() {
    let (address, server) = serve(|mut stream| {
        stream.write_all(b"nobody reads this").unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let mut owner = Owner::open(address, None);
    owner.write_all(b"goodbye");
    assert!(!owner.connection.close(false), "all went out at once");
    assert!(!owner.connection.is_live());
    assert_eq!(server.join().unwrap(), b"goodbye", "unread data must not turn the end into a reset");
}

#[test]
fn a_peer_that_goes_on_talking_after_a_close_is_reset_in_the_end() {
    let (address, server) = serve(|mut stream| {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        stream.write_all(b"into the void").unwrap();
        // Nothing more is sent: the peer of a forgotten half-open connection waits just so.
        loop {
            if let Some(error) = stream.take_error().unwrap() {
                return error.kind();
            }
            std::thread::yield_now();
        }
    });
    let mut owner = Owner::open(address, None);
    owner.connection.close(false);
    // The system calls a reset after our end so.
    assert_eq!(server.join().unwrap(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn close_while_connecting_is_done_at_once() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let pki = Pki::new();
    let mut owner = Owner::dial(listener.local_addr().unwrap(), Some(pki.handshake("localhost")));
    let (mut stream, _) = listener.accept().unwrap();
    assert!(!owner.connection.close(false), "no event follows");
    // ClientHello may be there; then the end.
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(!owner.connection.is_live());
}

#[test]
fn abort_drops_the_connection_without_a_flush() {
    let (address, server) = serve(|mut stream| stream.read_to_end(&mut Vec::new()));
    let mut owner = Owner::open(address, None);
    owner.connection.abort(false);
    assert!(!owner.connection.is_live());
    assert_eq!(server.join().unwrap().unwrap(), 0);
}

#[test]
fn a_dropped_connection_is_closed() {
    let (address, server) = serve(|mut stream| stream.read_to_end(&mut Vec::new()));
    drop(Owner::open(address, None).connection);
    assert_eq!(server.join().unwrap().unwrap(), 0);
}

#[test]
fn close_gives_up_a_peer_that_does_not_read() {
    let pki = Pki::new();
    let (done, finished) = std::sync::mpsc::channel::<()>();
    let (address, server) = pki.serve(move |mut stream| {
        stream.write_all(b"ready").unwrap();
        let _ = finished.recv();
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    assert_eq!(owner.read(&mut [0; 8]), Progress::Done(5));
    // Until TLS holds what the kernel does not take.
    while owner.connection.write(&pattern(1 << 20), None) == Progress::Done(1 << 20) {}
    let begun = Instant::now();
    owner.connection.close(false);
    owner.expect(Told::Closed);
    assert!(begun.elapsed() >= Duration::from_millis(900), "it tried");
    drop(done);
    server.join().unwrap();
}

/// How the peer's stream ends if a close that still has something to send is cut short.
fn cut_short(cut: fn(&mut Owner)) -> std::io::ErrorKind {
    let pki = Pki::new();
    let (done, finished) = std::sync::mpsc::channel::<()>();
    let (address, server) = pki.serve(move |mut stream| {
        stream.write_all(b"ready").unwrap();
        let _ = finished.recv();
        std::io::copy(&mut stream.sock, &mut std::io::sink()).unwrap_err().kind()
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    assert_eq!(owner.read(&mut [0; 8]), Progress::Done(5));
    while owner.connection.write(&pattern(1 << 20), None) == Progress::Done(1 << 20) {}
    assert!(owner.connection.close(true), "not all went out");
    cut(&mut owner);
    let shared = owner.leave();
    while shared.strong_count() > 0 {
        std::thread::yield_now();
    }
    drop(done);
    server.join().unwrap()
}

#[test]
fn a_close_that_is_cut_short_is_a_reset_and_not_an_end() {
    let reset = std::io::ErrorKind::ConnectionReset;
    assert_eq!(cut_short(|owner| owner.end_environment()), reset, "with the environment");
    assert_eq!(cut_short(|owner| owner.connection.abort(false)), reset, "by abort()");
}

#[test]
fn only_an_open_plain_connection_can_be_upgraded() {
    let pki = Pki::new();
    let (address, _server) = serve(|mut stream| stream.read_to_end(&mut Vec::new()));
    let mut owner = Owner::open(address, None);
    owner.shutdown();
    let refused = owner.connection.start_tls(pki.handshake("localhost")).unwrap_err();
    assert_eq!(refused.code(), "ERR_INVALID_STATE");
    owner.connection.abort(false);
    assert!(owner.connection.start_tls(pki.handshake("localhost")).is_err());
}
