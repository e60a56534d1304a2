//! What a router says of a packet that it does not pass on.

use std::net::IpAddr;

use crate::packet::{addresses, beyond_ip};

/// Why it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No way to that network.
    Network,
    /// The host does not answer.
    Host,
    /// Nothing listens there.
    Port,
    /// A packet filter forbids it.
    Forbidden,
    /// It is larger than this.
    TooLarge(u16),
}

impl Refusal {
    /// By its name in a command.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "network" => Self::Network,
            "host" => Self::Host,
            "port" => Self::Port,
            "forbidden" => Self::Forbidden,
            _ => return None,
        })
    }

    /// Type and code in IPv4, and what follows the checksum.
    fn v4(self) -> ([u8; 2], u32) {
        match self {
            Self::Network => ([3, 0], 0),
            Self::Host => ([3, 1], 0),
            Self::Port => ([3, 3], 0),
            Self::Forbidden => ([3, 13], 0),
            Self::TooLarge(mtu) => ([3, 4], mtu.into()),
        }
    }

    fn v6(self) -> ([u8; 2], u32) {
        match self {
            Self::Network => ([1, 0], 0),
            Self::Host => ([1, 3], 0),
            Self::Port => ([1, 4], 0),
            Self::Forbidden => ([1, 1], 0),
            Self::TooLarge(mtu) => ([2, 0], mtu.into()),
        }
    }
}

/// The packet that tells the sender, as if the receiver itself had sent it. None: the packet is none that may be answered so.
pub(crate) fn refuse(packet: &[u8], why: Refusal) -> Option<Vec<u8>> {
    let (source, destination) = addresses(packet)?;
    let (header, protocol) = beyond_ip(packet)?;
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) if protocol != 1 => {
            let (kind, rest) = why.v4();
            let message = message(kind, rest, packet.get(..(header + 8).min(packet.len()))?, 0);
            let length = u16::try_from(20 + message.len()).ok()?.to_be_bytes();
            let mut answer = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 1, 0, 0];
            answer.extend(destination.octets());
            answer.extend(source.octets());
            let sum = folded(added(&answer)).to_be_bytes();
            answer.splice(10..12, sum);
            answer.extend(message);
            Some(answer)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) if protocol != 58 => {
            let (kind, rest) = why.v6();
            let quoted = packet.get(..packet.len().min(1232))?;
            let length = u16::try_from(8 + quoted.len()).ok()?;
            let pseudo = added(&source.octets()) + added(&destination.octets()) + u32::from(length) + 58;
            let message = message(kind, rest, quoted, pseudo);
            let length = length.to_be_bytes();
            let mut answer = vec![0x60, 0, 0, 0, length[0], length[1], 58, 64];
            answer.extend(destination.octets());
            answer.extend(source.octets());
            answer.extend(message);
            Some(answer)
        }
        _ => None,
    }
}

fn message(kind: [u8; 2], rest: u32, quoted: &[u8], pseudo: u32) -> Vec<u8> {
    let mut message = vec![kind[0], kind[1], 0, 0];
    message.extend(rest.to_be_bytes());
    message.extend(quoted);
    let sum = folded(added(&message) + pseudo).to_be_bytes();
    message.splice(2..4, sum);
    message
}

fn added(bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    bytes.chunks(2).map(word).sum()
}

/// The checksum of the internet protocols.
fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{ACK, tests::made};

    #[test]
    fn an_answer_goes_back_and_its_sums_are_right() {
        let answer = refuse(&made(false, ACK, 1, 1000), Refusal::TooLarge(1280)).unwrap();
        let (back, from) = addresses(&answer).map(|(from, to)| (to, from)).unwrap();
        assert_eq!((back, from), ("10.77.0.1".parse().unwrap(), "10.77.0.2".parse().unwrap()));
        assert_eq!(folded(added(&answer[..20])), 0);
        assert_eq!(folded(added(&answer[20..])), 0);
        assert_eq!(answer[20..22], [3, 4]);
        assert_eq!(answer[24..28], 1280_u32.to_be_bytes());
        assert_eq!(answer.len(), 20 + 8 + 28);
    }

    #[test]
    fn an_answer_of_ipv6_counts_the_addresses() {
        let answer = refuse(&made(true, ACK, 1, 2000), Refusal::Host).unwrap();
        assert_eq!(answer.len(), 1280);
        let pseudo = added(&answer[8..40]) + 1240 + 58;
        assert_eq!(folded(added(&answer[40..]) + pseudo), 0);
        assert_eq!(answer[40..42], [1, 3]);
    }

    #[test]
    fn no_answer_is_answered() {
        let answer = refuse(&made(false, ACK, 1, 0), Refusal::Host).unwrap();
        assert_eq!(refuse(&answer, Refusal::Host), None);
    }
}
