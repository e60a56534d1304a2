//! As much of IP and TCP as a line has to know.

use std::net::IpAddr;

/// Of TCP's flags.
pub(crate) const FIN: u8 = 1;
/// Of TCP's flags.
pub(crate) const SYN: u8 = 2;
/// Of TCP's flags.
pub(crate) const RST: u8 = 4;
/// Of TCP's flags.
pub(crate) const ACK: u8 = 16;

/// One end of a connection.
pub(crate) type End = (IpAddr, u16);

/// What a packet says, if it is TCP's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) flags: u8,
    pub(crate) sequence: u32,
    /// Whether it carries data.
    pub(crate) data: bool,
}

/// Where the header of IP ends, and the protocol that follows.
pub(crate) fn beyond_ip(packet: &[u8]) -> Option<(usize, u8)> {
    match packet.first()? >> 4 {
        4 => Some((usize::from(packet.first()? & 15) * 4, *packet.get(9)?)),
        6 => Some((40, *packet.get(6)?)),
        _ => None,
    }
}

/// Source and destination.
pub(crate) fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    if packet.first()? >> 4 == 4 {
        let at = |from: usize| Some(<[u8; 4]>::try_from(packet.get(from..from + 4)?).ok()?.into());
        Some((at(12)?, at(16)?))
    } else {
        let at = |from: usize| Some(<[u8; 16]>::try_from(packet.get(from..from + 16)?).ok()?.into());
        Some((at(8)?, at(24)?))
    }
}

/// What it says, if it is TCP's.
pub(crate) fn segment(packet: &[u8]) -> Option<Segment> {
    let (start, 6) = beyond_ip(packet)? else { return None };
    let (source, destination) = addresses(packet)?;
    let tcp = packet.get(start..)?;
    let port = |from: usize| Some(u16::from_be_bytes(tcp.get(from..from + 2)?.try_into().ok()?));
    let header = usize::from(tcp.get(12)? >> 4) * 4;
    Some(Segment {
        from: (source, port(0)?),
        to: (destination, port(2)?),
        flags: *tcp.get(13)?,
        sequence: u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?),
        data: tcp.len() > header,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A segment from 10.77.0.1:1000 to 10.77.0.2:80, or the same with IPv6.
    pub(crate) fn made(v6: bool, flags: u8, sequence: u32, data: usize) -> Vec<u8> {
        let mut packet = if v6 { vec![0x60, 0, 0, 0, 0, 0, 6, 64] } else { vec![0x45; 20] };
        if v6 {
            packet.extend([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            packet.extend([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        } else {
            packet[9] = 6;
            packet[12..20].copy_from_slice(&[10, 77, 0, 1, 10, 77, 0, 2]);
        }
        packet.extend([1000_u16.to_be_bytes(), 80_u16.to_be_bytes()].concat());
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        packet.extend(vec![7; data]);
        packet
    }

    #[test]
    fn segments_of_both_families_are_read() {
        for (v6, from, to) in [(false, "10.77.0.1", "10.77.0.2"), (true, "fd77::1", "fd77::2")] {
            let read = segment(&made(v6, SYN, 77, 0)).unwrap();
            assert_eq!((read.from, read.to), ((from.parse().unwrap(), 1000), (to.parse().unwrap(), 80)));
            assert_eq!((read.flags, read.sequence, read.data), (SYN, 77, false));
            assert!(segment(&made(v6, ACK, 77, 1)).unwrap().data);
        }
    }

    #[test]
    fn what_is_cut_short_is_no_segment() {
        let whole = made(false, SYN, 77, 0);
        for length in 0..33 {
            assert_eq!(segment(&whole[..length]), None);
        }
    }
}
