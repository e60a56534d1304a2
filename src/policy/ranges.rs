//! Ranges of addresses, and what the registries of IANA say of them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    base: IpAddr,
    prefix: u8,
}

/// What `public`, `private`, `local` and `network` stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// What can be anywhere in the internet.
    Public,
    /// Networks of one's own, link-local ones and this machine among them.
    Private,
    /// This machine.
    Local,
    /// Other machines: `public`, and of `private` what is not `local`.
    Network,
}

/// Where an address belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Public,
    Private(Range),
    Local(Range),
    /// Of no group: for documentation, tests, multicast, the future. The range, if the registry has one.
    Reserved(Option<Range>),
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Range {
    Range { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
}

const fn v6(head: [u16; 4], last: u16, prefix: u8) -> Range {
    let [a, b, c, d] = head;
    Range { base: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, last)), prefix }
}

const LOCAL: &[Range] = &[
    v4(127, 0, 0, 0, 8),
    // "This network": systems connect to themselves.
    v4(0, 0, 0, 0, 8),
    v6([0; 4], 1, 128),
    v6([0; 4], 0, 128),
];

const PRIVATE: &[Range] = &[
    v4(10, 0, 0, 0, 8),
    // Carrier-grade NAT (RFC 6598). Alibaba's metadata are at 100.100.100.200.
    v4(100, 64, 0, 0, 10),
    // Link-local. Most clouds' metadata are at 169.254.169.254.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // A public address by the registry. From a machine at Azure it is the platform that runs it.
    v4(168, 63, 129, 16, 32),
    // AWS's metadata are at fd00:ec2::254.
    v6([0xfc00, 0, 0, 0], 0, 7),
    v6([0xfe80, 0, 0, 0], 0, 10),
    // NAT64 of one's own (RFC 8215).
    v6([0x64, 0xff9b, 1, 0], 0, 48),
];

const RESERVED: &[Range] = &[
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    // 255.255.255.255 too.
    v4(240, 0, 0, 0, 4),
    // Special protocols, Teredo among them.
    v6([0x2001, 0, 0, 0], 0, 23),
    v6([0x2001, 0xdb8, 0, 0], 0, 32),
    v6([0x3fff, 0, 0, 0], 0, 20),
    v6([0x100, 0, 0, 0], 0, 64),
    v6([0xfec0, 0, 0, 0], 0, 10),
    v6([0xff00, 0, 0, 0], 0, 8),
];

/// All of IPv6 that is public. What the registry has not given away yet is not.
const GLOBAL: &[Range] = &[v6([0x2000, 0, 0, 0], 0, 3), v6([0x64, 0xff9b, 0, 0], 0, 96)];

impl Range {
    /// `prefix` at most as long as the address. Bits after it are cleared. An IPv4 range in its mapped form becomes what it is.
    pub(super) fn new(base: IpAddr, prefix: u8) -> Option<Self> {
        const MAPPED: u8 = 96;
        let (base, prefix) = match base.to_canonical() {
            v4 @ IpAddr::V4(_) if base.is_ipv6() && prefix >= MAPPED => (v4, prefix - MAPPED),
            _ => (base, prefix),
        };
        let base = match base {
            IpAddr::V4(base) => IpAddr::V4(base & Ipv4Addr::from_bits(mask_v4(prefix)?)),
            IpAddr::V6(base) => IpAddr::V6(base & Ipv6Addr::from_bits(mask_v6(prefix)?)),
        };
        Some(Self { base, prefix })
    }

    /// One address alone.
    pub(super) fn single(address: IpAddr) -> Self {
        let base = address.to_canonical();
        Self { base, prefix: if base.is_ipv4() { 32 } else { 128 } }
    }

    pub(super) fn base(&self) -> IpAddr {
        self.base
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        Self { base: address, prefix: self.prefix }.is_masked_to(self.base)
    }

    /// Whether all of `other` is in it.
    pub(super) fn includes(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.base)
    }

    /// Its first and its second half. None: it is one address.
    fn halves(self) -> Option<[Self; 2]> {
        let prefix = self.prefix + 1;
        let second = match self.base {
            IpAddr::V4(base) => IpAddr::V4(
                base | Ipv4Addr::from_bits(1_u32.checked_shl(u32::BITS.checked_sub(prefix.into())?)?),
            ),
            IpAddr::V6(base) => IpAddr::V6(
                base | Ipv6Addr::from_bits(1_u128.checked_shl(u128::BITS.checked_sub(prefix.into())?)?),
            ),
        };
        Some([self.base, second].map(|base| Self { base, prefix }))
    }

    fn is_masked_to(&self, base: IpAddr) -> bool {
        match (self.base, base) {
            (IpAddr::V4(address), IpAddr::V4(base)) => {
                mask_v4(self.prefix).is_some_and(|mask| address.to_bits() & mask == base.to_bits())
            }
            (IpAddr::V6(address), IpAddr::V6(base)) => {
                mask_v6(self.prefix).is_some_and(|mask| address.to_bits() & mask == base.to_bits())
            }
            _ => false,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// `None`: the prefix is longer than an address. A shift by all bits would overflow: that is /0.
fn mask_v4(prefix: u8) -> Option<u32> {
    let rest = u32::BITS.checked_sub(u32::from(prefix))?;
    Some(u32::MAX.checked_shl(rest).unwrap_or(0))
}

fn mask_v6(prefix: u8) -> Option<u128> {
    let rest = u128::BITS.checked_sub(u32::from(prefix))?;
    Some(u128::MAX.checked_shl(rest).unwrap_or(0))
}

impl Place {
    /// Of an address as it is written: what else it may stand for is [`readings`](super::readings::readings)' business.
    pub(super) fn of(address: IpAddr) -> Self {
        let among = |ranges: &[Range]| ranges.iter().find(|range| range.contains(address)).copied();
        if let Some(range) = among(LOCAL) {
            Self::Local(range)
        } else if let Some(range) = among(PRIVATE) {
            Self::Private(range)
        } else if let Some(range) = among(RESERVED) {
            Self::Reserved(Some(range))
        } else if address.is_ipv4() || among(GLOBAL).is_some() {
            Self::Public
        } else {
            Self::Reserved(None)
        }
    }

    /// Whether it is known that a range, whose first address is of it, is of it as a whole.
    fn has_all_of(self, range: &Range) -> bool {
        let known = || LOCAL.iter().chain(PRIVATE).chain(RESERVED);
        match self {
            Self::Local(of) | Self::Private(of) | Self::Reserved(Some(of)) => of.includes(range),
            Self::Public => {
                (range.base.is_ipv4() || GLOBAL.iter().any(|global| global.includes(range)))
                    && !known().any(|special| range.includes(special))
            }
            Self::Reserved(None) => false,
        }
    }

    fn is_of(self, group: Group) -> bool {
        match group {
            Group::Public => matches!(self, Self::Public),
            Group::Private => matches!(self, Self::Private(_) | Self::Local(_)),
            Group::Local => matches!(self, Self::Local(_)),
            Group::Network => matches!(self, Self::Public | Self::Private(_)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Private(range) => write!(f, "private ({range})"),
            Self::Local(range) => write!(f, "local ({range})"),
            Self::Reserved(Some(range)) => write!(f, "reserved ({range})"),
            Self::Reserved(None) => f.write_str("reserved"),
        }
    }
}

impl Group {
    pub(super) fn contains(self, address: IpAddr) -> bool {
        Place::of(address).is_of(self)
    }

    /// Whether all of `other` is in it.
    pub(super) fn includes(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Private, Self::Local) | (Self::Network, Self::Public))
    }

    /// Whether all of a range is in it.
    pub(super) fn includes_range(self, range: &Range) -> bool {
        let place = Place::of(range.base);
        // One half after the other, where the first address does not decide for all.
        place.is_of(self)
            && (place.has_all_of(range)
                || range.halves().is_some_and(|halves| halves.iter().all(|half| self.includes_range(half))))
    }
}
