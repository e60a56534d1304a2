//! A connection over TLS, against a rustls server that is a plain thread.

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::Arc,
};

use super::harness::{Owner, Pki, handshake, serve};
use crate::{
    connection::{Progress, Told},
    tls::Options,
};
use rustls::ServerConfig;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

#[test]
fn large_data_arrives_whole_whatever_the_readers_buffer() {
    let sent = pattern(300_000);
    for chunk in [1, 1000, 16_384, 65_536, 1 << 20] {
        let pki = Pki::new();
        let data = sent.clone();
        let (address, server) = pki.serve(move |mut stream| {
            stream.write_all(&data).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
        assert!(owner.read_all(chunk) == sent, "with a buffer of {chunk}");
        server.join().unwrap();
    }
}

#[test]
fn a_large_write_arrives_whole_and_the_end_is_announced() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| {
        let mut all = Vec::new();
        // Without close_notify this is an error.
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(b"got it").unwrap();
        all
    });
    let sent = pattern(8 << 20);
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    owner.write_all(&sent);
    owner.shutdown();
    let mut buffer = [0; 16];
    assert_eq!(owner.read(&mut buffer), Progress::Done(6), "the read side stays open");
    assert!(server.join().unwrap() == sent);
}

#[test]
fn close_announces_the_end() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).map(|_| all)
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    owner.write_all(b"goodbye");
    owner.connection.close(false);
    assert_eq!(server.join().unwrap().unwrap(), b"goodbye");
}

#[test]
fn an_end_without_close_notify_is_a_truncation_after_the_data() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| {
        stream.write_all(b"half of ").unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    server.join().unwrap();
    assert_eq!(owner.read(&mut [0; 16]), Progress::Done(8));
    assert_eq!(owner.read(&mut [0; 16]), Progress::Failed);
    assert_eq!(owner.code(), "ERR_TLS_TRUNCATED");
}

#[test]
fn a_forged_record_fails_after_the_data_and_is_answered_by_an_alert() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| {
        stream.write_all(b"true").unwrap();
        let mut forged = vec![0x17, 3, 3, 0, 32];
        forged.extend([0x55; 32]);
        stream.sock.write_all(&forged).unwrap();
        stream.read(&mut [0; 8]).unwrap_err().to_string()
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    assert_eq!(owner.read(&mut [0; 16]), Progress::Done(4));
    assert_eq!(owner.read(&mut [0; 16]), Progress::Failed);
    assert_eq!(owner.code(), "ERR_TLS_PROTOCOL");
    let alert = server.join().unwrap();
    assert!(alert.contains("BadRecordMac"), "{alert}");
}

#[test]
fn a_key_update_of_the_peer_is_answered_by_the_session_itself() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| {
        stream.write_all(b"a").unwrap();
        stream.conn.refresh_traffic_keys().unwrap();
        stream.write_all(b"b").unwrap();
        let mut buffer = [0; 1];
        stream.read_exact(&mut buffer).unwrap();
        buffer
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    let mut got = Vec::new();
    while got.len() < 2 {
        let mut buffer = [0; 8];
        let Progress::Done(length) = owner.read(&mut buffer) else { panic!("{}", owner.code()) };
        got.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(got, b"ab");
    owner.write_all(b"c");
    assert_eq!(server.join().unwrap(), *b"c");
}

#[test]
fn start_tls_takes_over_an_open_connection() {
    let pki = Pki::new();
    let config = Arc::clone(&pki.config);
    let (address, server) = serve(move |mut stream| {
        let mut ask = [0; 4];
        stream.read_exact(&mut ask).unwrap();
        stream.write_all(b"yes").unwrap();
        let mut stream = Pki::accept(&config, stream);
        stream.write_all(b"secret").unwrap();
        ask
    });
    let mut owner = Owner::open(address, None);
    owner.write_all(b"tls?");
    let mut buffer = [0; 16];
    assert_eq!(owner.read(&mut buffer), Progress::Done(3));
    owner.connection.start_tls(pki.handshake("localhost")).unwrap();
    assert_eq!(owner.connection.read(&mut buffer), Progress::Wait, "nothing plain is read any more");
    owner.expect(Told::Opened);
    assert_eq!(owner.read(&mut buffer), Progress::Done(6));
    assert_eq!(server.join().unwrap(), *b"tls?");
    assert!(owner.connection.start_tls(pki.handshake("localhost")).is_err(), "it is secure already");
}

#[test]
fn plain_bytes_sent_before_the_handshake_never_become_data() {
    let pki = Pki::new();
    let config = Arc::clone(&pki.config);
    let (address, server) = serve(move |mut stream| {
        stream.write_all(b"injected").unwrap();
        let mut stream = Pki::accept(&config, stream);
        let _ = stream.write_all(b"secret");
    });
    let mut owner = Owner::open(address, None);
    owner.connection.start_tls(pki.handshake("localhost")).unwrap();
    assert_eq!(owner.wait(), [Told::Failed]);
    assert_eq!(owner.code(), "ERR_TLS_PROTOCOL");
    server.join().unwrap();
}

#[test]
fn the_name_is_checked() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| stream.read(&mut [0]).unwrap_err().to_string());
    let error = Owner::failed(address, Some(pki.handshake("other.example")));
    assert_eq!(error.code(), "ERR_TLS_CERT_ALTNAME_INVALID");
    assert!(error.to_string().contains("other.example"), "{error}");
    let alert = server.join().unwrap();
    assert!(alert.contains("Certificate"), "{alert}");
}

#[test]
fn an_authority_that_nobody_named_is_not_trusted() {
    let pki = Pki::new();
    let (address, server) = pki.serve(|mut stream| drop(stream.read(&mut [0])));
    let error = Owner::failed(address, Some(Pki::new().handshake("localhost")));
    assert_eq!(error.code(), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    server.join().unwrap();
    let (address, server) = pki.serve(|mut stream| drop(stream.read(&mut [0])));
    let defaults = handshake("localhost", Options::default());
    assert_eq!(Owner::failed(address, Some(defaults)).code(), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    server.join().unwrap();
}

#[test]
fn the_protocol_agreed_on_is_known() {
    let pki = Pki::new();
    let mut config = ServerConfig::clone(&pki.config);
    config.alpn_protocols = vec![b"two".to_vec()];
    let config = Arc::new(config);
    let offer = |alpn: &[&str]| {
        let ca = Some(vec![pki.authority.clone().into_bytes()]);
        let alpn = alpn.iter().map(|&name| name.to_owned()).collect();
        handshake("localhost", Options { alpn, ca, ..Options::default() })
    };
    let server = || {
        let config = Arc::clone(&config);
        serve(move |stream| drop(Pki::accept(&config, stream).read(&mut [0]))).0
    };
    let owner = Owner::open(server(), Some(offer(&["one", "two"])));
    assert_eq!(owner.connection.info().unwrap().alpn.as_deref(), Some("two"));
    let owner = Owner::open(server(), Some(offer(&[])));
    assert_eq!(owner.connection.info().unwrap().alpn, None);
    assert_eq!(Owner::failed(server(), Some(offer(&["three"]))).code(), "ERR_TLS_ALPN");
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let pki = Pki::new();
    let connect = || {
        let (address, server) = pki.serve(|mut stream| {
            stream.write_all(b"x").unwrap();
            stream.conn.handshake_kind()
        });
        let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
        assert_eq!(owner.read(&mut [0; 8]), Progress::Done(1));
        server.join().unwrap()
    };
    assert_eq!(connect(), Some(rustls::HandshakeKind::Full));
    assert_eq!(connect(), Some(rustls::HandshakeKind::Resumed));
}

#[test]
fn a_server_that_hangs_up_in_the_handshake_is_told_apart_from_one_that_speaks_no_tls() {
    let pki = Pki::new();
    let (address, server) = serve(|mut stream| {
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(Owner::failed(address, Some(pki.handshake("localhost"))).code(), "ERR_TLS_HANDSHAKE");
    server.join().unwrap();
    let (address, server) = serve(|mut stream| stream.write_all(b"220 mail.example ESMTP\r\n").unwrap());
    assert_eq!(Owner::failed(address, Some(pki.handshake("localhost"))).code(), "ERR_TLS_PROTOCOL");
    server.join().unwrap();
}

/// Lets a server send several things in one TCP segment, then nothing more, until it is told to go.
fn one_burst(
    pki: &Pki,
    fill: impl FnOnce(&mut Vec<u8>, &mut rustls::ServerConnection) + Send + 'static,
) -> (std::net::SocketAddr, std::sync::mpsc::Sender<()>) {
    let (go, wait) = std::sync::mpsc::channel();
    let (address, _) = pki.serve(move |mut stream| {
        stream.conn.set_buffer_limit(None);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        let mut burst = Vec::new();
        fill(&mut burst, &mut stream.conn);
        stream.sock.write_all(&burst).unwrap();
        let _ = wait.recv();
    });
    (address, go)
}

fn flush(burst: &mut Vec<u8>, tls: &mut rustls::ServerConnection) {
    while tls.wants_write() {
        tls.write_tls(burst).unwrap();
    }
}

#[test]
fn several_records_of_one_receive_all_arrive_although_nothing_follows() {
    let pki = Pki::new();
    let sent = pattern(60_000);
    let data = sent.clone();
    let (address, _go) = one_burst(&pki, move |burst, tls| {
        tls.writer().write_all(&data).unwrap();
        flush(burst, tls);
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    // The trap needs all of it in the kernel before the first read.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut got = Vec::new();
    let mut buffer = vec![0; 65_536];
    while got.len() < sent.len() {
        let Progress::Done(length) = owner.read(&mut buffer) else { panic!("{}", owner.code()) };
        got.extend_from_slice(&buffer[..length]);
        if length < buffer.len() && got.len() < sent.len() {
            owner.expect(Told::Readable);
        }
    }
    assert!(got == sent);
}

#[test]
fn an_end_that_came_with_the_data_is_told_although_the_stream_stays_open() {
    let pki = Pki::new();
    let (address, _go) = one_burst(&pki, |burst, tls| {
        tls.writer().write_all(b"last").unwrap();
        tls.send_close_notify();
        flush(burst, tls);
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    assert_eq!(owner.read(&mut [0; 16]), Progress::Done(4));
    owner.expect(Told::Readable);
    assert_eq!(owner.connection.read(&mut [0; 16]), Progress::End);
}

#[test]
fn a_forged_record_that_came_with_the_data_is_told_although_nothing_follows() {
    let pki = Pki::new();
    let (address, _go) = one_burst(&pki, |burst, tls| {
        tls.writer().write_all(b"true").unwrap();
        flush(burst, tls);
        burst.extend([0x17, 3, 3, 0, 32]);
        burst.extend([0x55; 32]);
    });
    let mut owner = Owner::open(address, Some(pki.handshake("localhost")));
    assert_eq!(owner.read(&mut [0; 16]), Progress::Done(4));
    owner.expect(Told::Readable);
    assert_eq!(owner.connection.read(&mut [0; 16]), Progress::Failed);
    assert_eq!(owner.code(), "ERR_TLS_PROTOCOL");
}
