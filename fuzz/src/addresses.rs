//! Addresses, near what is special, and in all spellings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arbitrary::Arbitrary;

/// An address.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Address {
    V4(u32),
    V6(u128),
    /// So far from the beginning or the end of a range.
    Near(u8, bool, i8),
    /// IPv4 in IPv6: the form, what of it is free, and the address, near a range or anything.
    Embedded(u8, u128, u8, i8),
}

/// Beginnings of ranges that are special, or near to those that are.
pub(crate) const RANGES: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "8.8.8.0/24",
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2000::/3",
    "2001::/23",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "2606:4700::/32",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// The first and the last address of a range.
pub(crate) fn ends(base: IpAddr, prefix: u8) -> (IpAddr, IpAddr) {
    match base {
        IpAddr::V4(base) => {
            let free = if prefix == 0 { u32::MAX } else { (1_u32 << (32 - prefix)).wrapping_sub(1) };
            let free = if prefix == 32 { 0 } else { free };
            (Ipv4Addr::from(u32::from(base) & !free).into(), Ipv4Addr::from(u32::from(base) | free).into())
        }
        IpAddr::V6(base) => {
            let free = if prefix == 0 { u128::MAX } else { (1_u128 << (128 - prefix)).wrapping_sub(1) };
            let free = if prefix == 128 { 0 } else { free };
            (Ipv6Addr::from(u128::from(base) & !free).into(), Ipv6Addr::from(u128::from(base) | free).into())
        }
    }
}

/// Reads `base/prefix`.
pub(crate) fn range(text: &str) -> (IpAddr, u8) {
    let (base, prefix) = text.split_once('/').expect("a range");
    (base.parse().expect("an address"), prefix.parse().expect("a prefix"))
}

fn near(which: u8, last: bool, offset: i8) -> IpAddr {
    let (base, prefix) = range(RANGES[usize::from(which) % RANGES.len()]);
    let (first, end) = ends(base, prefix);
    match if last { end } else { first } {
        IpAddr::V4(from) => Ipv4Addr::from(u32::from(from).wrapping_add_signed(offset.into())).into(),
        IpAddr::V6(from) => Ipv6Addr::from(u128::from(from).wrapping_add_signed(offset.into())).into(),
    }
}

impl Address {
    pub(crate) fn ip(self) -> IpAddr {
        match self {
            Self::V4(bits) => Ipv4Addr::from(bits).into(),
            Self::V6(bits) => Ipv6Addr::from(bits).into(),
            Self::Near(which, last, offset) => near(which, last, offset),
            Self::Embedded(form, free, which, offset) => {
                let inner = match near(which, false, offset) {
                    IpAddr::V4(inner) => u32::from(inner),
                    IpAddr::V6(inner) => (u128::from(inner) & u128::from(u32::MAX)) as u32,
                };
                embed(form, free, inner).into()
            }
        }
    }
}

pub(crate) fn embed(form: u8, free: u128, inner: u32) -> Ipv6Addr {
    let [a, b, c, d] = inner.to_be_bytes();
    let mut octets = free.to_be_bytes();
    let mut put = |at: usize, bytes: &[u8]| octets[at..at + bytes.len()].copy_from_slice(bytes);
    match form % 10 {
        0 => put(0, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]),
        1 => put(0, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]),
        2 => put(0, &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, a, b, c, d]),
        3 => put(0, &[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]),
        4 => put(0, &[0, 0x64, 0xff, 0x9b, 0, 1, a, b, 0, c, d]),
        5 => put(0, &[0, 0x64, 0xff, 0x9b, 0, 1, 0, a, 0, b, c, d]),
        6 => put(0, &[0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, a, b, c, d]),
        7 => put(0, &[0x20, 0x02, a, b, c, d]),
        8 => {
            put(0, &[0x20, 0x01, 0, 0]);
            put(12, &[!a, !b, !c, !d]);
        }
        _ => {
            let first = octets[8] & 3;
            put_at(&mut octets, 8, &[first, 0, 0x5e, 0xfe, a, b, c, d]);
        }
    }
    octets.into()
}

fn put_at(octets: &mut [u8; 16], at: usize, bytes: &[u8]) {
    octets[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Ways to write an IPv4 address that `inet_aton` takes.
pub(crate) fn spellings(address: Ipv4Addr) -> Vec<String> {
    let bits = u32::from(address);
    let [a, b, c, d] = address.octets();
    vec![
        address.to_string(),
        format!("{address}."),
        bits.to_string(),
        format!("{bits:#x}"),
        format!("{bits:#X}").replace("0X", "0x"),
        format!("0X{bits:x}"),
        format!("0{bits:o}"),
        format!("{a:#o}.{b:#x}.{c}.{d:#o}").replace("0o", "0"),
        format!("{a}.{}", bits & 0x00ff_ffff),
        format!("{a}.{b}.{}", bits & 0xffff),
        format!("{a:#x}.{b:#x}.{:#x}", bits & 0xffff),
        format!("00{a:o}.{b}.{c}.{d}"),
        format!("0x0000{a:x}.{b}.{c}.{d}"),
        format!("[::ffff:{address}]"),
        format!("::ffff:{address}"),
        format!("0:0:0:0:0:ffff:{address}"),
        format!("::FFFF:{:x}:{:x}", bits >> 16, bits & 0xffff),
        format!("::ffff:{address}%1"),
    ]
}
