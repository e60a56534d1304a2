//! What the servers do with bytes, plain and over TLS.

use std::thread;

use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};

use crate::process::{Connection, Servers};

/// Bytes of which no two neighbours of 251 are alike.
fn varied(length: usize) -> Vec<u8> {
    (0..251).cycle().take(length).collect()
}

#[test]
fn echo_sends_back_what_it_receives() {
    let servers = Servers::start();
    for mut connection in servers.both("echo") {
        for length in [1, 64, 20_000] {
            let message = varied(length);
            connection.send(&message);
            assert_eq!(connection.receive(length), message);
        }
    }
}

#[test]
fn echo_sends_all_of_it_back_after_the_end() {
    let servers = Servers::start();
    let message = varied(200_000);
    for mut connection in servers.both("echo") {
        connection.send(&message);
        connection.end();
        assert_eq!(connection.rest(), message);
    }
}

#[test]
fn a_client_that_does_not_read_gets_all_once_it_does() {
    let servers = Servers::start();
    // More than all buffers on the way hold.
    let message = varied(40_000_000);
    let Connection::Plain(stream) = servers.plain("echo") else { panic!("this is plain") };
    let mut writer = Connection::Plain(stream.try_clone().unwrap());
    let mut reader = Connection::Plain(stream);
    let mut others = servers.both("source");
    for other in &mut others {
        other.send(&(message.len() as u64).to_le_bytes());
    }
    thread::scope(|scope| {
        scope.spawn(|| writer.send(&message));
        let mut lively = servers.plain("echo");
        for _ in 0..1000 {
            lively.send(b"!");
            assert_eq!(lively.receive(1), b"!");
        }
        assert!(reader.receive(message.len()) == message);
    });
    for other in &mut others {
        assert_eq!(other.receive(message.len()).len(), message.len());
    }
}

#[test]
fn source_sends_as_many_bytes_as_each_count_says() {
    let servers = Servers::start();
    for mut connection in servers.both("source") {
        for count in [1, 0, 100_000, 5_000_000] {
            connection.send(&(count as u64).to_le_bytes());
            assert_eq!(connection.receive(count).len(), count);
        }
        assert!(!connection.has_more());
        connection.send(&[7_u64.to_le_bytes(), 8_u64.to_le_bytes()].concat());
        connection.end();
        assert_eq!(connection.rest().len(), 15);
    }
}

#[test]
fn source_takes_a_count_in_pieces() {
    let servers = Servers::start();
    for mut connection in servers.both("source") {
        for byte in 300_000_u64.to_le_bytes() {
            connection.send(&[byte]);
        }
        assert_eq!(connection.receive(300_000).len(), 300_000);
    }
}

#[test]
fn sink_answers_once_all_has_come() {
    let servers = Servers::start();
    for mut connection in servers.both("sink") {
        for count in [1, 100_000, 5_000_000] {
            connection.send(&(count as u64).to_le_bytes());
            connection.send(&varied(count));
            connection.receive(1);
        }
        connection.send(&10_u64.to_le_bytes());
        connection.send(&[0; 9]);
        // One thread serves both, in the order in which they are heard.
        let mut later = servers.plain("echo");
        later.send(b"!");
        later.receive(1);
        assert!(!connection.has_more());
        connection.send(&[0]);
        connection.receive(1);
        connection.end();
        assert_eq!(connection.rest().len(), 0);
    }
}

#[test]
fn sink_answers_each_of_several_counts_that_come_together() {
    let servers = Servers::start();
    let exchange = |count: usize| [(count as u64).to_le_bytes().to_vec(), varied(count)].concat();
    for mut connection in servers.both("sink") {
        connection.send(&[exchange(3), exchange(0), exchange(70_000), exchange(1)].concat());
        connection.end();
        assert_eq!(connection.rest().len(), 4);
    }
}

#[test]
fn tls_sessions_are_resumed_except_where_there_are_no_tickets() {
    let mut servers = Servers::start();
    let handshakes = |servers: &Servers, port| {
        [(); 3].map(|()| {
            let mut connection = servers.tls(port);
            connection.send(b"!");
            connection.receive(1);
            connection.end();
            connection.rest();
            connection.handshake()
        })
    };
    for version in [&TLS13, &TLS12] {
        servers.speak(version);
        assert_eq!(handshakes(&servers, "echo_no_tickets"), [Some(HandshakeKind::Full); 3], "{version:?}");
        servers.speak(version);
        let [first, later @ ..] = handshakes(&servers, "echo");
        assert_eq!(first, Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(later, [Some(HandshakeKind::Resumed); 2], "{version:?}");
    }
}

#[test]
fn a_client_that_breaks_off_leaves_the_others_alone() {
    let servers = Servers::start();
    let mut kept = servers.both("echo");
    for connection in &mut kept {
        connection.send(b"!");
        connection.receive(1);
    }
    for mut broken in servers.both("source") {
        broken.send(&u64::MAX.to_le_bytes());
        broken.receive(1000);
    }
    // No TLS at all.
    let Connection::Tls(stream) = servers.tls("echo") else { panic!("this is TLS") };
    let mut garbage = Connection::Plain(stream.sock);
    garbage.send(b"GET / HTTP/1.1\r\n\r\n");
    drop(garbage);
    for connection in &mut kept {
        connection.send(b"?");
        assert_eq!(connection.receive(1), b"?");
    }
}

#[test]
fn serve_says_how_much_it_has_computed_and_ends_with_stdin() {
    let mut servers = Servers::start();
    let before = servers.process.ask("cpu")["cpu"].as_f64().unwrap();
    let mut connection = servers.tls("source");
    connection.send(&50_000_000_u64.to_le_bytes());
    connection.receive(50_000_000);
    let after = servers.process.ask("cpu")["cpu"].as_f64().unwrap();
    assert!(0.0 < before && before < after, "{before} {after}");
    assert!(servers.process.end().success());
}
