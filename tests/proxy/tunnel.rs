//! Tunnels through a proxy with TLS.

use super::*;
use crate::{
    proxy::{Destination, Kind, Proxy, Through},
    tls::{Credentials, Options},
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::PrivateKeyDer;
use tokio::{io::AsyncWrite, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream as ServerStream};

const PATIENCE: Duration = Duration::from_secs(20);
const MUCH: usize = 3 * 1024 * 1024;

/// A proxy with TLS, and who trusts it.
struct Pki {
    acceptor: TlsAcceptor,
    handshake: Handshake,
}

fn trusting(authority: &str) -> Handshake {
    let ca = Some(vec![authority.into()]);
    let credentials = Credentials::new(Options { ca, ..Options::default() }).unwrap();
    Handshake::new("localhost", None, &credentials).unwrap()
}

fn pki() -> Pki {
    pki_for(false)
}

/// `identified`: the proxy lets nobody in without a certificate.
fn pki_for(identified: bool) -> Pki {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots));
    let verifier = if identified { clients } else { clients.allow_unauthenticated() };
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    Pki { acceptor: Arc::new(config).into(), handshake: trusting(&certificate.pem()) }
}

fn proxy(handshake: Handshake) -> Proxy {
    Proxy {
        kind: Kind::Https(handshake),
        host: "localhost".into(),
        port: 3129,
        credentials: None,
        text: "https://p:3129".into(),
    }
}

async fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

async fn through(handshake: Handshake, stream: TcpStream) -> Result<Through, Error> {
    proxy(handshake).connect(stream, Destination::Name("db", 5432), "db:5432").await
}

/// This process's end, and the proxy's. `early`: what comes in one record with the answer.
async fn tunnel(early: &str) -> (TcpStream, ServerStream<TcpStream>) {
    let Pki { acceptor, handshake } = pki();
    let (near, far) = streams().await;
    let serve = async {
        let mut server = acceptor.accept(far).await.unwrap();
        let mut request = [0; "CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n".len()];
        server.read_exact(&mut request).await.unwrap();
        server.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{early}").as_bytes()).await.unwrap();
        server.flush().await.unwrap();
        server
    };
    let (through, server) = tokio::join!(through(handshake, near), serve);
    let through = through.unwrap();
    assert!(through.tunnel.is_some());
    (through.stream, server)
}

fn bytes() -> Vec<u8> {
    (0..MUCH).map(|index| u8::try_from(index * 31 % 251).unwrap()).collect()
}

async fn send<S: AsyncWrite + Unpin>(to: &mut S) {
    to.write_all(&bytes()).await.unwrap();
    to.flush().await.unwrap();
}

fn reset<T: std::fmt::Debug>(result: io::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it comes")
}

#[tokio::test]
async fn what_comes_with_the_answer_is_carried_first() {
    let (mut near, mut proxy) = tunnel("220 ready\r\n").await;
    let mut greeting = [0; 11];
    soon(near.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"220 ready\r\n");
    proxy.write_all(b"x").await.unwrap();
    assert_eq!(soon(near.read_u8()).await.unwrap(), b'x');
}

#[tokio::test]
async fn much_is_carried_both_ways_at_once() {
    let (near, proxy) = tunnel("").await;
    let (mut near_in, mut near_out) = near.into_split();
    let (mut proxy_in, mut proxy_out) = split(proxy);
    let (mut down, mut up) = (vec![0; MUCH], vec![0; MUCH]);
    let sends = async { tokio::join!(send(&mut near_out), send(&mut proxy_out)) };
    let reads = async { tokio::join!(near_in.read_exact(&mut down), proxy_in.read_exact(&mut up)) };
    let (_, (down_read, up_read)) = soon(async { tokio::join!(sends, reads) }).await;
    assert_eq!((down_read.unwrap(), up_read.unwrap()), (MUCH, MUCH));
    assert!(down == bytes() && up == bytes());
}

#[tokio::test]
async fn each_side_ends_by_itself() {
    let (mut near, mut proxy) = tunnel("").await;
    let mut rest = Vec::new();
    near.write_all(b"last").await.unwrap();
    near.shutdown().await.unwrap();
    soon(proxy.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"last");
    send(&mut proxy).await;
    proxy.shutdown().await.unwrap();
    rest.clear();
    soon(near.read_to_end(&mut rest)).await.unwrap();
    assert!(rest == bytes());

    let (mut near, mut proxy) = tunnel("").await;
    proxy.shutdown().await.unwrap();
    assert_eq!(soon(near.read(&mut [0])).await.unwrap(), 0);
    let (_, all) = soon(async {
        let mut all = Vec::new();
        let sends = async {
            send(&mut near).await;
            near.shutdown().await.unwrap();
        };
        (tokio::join!(sends, proxy.read_to_end(&mut all)), all)
    })
    .await;
    assert!(all == bytes());
}

#[tokio::test]
async fn what_is_cut_short_is_no_end_but_comes_whole() {
    let (mut near, mut proxy) = tunnel("").await;
    let sends = async {
        send(&mut proxy).await;
        // FIN without close_notify.
        let (mut tcp, session) = proxy.into_inner();
        tcp.shutdown().await.unwrap();
        (tcp, session)
    };
    let reads = async {
        let mut all = vec![0; MUCH];
        // Slower than the proxy: much is under way when the end comes.
        sleep(Duration::from_millis(100)).await;
        near.read_exact(&mut all).await.unwrap();
        assert!(all == bytes());
        reset(near.read(&mut [0]).await);
    };
    soon(async { tokio::join!(sends, reads) }).await;
}

#[tokio::test]
async fn a_reset_by_the_proxy_is_one_here() {
    let (mut near, proxy) = tunnel("").await;
    SockRef::from(proxy.get_ref().0).set_linger(Some(Duration::ZERO)).unwrap();
    drop(proxy);
    reset(soon(near.read(&mut [0])).await);
}

#[tokio::test]
async fn a_reset_here_is_one_for_the_proxy() {
    let (near, proxy) = tunnel("").await;
    SockRef::from(&near).set_linger(Some(Duration::ZERO)).unwrap();
    drop(near);
    let (mut tcp, _session) = proxy.into_inner();
    reset(soon(tcp.read(&mut [0; 100])).await);
}

/// Only Linux lets it be told at once.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_sent_before_the_stream_was_closed_is_carried_and_nothing_stays() {
    for (ended, linger) in [(true, None), (false, None), (true, Some(Duration::ZERO))] {
        let (mut near, mut proxy) = tunnel("").await;
        let tunnel = tunnel_of(&near);
        let sends = async {
            send(&mut near).await;
            if ended {
                near.shutdown().await.unwrap();
            }
            if linger.is_some() {
                // A reset takes with it what the system still has to send.
                while queued(&SockRef::from(&near)).is_some_and(|(_, sending)| sending > 0) {
                    tokio::task::yield_now().await;
                }
            }
            SockRef::from(&near).set_linger(linger).unwrap();
            drop(near);
        };
        let mut all = Vec::new();
        let (read, ()) = soon(async { tokio::join!(proxy.read_to_end(&mut all), sends) }).await;
        read.unwrap();
        assert!(all == bytes());
        // The proxy has not ended its side.
        gone(&tunnel).await;
    }
}

/// Writes until nothing more is taken. Says how much that is.
async fn fill(near: &TcpStream) -> usize {
    let mut count = 0;
    let full = async {
        loop {
            near.writable().await.unwrap();
            count += near.try_write(&[0; 4096]).unwrap_or(0);
        }
    };
    // However long that is: what is taken later is not counted, and what is counted is taken.
    assert!(timeout(Duration::from_millis(200), full).await.is_err());
    count
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_slow_proxy_had_not_taken_when_the_stream_was_closed_is_carried() {
    let (near, mut proxy) = tunnel("").await;
    let tunnel = tunnel_of(&near);
    let count = fill(&near).await;
    drop(near);
    let mut all = Vec::new();
    soon(proxy.read_to_end(&mut all)).await.unwrap();
    assert_eq!(all.len(), count);
    gone(&tunnel).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_comes_after_the_stream_was_closed_is_refused() {
    let (near, mut proxy) = tunnel("").await;
    let tunnel = tunnel_of(&near);
    drop(near);
    assert_eq!(soon(proxy.read(&mut [0])).await.unwrap(), 0);
    gone(&tunnel).await;
    let late = async {
        loop {
            if let Err(error) = proxy.write_all(b"late").await {
                return error.kind();
            }
            tokio::task::yield_now().await;
        }
    };
    let kind = soon(late).await;
    assert!(matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{kind:?}");
}

#[tokio::test]
async fn the_stream_that_was_not_ours_is_turned_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut stranger = TcpStream::connect(address).await.unwrap();
    let own = TcpStream::connect(address).await.unwrap();
    let far = soon(accept(&listener, own.local_addr().unwrap())).await.unwrap();
    assert_eq!(far.peer_addr().unwrap(), own.local_addr().unwrap());
    assert!(matches!(soon(stranger.read(&mut [0])).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn the_proxys_own_certificate_is_named_as_such() {
    let (near, far) = streams().await;
    let (one, other) = (pki(), pki());
    let (result, _) = tokio::join!(through(other.handshake, near), one.acceptor.accept(far));
    let error = result.unwrap_err();
    assert_eq!(error.code(), "DEPTH_ZERO_SELF_SIGNED_CERT");
    let message = error.to_string();
    assert!(message.starts_with("the certificate of the proxy https://p:3129 was refused: "), "{message}");
}

#[tokio::test]
async fn a_proxy_without_tls_is_named() {
    for (answer, code, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "ERR_TLS_PROTOCOL",
            "the TLS handshake with the proxy https://p:3129 failed",
        ),
        (b"", "ERR_TLS_HANDSHAKE", "the proxy https://p:3129 closed the connection during the TLS handshake"),
    ] {
        let (near, mut far) = streams().await;
        let serve = async {
            far.write_all(answer).await.unwrap();
            far.shutdown().await.unwrap();
        };
        let (result, ()) = tokio::join!(through(pki().handshake, near), serve);
        let error = result.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().starts_with(words), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_certificate_says_so() {
    let Pki { acceptor, handshake } = pki_for(true);
    let (near, far) = streams().await;
    // Its alert comes after the handshake that this side takes for done. Closed at once, it might be lost.
    let (result, refused) = tokio::join!(through(handshake, near), acceptor.accept(far).into_fallible());
    assert!(refused.is_err());
    let error = result.unwrap_err();
    assert_eq!(error.code(), "ERR_TLS_ALERT");
    let message = error.to_string();
    assert!(
        message.starts_with("the TLS session with the proxy https://p:3129 failed: received fatal alert"),
        "{message}"
    );
}

#[tokio::test]
async fn a_proxy_with_tls_that_refuses_is_quoted() {
    let Pki { acceptor, handshake } = pki();
    let (near, far) = streams().await;
    let serve = async {
        let mut server = acceptor.accept(far).await.unwrap();
        server.write_all(b"HTTP/1.1 403 No\r\n\r\n").await.unwrap();
        server.shutdown().await.unwrap();
    };
    let (result, ()) = tokio::join!(through(handshake, near), serve);
    let message = result.unwrap_err().to_string();
    assert!(
        message.starts_with("connect ERR_PROXY_REFUSED db:5432: the proxy https://p:3129 answered 403 No;"),
        "{message}"
    );
}

/// Waits until nothing is left of a tunnel.
async fn gone(tunnel: &Weak<Far>) {
    soon(async {
        while tunnel.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The tunnel whose near end this is.
fn tunnel_of(near: &TcpStream) -> Weak<Far> {
    let own = near.local_addr().unwrap();
    let all = ALL.lock().unwrap();
    let ours = |far: &&Weak<Far>| {
        far.upgrade().is_some_and(|far| far.stream.peer_addr().is_ok_and(|peer| peer == own))
    };
    Weak::clone(all.iter().find(ours).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_written_is_left_when_the_process_exits() {
    let (mut near, mut proxy) = tunnel("").await;
    let tunnel = tunnel_of(&near);
    let tunnels = vec![Weak::clone(&tunnel)];
    let heard = tokio::spawn(async move {
        let mut all = Vec::new();
        proxy.read_to_end(&mut all).await.map(|_| all)
    });
    send(&mut near).await;
    tokio::task::spawn_blocking(move || empty(&tunnels, PATIENCE)).await.unwrap();
    assert!(tunnel.upgrade().is_none_or(|far| far.carried.load(Ordering::Acquire)));
    // As at the end of a process: the end comes without that of the stream.
    assert!(soon(heard).await.unwrap().unwrap() == bytes());
    drop(near);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_takes_nothing_holds_no_exit_up_for_long() {
    let (near, proxy) = tunnel("").await;
    let tunnels = vec![tunnel_of(&near)];
    fill(&near).await;
    let ended = tokio::task::spawn_blocking(move || empty(&tunnels, Duration::from_millis(50)));
    soon(ended).await.unwrap();
    drop(proxy);
}

#[tokio::test]
async fn a_tunnel_ends_with_both_of_its_sides() {
    let (mut near, mut proxy) = tunnel("").await;
    let tunnel = tunnel_of(&near);
    near.shutdown().await.unwrap();
    assert_eq!(soon(proxy.read(&mut [0])).await.unwrap(), 0);
    assert!(tunnel.upgrade().is_some());
    proxy.shutdown().await.unwrap();
    assert_eq!(soon(near.read(&mut [0])).await.unwrap(), 0);
    gone(&tunnel).await;
}
