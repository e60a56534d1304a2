//! What an address stands for: itself, and the IPv4 addresses that are written into it and may be where it leads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All readings of an address, its own first. It is canonical: an IPv4-mapped address is the IPv4 address, and nothing else.
pub(super) fn readings(own: IpAddr) -> Vec<IpAddr> {
    let mut all = vec![own];
    if let IpAddr::V6(own) = own {
        embedded(own, |inner| {
            let inner = IpAddr::V4(inner);
            if !all.contains(&inner) {
                all.push(inner);
            }
        });
    }
    all
}

fn embedded(address: Ipv6Addr, mut found: impl FnMut(Ipv4Addr)) {
    match address.segments() {
        // `::` and `::1` are not the IPv4-compatible forms of 0.0.0.0 and 0.0.0.1.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => {}
        // IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            found(pair(high, low));
        }
        // NAT64 of one's own (RFC 8215). Its layout (RFC 6052) is not known here, so any may be meant; one that puts the
        // address into 0.0.0.0/8 is not the one.
        [0x64, 0xff9b, 1, ..] => {
            let [_, _, _, _, _, _, to48 @ .., _, _, _] = address.octets();
            let [first, second, _, third, fourth, fifth, last] = to48;
            let layouts = [
                [first, second, third, fourth],
                [second, third, fourth, fifth],
                [third, fourth, fifth, last],
                address.octets().last_chunk().copied().unwrap_or_default(),
            ];
            layouts.into_iter().filter(|inner| inner[0] != 0).map(Ipv4Addr::from).for_each(&mut found);
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => found(pair(high, low)),
        // Teredo (RFC 4380): the server, and the client with all bits inverted.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            found(pair(high, low));
            found(pair(!client_high, !client_low));
        }
        _ => {}
    }
    // ISATAP (RFC 5214), in any network. The two lowest bits of an octet say whether it is unique.
    if let [.., bits, 0x5efe, high, low] = address.segments()
        && bits & !0x0300 == 0
    {
        found(pair(high, low));
    }
}

fn pair(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}
