//! Proxies against scripted peers.

use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub(super) fn proxy(kind: Kind, credentials: Option<(&str, &str)>) -> Proxy {
    Proxy {
        kind,
        host: "127.0.0.1".into(),
        port: 3128,
        credentials: credentials.map(|(user, password)| (user.into(), password.into())),
        text: "http://p:3128".into(),
    }
}

/// What a proxy does: hears so many bytes, then says that.
type Script = Vec<(usize, Vec<u8>)>;

/// Asks a proxy that follows the script, and then ends. Gives what it has heard, too.
async fn asked(proxy: &Proxy, to: Destination<'_>, script: Script) -> (Result<Through, Error>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    peer.set_nodelay(true).unwrap();
    let play = async {
        let mut heard = Vec::new();
        for (length, said) in script {
            let mut bytes = vec![0; length];
            peer.read_exact(&mut bytes).await.unwrap();
            heard.append(&mut bytes);
            peer.write_all(&said).await.unwrap();
        }
        peer.shutdown().await.unwrap();
        heard
    };
    tokio::join!(proxy.connect(stream, to, "db:5432"), play)
}

const NAME: Destination<'_> = Destination::Name("db", 5432);

async fn refused(proxy: &Proxy, to: Destination<'_>, script: Script) -> (&'static str, String) {
    let error = asked(proxy, to, script).await.0.unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("connect {} db:5432: the proxy http://p:3128 ", error.code())),
        "{message}"
    );
    (error.code(), message)
}

async fn rest(result: Result<Through, Error>) -> Vec<u8> {
    let through = result.unwrap();
    assert!(through.tunnel.is_none());
    let mut rest = Vec::new();
    let mut stream = through.stream;
    stream.read_to_end(&mut rest).await.unwrap();
    rest
}

fn http() -> Proxy {
    proxy(Kind::Http, None)
}

/// The length of what is asked without credentials.
const ASKED: usize = "CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n".len();

async fn answered(proxy: &Proxy, answer: &[u8]) -> (&'static str, String) {
    refused(proxy, NAME, vec![(1, answer.to_vec())]).await
}

#[test]
fn a_password_is_not_shown() {
    let shown = format!("{:?}", proxy(Kind::Http, Some(("me", "secret"))));
    assert!(!shown.contains("secret") && shown.contains("http://p:3128"), "{shown}");
}

#[tokio::test]
async fn http_is_asked_for_the_destination_as_it_is_written_in_urls() {
    let v6 = || Destination::Address("[fd00::1]:443".parse().unwrap());
    for (to, authority) in [
        (NAME, "db:5432"),
        (Destination::Address("192.0.2.1:1".parse().unwrap()), "192.0.2.1:1"),
        (v6(), "[fd00::1]:443"),
        (Destination::Name("fd00::1", 443), "[fd00::1]:443"),
    ] {
        let expected = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let script = vec![(expected.len(), b"HTTP/1.1 200 OK\r\n\r\n".to_vec())];
        let (result, heard) = asked(&http(), to, script).await;
        assert_eq!(rest(result).await, b"");
        assert_eq!(String::from_utf8(heard).unwrap(), expected);
    }
}

#[tokio::test]
async fn http_is_told_who_asks() {
    for (user, password, identity) in [
        ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("a", "b", "YTpi"),
        ("ab", "c", "YWI6Yw=="),
        ("ab", "cd", "YWI6Y2Q="),
        ("\u{fffd}>?\r\n", "", "77+9Pj8NCjo="),
    ] {
        let expected = format!(
            "CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\nProxy-Authorization: Basic {identity}\r\n\r\n"
        );
        let script = vec![(expected.len(), b"HTTP/1.0 200 Connection established\n\n".to_vec())];
        let (result, heard) = asked(&proxy(Kind::Http, Some((user, password))), NAME, script).await;
        rest(result).await;
        assert_eq!(String::from_utf8(heard).unwrap(), expected);
    }
}

#[tokio::test]
async fn what_follows_an_answer_of_http_is_the_destinations() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nVia: x\r\n\r\n\r\n220 ready\r\n";
    let (result, _) = asked(&http(), NAME, vec![(ASKED, answer.to_vec())]).await;
    assert_eq!(rest(result).await, b"\r\n220 ready\r\n");
    // However it is cut.
    let script =
        answer.iter().enumerate().map(|(index, byte)| (if index == 0 { ASKED } else { 0 }, vec![*byte]));
    let (result, _) = asked(&http(), NAME, script.collect()).await;
    assert_eq!(rest(result).await, b"\r\n220 ready\r\n");
    let after_others = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 299 Odd\r\n\r\nx";
    let (result, _) = asked(&http(), NAME, vec![(ASKED, after_others.to_vec())]).await;
    assert_eq!(rest(result).await, b"x");
}

#[tokio::test]
async fn http_that_refuses_is_quoted() {
    for (status, words) in [
        ("403 Filtered", "answered 403 Filtered; check that its rules"),
        ("405 ", "answered 405; check that its rules"),
        ("301 Moved", "answered 301 Moved; check"),
        ("101 Switching Protocols", "answered 101 Switching Protocols; check"),
        ("502 Bad Gateway", "answered 502 Bad Gateway: it could not connect; check"),
        ("500 Unable\tto connect", "answered 500 Unable?to connect: it could not"),
    ] {
        let (code, message) = answered(&http(), format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await;
        assert_eq!(code, "ERR_PROXY_REFUSED");
        assert!(message.contains(words), "{message}");
    }
    let long = format!("HTTP/1.1 403 {}\r\n\r\n", "x".repeat(5000));
    assert!(answered(&http(), long.as_bytes()).await.1.len() < 500);
}

#[tokio::test]
async fn http_that_wants_to_know_who_asks_is_told_apart() {
    let known = proxy(Kind::Http, Some(("me", "secret")));
    let asking = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nProxy-authenticate: NTLM\r\n\r\n";
    let otherwise =
        b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Digest a=b\r\n\r\n";
    for (proxy, answer, words) in [
        (&http(), &asking[..], "wants to know who asks (407 Who); write user:password@"),
        (&known, asking, "does not accept the user and password (407 Who); correct"),
        (&known, otherwise, "by Negotiate or Digest, and here only Basic is spoken"),
    ] {
        let (code, message) = answered(proxy, answer).await;
        assert_eq!(code, "ERR_PROXY_AUTH");
        assert!(message.contains(words) && !message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_http_is_told_apart() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    let huge = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(17_000));
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(700);
    for (answer, words) in [
        (&b""[..], "closed the connection before it answered"),
        (b"HTTP/1.1 200 OK\r\nVia: x\r\n", "closed the connection before it answered"),
        (b"\x05\xff", "did not answer in HTTP/1"),
        (b"\r\n\r\n", "did not answer in HTTP/1"),
        (b"HTTP/2 200\r\n\r\n", "did not answer in HTTP/1"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "did not answer in HTTP/1"),
        (b"HTTP/1.1\r\n\r\n", "did not answer in HTTP/1"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS; write its URL with https://"),
        (many.as_bytes(), "did not answer in HTTP/1"),
        (huge.as_bytes(), "more than 16 KiB"),
        (endless.as_bytes(), "more than 16 KiB"),
    ] {
        let (code, message) = answered(&http(), answer).await;
        assert_eq!(code, "ERR_PROXY_PROTOCOL");
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn a_server_that_waits_after_its_greeting_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    peer.write_all(b"SSH-2.0-OpenSSH\r\n").await.unwrap();
    let error = http().connect(stream, NAME, "db:5432").await.unwrap_err();
    assert_eq!(error.code(), "ERR_PROXY_PROTOCOL");
    drop(peer);
}

#[tokio::test]
async fn a_proxy_that_resets_the_connection_has_closed_it() {
    for kind in [Kind::Http, Kind::Socks5h] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        socket2::SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(peer);
        let error = proxy(kind, None).connect(stream, NAME, "db:5432").await.unwrap_err();
        assert_eq!(error.code(), "ERR_PROXY_PROTOCOL");
        assert!(error.to_string().contains("closed the connection"), "{error}");
    }
}

#[tokio::test]
async fn nothing_gets_into_a_request_but_a_host_name() {
    for name in ["", "a b", "a\r\nX: y", "a\0", "b\u{fc}cher"] {
        let (code, message) = refused(&http(), Destination::Name(name, 1), Vec::new()).await;
        assert_eq!(code, "ERR_PROXY_PROTOCOL");
        assert!(message.contains("which is no host name"), "{message}");
        assert!(!message.contains('\n'));
    }
}

fn socks(credentials: Option<(&str, &str)>) -> Proxy {
    proxy(Kind::Socks5h, credentials)
}

const V4: [u8; 6] = [127, 0, 0, 1, 0, 80];

fn reply(code: u8) -> Vec<u8> {
    [&[5, code, 0, 1][..], &V4].concat()
}

#[tokio::test]
async fn socks_is_asked_for_a_name_or_an_address() {
    let name: &[u8] = b"\x05\x01\x00\x03\x02db\x15\x38";
    let v4: &[u8] = b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x01";
    let v6: &[u8] = b"\x05\x01\x00\x04\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb";
    for (to, request) in [
        (NAME, name),
        (Destination::Address("192.0.2.1:1".parse().unwrap()), v4),
        (Destination::Name("192.0.2.1", 1), v4),
        (Destination::Address("[fd00::1]:443".parse().unwrap()), v6),
    ] {
        let bound_to_a_name = b"\x05\x00\x00\x03\x04here\x00\x50220 ready";
        let script = vec![(3, vec![5, 0]), (request.len(), bound_to_a_name.to_vec())];
        let (result, heard) = asked(&socks(None), to, script).await;
        assert_eq!(rest(result).await, b"220 ready");
        assert_eq!(heard, [b"\x05\x01\x00", request].concat());
    }
}

#[tokio::test]
async fn socks_is_told_who_asks_if_it_wants_to_know() {
    let known = socks(Some(("me", "secret")));
    let script = vec![(4, vec![5, 2]), (11, vec![1, 0]), (9, [reply(0), b"x".to_vec()].concat())];
    let (result, heard) = asked(&known, NAME, script).await;
    assert_eq!(rest(result).await, b"x");
    assert_eq!(&heard[..15], b"\x05\x02\x00\x02\x01\x02me\x06secret");
    let (result, heard) = asked(&known, NAME, vec![(4, vec![5, 0]), (9, reply(0))]).await;
    assert_eq!(rest(result).await, b"");
    assert_eq!(heard.len(), 13);
}

#[tokio::test]
async fn each_reply_of_socks_has_its_words() {
    let words = [
        "general failure",
        "not allowed by its ruleset",
        "no route to the network",
        "cannot reach this host",
        "nothing accepts connections there",
        "no answer from there in time",
        "makes no connections",
        "does not look names up (address type not supported); write its URL with socks5://",
    ];
    for (code, words) in (1..).zip(words) {
        let (code, message) = refused(&socks(None), NAME, vec![(3, vec![5, 0]), (9, reply(code))]).await;
        assert_eq!(code, "ERR_PROXY_REFUSED");
        assert!(message.contains(words), "{message}");
    }
    let v6 = Destination::Address("[fd00::1]:443".parse().unwrap());
    let (_, message) = refused(&proxy(Kind::Socks5, None), v6, vec![(3, vec![5, 0]), (22, reply(8))]).await;
    assert!(message.contains("use one of IPv4, or a name with socks5h://"), "{message}");
}

#[tokio::test]
async fn what_is_no_answer_of_socks_is_told_apart() {
    let script = |method: &[u8], reply: &[u8]| vec![(3, method.to_vec()), (9, reply.to_vec())];
    for (script, words) in [
        (Vec::new(), "closed the connection before it answered"),
        (vec![(3, b"HTTP/1.0 400 Bad Request\r\n".to_vec())], "did not answer in SOCKS5"),
        (vec![(3, vec![4, 0])], "did not answer in SOCKS5"),
        (vec![(3, vec![5, 1])], "a code that was not asked for"),
        (vec![(3, vec![5])], "closed the connection before it answered"),
        (script(&[5, 0], &reply(9)), "a code that was not asked for"),
        (script(&[5, 0], &[4, 0, 0, 1, 0, 0, 0, 0, 0, 0]), "did not answer in SOCKS5"),
        (script(&[5, 0], &[5, 0, 7, 1, 0, 0, 0, 0, 0, 0]), "did not answer in SOCKS5"),
        (script(&[5, 0], &[5, 0, 0, 2, 0, 0, 0, 0, 0, 0]), "did not answer in SOCKS5"),
        (script(&[5, 0], &[5, 0, 0, 1, 0, 0]), "closed the connection before it answered"),
    ] {
        let (code, message) = refused(&socks(None), NAME, script).await;
        assert_eq!(code, "ERR_PROXY_PROTOCOL");
        assert!(message.contains(words), "{message}");
    }
    let long = "x".repeat(256);
    let (code, message) = refused(&socks(None), Destination::Name(&long, 1), Vec::new()).await;
    assert_eq!(code, "ERR_PROXY_PROTOCOL");
    assert!(message.contains("cannot be asked for a name of 256 bytes"), "{message}");
}

#[tokio::test]
async fn socks_that_wants_to_know_who_asks_is_told_apart() {
    let known = socks(Some(("me", "secret")));
    let long = "x".repeat(256);
    for (proxy, script, words) in [
        (&socks(None), vec![(3, vec![5, 255])], "wants to know who asks; write user:password@"),
        (&socks(None), vec![(3, vec![5, 2])], "wants to know who asks; write user:password@"),
        (&known, vec![(4, vec![5, 255])], "takes no user and password"),
        (&known, vec![(4, vec![5, 2]), (11, vec![1, 1])], "does not accept the user and password"),
        (&socks(Some(("me", &long))), Vec::new(), "cannot be told this user and password"),
        (&socks(Some(("me", ""))), Vec::new(), "cannot be told this user and password"),
    ] {
        let (code, message) = refused(proxy, NAME, script).await;
        assert_eq!(code, "ERR_PROXY_AUTH");
        assert!(message.contains(words) && !message.contains("secret"), "{message}");
    }
}

#[test]
fn only_one_kind_is_given_addresses() {
    let here = [Kind::Http, Kind::Socks5, Kind::Socks5h].map(|kind| proxy(kind, None).resolves_here());
    assert_eq!(here, [false, true, false]);
}
