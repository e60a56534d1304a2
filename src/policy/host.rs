//! Hosts as they are asked for: names, and addresses in all spellings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// An address, in one spelling or another.
    Address(IpAddr),
    /// A name, to be looked up.
    Name,
    /// Neither. It may be an address to somebody else: it ends in a number, as WHATWG URL says, or has other characters than a
    /// name has.
    Malformed,
}

/// The address that a host is a spelling of: IPv4 also in `inet_aton`'s (decimal, octal, hexadecimal, one to four parts), IPv6 also in
/// brackets and with a zone, which is left out. For `2130706433`, `0177.0.0.1`, `0x7f.1` and `127.1` it is 127.0.0.1.
pub fn numeric(host: &str) -> Option<IpAddr> {
    match spelling(host) {
        Spelling::Address(address) => Some(address),
        Spelling::Name | Spelling::Malformed => None,
    }
}

/// What a host is, by its text alone.
pub fn spelling(host: &str) -> Spelling {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(text) = bare.or_else(|| host.contains(':').then_some(host)) {
        let text = text.split_once('%').map_or(text, |(address, _zone)| address);
        return text
            .parse::<Ipv6Addr>()
            .map_or(Spelling::Malformed, |address| Spelling::Address(address.into()));
    }
    if !host.bytes().all(is_of_names) {
        return Spelling::Malformed;
    }
    let text = host.strip_suffix('.').unwrap_or(host);
    match text.rsplit('.').next() {
        None | Some("") => Spelling::Malformed,
        Some(last) if is_number(last) => {
            inet_aton(text).map_or(Spelling::Malformed, |address| Spelling::Address(address.into()))
        }
        Some(_) => Spelling::Name,
    }
}

fn is_of_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether a label is a number to anybody: digits, or `0x` and hexadecimal digits.
pub(super) fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut parts = Vec::with_capacity(4);
    for part in text.split('.') {
        if parts.len() == 4 {
            return None;
        }
        parts.push(number(part)?);
    }
    let last = parts.pop()?;
    // What the last part holds is all that the parts before it leave.
    let bytes = 4_u32.checked_sub(u32::try_from(parts.len()).ok()?)?;
    if bytes < 4 && last >> (8 * bytes) != 0 {
        return None;
    }
    let mut bits = last;
    for (part, shift) in parts.into_iter().zip([24, 16, 8]) {
        bits |= u32::from(u8::try_from(part).ok()?) << shift;
    }
    Some(Ipv4Addr::from_bits(bits))
}

fn number(part: &str) -> Option<u32> {
    // `from_str_radix` would take a sign.
    if !is_number(part) {
        return None;
    }
    if let Some(digits) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    let radix = if part.len() > 1 && part.starts_with('0') { 8 } else { 10 };
    u32::from_str_radix(part, radix).ok()
}

/// A name as rules compare it: in lower case, without the dot at its end.
pub(super) fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Names that a rule is about. All text is [`normal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// This one.
    One(String),
    /// All below it, as `*.example` says.
    Below(String),
    /// It, and all below it, as in `NO_PROXY`.
    Domain(String),
}

impl Names {
    /// `name`: [`normal`].
    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => name == one,
            Self::Below(domain) => is_below(name, domain),
            Self::Domain(domain) => name == domain || is_below(name, domain),
        }
    }

    /// Whether all of `other` is in it.
    pub(super) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::One(name)) => self.contains(name),
            (Self::Below(of), Self::Below(domain)) => domain == of || is_below(domain, of),
            (Self::Below(of), Self::Domain(domain)) => is_below(domain, of),
            (Self::Domain(_), Self::Below(domain) | Self::Domain(domain)) => self.contains(domain),
            (Self::One(_), _) => false,
        }
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')).is_some_and(|label| !label.is_empty())
}
