//! What proxies answer. However it is cut, the outcome is the same, and what follows the answer is the destination's.

use std::{io, net::SocketAddr};

use wintersock::proxy::{Destination, Kind, Proxy};

use crate::{
    text::check,
    wire::{Wire, finish},
};

/// What all that a proxy says before the destination's bytes may take.
const HEAD: usize = 16 * 1024;
const CODES: [&str; 4] = ["ERR_PROXY_AUTH", "ERR_PROXY_REFUSED", "ERR_PROXY_PROTOCOL", "EACCES"];

/// Flags, a cut, then name, user, password, each with a zero after it, then the answer.
struct Input<'a> {
    flags: u8,
    cut: usize,
    name: &'a str,
    user: &'a str,
    password: &'a str,
    answer: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let [flags, cut, rest @ ..] = data else { return None };
        let mut parts = rest.splitn(4, |byte| *byte == 0);
        let mut text = || std::str::from_utf8(parts.next()?).ok();
        let (name, user, password) = (text()?, text()?, text()?);
        Some(Self { flags: *flags, cut: (*cut).into(), name, user, password, answer: parts.next()? })
    }

    fn is(&self, bit: u8) -> bool {
        self.flags >> bit & 1 == 1
    }

    fn destination(&self) -> Destination<'a> {
        match (self.is(1), self.is(2)) {
            (true, false) => Destination::Address(SocketAddr::from(([192, 0, 2, 1], 5432))),
            (true, true) => Destination::Address(SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5432))),
            _ => Destination::Name(self.name, 5432),
        }
    }

    fn proxy(&self, kind: Kind) -> Proxy {
        Proxy {
            kind,
            host: "proxy.example".into(),
            port: 3128,
            credentials: self.is(0).then(|| (self.user.to_owned(), self.password.to_owned())),
            text: "http://proxy.example:3128".into(),
        }
    }
}

struct Outcome {
    /// The message, or nothing.
    result: Result<(), String>,
    consumed: usize,
    sent: Vec<u8>,
}

fn ask(input: &Input<'_>, kind: &Kind, cut: usize, lazy: bool) -> Outcome {
    let end = input.is(3).then_some(io::ErrorKind::PermissionDenied);
    let wire = Wire::new(input.answer, cut, lazy, end);
    let mut wire = if input.is(4) { wire.refusing() } else { wire };
    let proxy = input.proxy(kind.clone());
    let result = finish(proxy.ask(&mut wire, input.destination(), "db.example:5432"));
    let result = result.map_err(|error| {
        check(&error, &CODES);
        let message = error.to_string();
        // As long as a proxy does not say it back.
        let told =
            input.answer.windows(input.password.len().max(1)).any(|part| part == input.password.as_bytes());
        let is_secret =
            input.is(0) && input.password.len() >= 12 && !told && !input.name.contains(input.password);
        assert!(!is_secret || !message.contains(input.password), "{message}");
        message
    });
    Outcome { result, consumed: input.answer.len() - wire.incoming.len(), sent: wire.outgoing }
}

fn outcome(input: &Input<'_>, kind: &Kind) -> Outcome {
    let whole = ask(input, kind, usize::MAX, false);
    for (cut, lazy) in [(1, false), (input.cut.max(1), true), (7, input.is(5))] {
        let other = ask(input, kind, cut, lazy);
        assert_eq!((&whole.result, whole.consumed), (&other.result, other.consumed), "cut {cut}");
        assert_eq!(whole.sent, other.sent, "cut {cut}");
    }
    whole
}

pub(crate) fn connect(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let Outcome { result, consumed, sent } = outcome(&input, &Kind::Http);
    assert!(consumed <= HEAD, "{consumed}");
    if !sent.is_empty() {
        check_request(&input, &sent);
    }
    if result.is_ok() {
        assert!(!sent.is_empty() && !input.is(4), "an answer to nothing");
        let heads = heads(&input.answer[..consumed]).expect("whole heads");
        let (last, before) = heads.split_last().expect("one at least");
        assert!((200..300).contains(last), "{heads:?}");
        assert!(before.iter().all(|status| (100..200).contains(status) && *status != 101), "{heads:?}");
    }
}

/// One head, with nothing in it that the name or who we are have brought.
fn check_request(input: &Input<'_>, sent: &[u8]) {
    let request = std::str::from_utf8(sent).expect("a request in ASCII");
    let lines: Vec<&str> = request.split("\r\n").collect();
    assert_eq!(lines.len(), if input.is(0) { 5 } else { 4 }, "{request:?}");
    assert!(lines.iter().all(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte))), "{request:?}");
    let authority = lines[0].strip_prefix("CONNECT ").and_then(|line| line.strip_suffix(" HTTP/1.1"));
    let authority = authority.expect("a request line");
    assert!(!authority.contains(' ') && authority.ends_with(":5432"), "{request:?}");
    assert_eq!(lines[1].strip_prefix("Host: "), Some(authority));
    if input.is(0) {
        let identity = lines[2].strip_prefix("Proxy-Authorization: Basic ").expect("who we are");
        assert_eq!(identity.len(), (input.user.len() + input.password.len() + 1).div_ceil(3) * 4);
    }
}

/// The status of each head, read as simply as can be. `None`: something is no head.
fn heads(mut text: &[u8]) -> Option<Vec<u16>> {
    let mut statuses = Vec::new();
    while !text.is_empty() {
        let end = (1..=text.len())
            .find(|&end| text[..end].ends_with(b"\n\r\n") || text[..end].ends_with(b"\n\n"))?;
        let head = text[..end].strip_prefix(b"HTTP/1.")?;
        statuses.push(std::str::from_utf8(head.get(2..5)?).ok()?.parse().ok()?);
        text = &text[end..];
    }
    Some(statuses)
}

pub(crate) fn socks(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let Outcome { result, consumed, sent } = outcome(&input, &Kind::Socks5h);
    // Two for the method, two for who we are, and the longest reply: four, a length, 255 bytes of a name, a port.
    assert!(consumed <= 2 + 2 + 4 + 1 + 255 + 2, "{consumed}");
    let answered = answered(&input.answer[..consumed], input.is(0));
    assert!(result.is_err() || answered, "{:?} {:?}", &input.answer[..consumed], input.is(0));
    if answered {
        // What is asked for: after the greeting, and who we are.
        assert!(sent.starts_with(&[5]), "{sent:?}");
    }
}

/// Whether it is all that RFC 1928 and 1929 want for a connection, and not a byte more.
fn answered(mut answer: &[u8], identified: bool) -> bool {
    match answer {
        [5, 0, rest @ ..] => answer = rest,
        [5, 2, 1, 0, rest @ ..] if identified => answer = rest,
        _ => return false,
    }
    let [5, 0, 0, kind, rest @ ..] = answer else { return false };
    let length = match (kind, rest) {
        (1, _) => 4,
        (4, _) => 16,
        (3, [length, ..]) => 1 + usize::from(*length),
        _ => return false,
    };
    rest.len() == length + 2
}
