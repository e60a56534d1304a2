//! What docs/network-policy.md says, written a second time and in another way: with intervals.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::addresses::{ends, range};

/// Whether it is IPv6, and its bits.
type Point = (bool, u128);

fn point(address: IpAddr) -> Point {
    match address {
        IpAddr::V4(address) => (false, u128::from(u32::from(address))),
        IpAddr::V6(address) => (true, address.into()),
    }
}

/// Addresses: intervals, both ends included; sorted, and neither overlapping nor touching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set(Vec<(Point, Point)>);

impl Set {
    pub(crate) fn of(base: IpAddr, prefix: u8) -> Self {
        let (first, last) = ends(base, prefix);
        Self(vec![(point(first), point(last))])
    }

    fn read(ranges: &[&str]) -> Self {
        let read = |text: &&str| {
            let (base, prefix) = range(text);
            Self::of(base, prefix).0
        };
        Self::joined(ranges.iter().flat_map(read).collect())
    }

    fn joined(mut all: Vec<(Point, Point)>) -> Self {
        all.sort_unstable();
        let mut joined: Vec<(Point, Point)> = Vec::new();
        for (first, last) in all {
            match joined.last_mut() {
                Some((_, end)) if end.0 == first.0 && end.1.saturating_add(1) >= first.1 => {
                    *end = (*end).max(last)
                }
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    fn and(&self, other: &Self) -> Self {
        Self::joined(self.0.iter().chain(&other.0).copied().collect())
    }

    fn without(&self, other: &Self) -> Self {
        let mut rest = self.0.clone();
        for &(first, last) in &other.0 {
            let parts = rest.into_iter().flat_map(|(from, to)| {
                if to < first || last < from {
                    return vec![(from, to)];
                }
                let before = (from < first).then(|| (from, (first.0, first.1 - 1)));
                let after = (last < to).then(|| ((last.0, last.1 + 1), to));
                before.into_iter().chain(after).collect()
            });
            rest = parts.collect();
        }
        Self(rest)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let point = point(address);
        self.0.iter().any(|&(first, last)| (first..=last).contains(&point))
    }

    /// The first and the last address of each interval, four intervals at most.
    pub(crate) fn edges(&self) -> Vec<IpAddr> {
        let address = |(is_v6, bits): Point| match u32::try_from(bits) {
            Ok(bits) if !is_v6 => IpAddr::V4(Ipv4Addr::from(bits)),
            _ => IpAddr::V6(Ipv6Addr::from(bits)),
        };
        self.0.iter().take(4).flat_map(|&(first, last)| [address(first), address(last)]).collect()
    }

    pub(crate) fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|(first, last)| self.0.iter().any(|(from, to)| from <= first && last <= to))
    }
}

/// The groups.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) public: Set,
    pub(crate) private: Set,
    pub(crate) local: Set,
    pub(crate) network: Set,
}

impl Groups {
    pub(crate) fn get() -> &'static Self {
        static GROUPS: std::sync::LazyLock<Groups> = std::sync::LazyLock::new(Groups::new);
        &GROUPS
    }

    fn new() -> Self {
        let local = Set::read(&["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"]);
        let networks = Set::read(&[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "64:ff9b:1::/48",
            "168.63.129.16/32",
        ]);
        let neither = Set::read(&[
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
        ]);
        let private = local.and(&networks);
        let given = Set::read(&["0.0.0.0/0", "2000::/3", "64:ff9b::/96"]);
        let public = given.without(&private).without(&neither);
        let network = public.and(&networks);
        Self { public, private, local, network }
    }
}

/// What an address stands for.
pub(crate) fn readings(address: IpAddr) -> Vec<IpAddr> {
    let own = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let mut all = vec![own];
    let IpAddr::V6(v6) = own else { return all };
    let octets = v6.octets();
    let at = |places: [usize; 4]| places.map(|place| octets[place]);
    let begins = |prefix: &str| {
        let (base, bits) = range(prefix);
        Set::of(base, bits).contains(own)
    };
    let last = at([12, 13, 14, 15]);
    let mut found: Vec<[u8; 4]> = Vec::new();
    let is_plain = v6 == Ipv6Addr::UNSPECIFIED || v6 == Ipv6Addr::LOCALHOST;
    if (begins("::/96") && !is_plain) || begins("::ffff:0:0:0/96") || begins("64:ff9b::/96") {
        found.push(last);
    }
    if begins("64:ff9b:1::/48") {
        let layouts = [at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last];
        found.extend(layouts.into_iter().filter(|inner| inner[0] != 0));
    }
    if begins("2002::/16") {
        found.push(at([2, 3, 4, 5]));
    }
    if begins("2001::/32") {
        found.push(at([4, 5, 6, 7]));
        found.push(last.map(|octet| !octet));
    }
    if octets[8] & !3 == 0 && octets[9..12] == [0, 0x5e, 0xfe] {
        found.push(last);
    }
    all.extend(found.into_iter().map(|inner| IpAddr::from(Ipv4Addr::from(inner))));
    all
}
