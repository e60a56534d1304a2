//! HTTP's CONNECT.

use std::net::Ipv6Addr;

use httparse::{EMPTY_HEADER, Response, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Destination, Failure};
use crate::{base64::base64, printable::printable};

/// Bytes of all that comes before the destination's.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 128;
/// Characters of what the proxy says that are passed on in a message.
const QUOTED: usize = 100;
const BEGINNING: &[u8] = b"HTTP/1.";

/// Asks the proxy at the other end of `stream` for a connection, and reads its answer, and nothing of what follows.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    destination: Destination<'_>,
    credentials: Option<&(String, String)>,
) -> Result<(), Failure> {
    let request = request(destination, credentials)?;
    let sent = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    }
    .await;
    let mut allowed = HEAD;
    loop {
        // Who is refused before asking may find the stream closed, and the reason in it.
        let head = head(stream, &mut allowed).await?;
        match Answer::parse(&head)? {
            Answer { status: 100 | 102..200, .. } => {}
            Answer { status: 200..300, .. } => return Ok(sent?),
            answer => return Err(answer.refusal(credentials.is_some())),
        }
    }
}

fn request(destination: Destination<'_>, credentials: Option<&(String, String)>) -> Result<String, Failure> {
    let authority = match destination {
        Destination::Address(address) if address.is_ipv6() => {
            format!("[{}]:{}", address.ip(), address.port())
        }
        Destination::Address(address) => address.to_string(),
        Destination::Name(name, port) if name.parse::<Ipv6Addr>().is_ok() => format!("[{name}]:{port}"),
        // Addresses are checked long before. Here a line break would be a header.
        Destination::Name(name, _)
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            return Err(Failure::Protocol(format!(
                "cannot be asked for {name:?}, which is no host name; connect to a name in ASCII"
            )));
        }
        Destination::Name(name, port) => format!("{name}:{port}"),
    };
    let identity = credentials.map_or_else(String::new, |(user, password)| {
        let identity = base64(format!("{user}:{password}").as_bytes());
        format!("Proxy-Authorization: Basic {identity}\r\n")
    });
    Ok(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{identity}\r\n"))
}

/// Reads a head byte by byte: what follows it is not ours.
async fn head<S: AsyncRead + Unpin>(stream: &mut S, allowed: &mut usize) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::with_capacity(256);
    while !(head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")) {
        if *allowed == 0 {
            return Err(Failure::Protocol(
                "sent more than 16 KiB before the end of its answer; check that it is an HTTP proxy".into(),
            ));
        }
        *allowed -= 1;
        head.push(stream.read_u8().await?);
        // A server of another protocol waits for an answer to its greeting, and not for ours to be over.
        if !head.starts_with(BEGINNING) && !BEGINNING.starts_with(&head) {
            return Err(strange(&head));
        }
    }
    Ok(head)
}

fn strange(head: &[u8]) -> Failure {
    Failure::Protocol(match head {
        // The records of an alert and of a handshake.
        [0x15 | 0x16, ..] => "speaks TLS; write its URL with https://".into(),
        _ => "did not answer in HTTP/1; check that an HTTP proxy listens on this port".into(),
    })
}

struct Answer {
    status: u16,
    /// The status, and what the proxy calls it.
    line: String,
    /// The ways to say who asks that the proxy takes.
    schemes: Vec<String>,
}

impl Answer {
    fn parse(head: &[u8]) -> Result<Self, Failure> {
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut response = Response::new(&mut headers);
        let status = match response.parse(head) {
            Ok(Status::Complete(_)) => response.code,
            _ => None,
        };
        let Some(status) = status else { return Err(strange(head)) };
        let schemes =
            response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("proxy-authenticate"));
        Ok(Self {
            status,
            line: format!("{status} {}", quoted(response.reason.unwrap_or_default())).trim_end().to_owned(),
            schemes: schemes
                .filter_map(|header| std::str::from_utf8(header.value).ok()?.split_whitespace().next())
                .map(quoted)
                .collect(),
        })
    }

    fn refusal(&self, identified: bool) -> Failure {
        let Self { status, line, schemes } = self;
        let basic = schemes.is_empty() || schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic"));
        match status {
            407 if !basic => Failure::Who(format!(
                "wants to know who asks ({line}) by {}, and here only Basic is spoken; let it take Basic, too",
                schemes.join(" or ")
            )),
            // Some say 401 to who has the wrong password.
            407 | 401 if identified => Failure::Who(format!(
                "does not accept the user and password ({line}); correct user:password@ in its URL"
            )),
            407 | 401 => Failure::Who(format!(
                "wants to know who asks ({line}); write user:password@ before the host in its URL"
            )),
            500.. => Failure::Refused(format!(
                "answered {line}: it could not connect; check the name or address, that the server runs, and that the proxy can reach it"
            )),
            _ => Failure::Refused(format!(
                "answered {line}; check that its rules let connections go to this host and port, and that it is a proxy for CONNECT"
            )),
        }
    }
}

fn quoted(text: &str) -> String {
    printable(text, QUOTED)
}
