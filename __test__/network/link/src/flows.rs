//! The connections that go over the line, and which of their packets are to be lost whatever the dice say.

use std::collections::HashMap;

use crate::packet::{ACK, End, FIN, RST, SYN, Segment};

/// A kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Syn,
    SynAck,
    Fin,
    Rst,
    Data,
}

impl Kind {
    /// By its name in a command.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "syn" => Self::Syn,
            "syn-ack" => Self::SynAck,
            "fin" => Self::Fin,
            "rst" => Self::Rst,
            "data" => Self::Data,
            _ => return None,
        })
    }

    fn is(self, segment: &Segment) -> bool {
        let has = |flag| segment.flags & flag != 0;
        match self {
            Self::Syn => has(SYN) && !has(ACK),
            Self::SynAck => has(SYN) && has(ACK),
            Self::Fin => has(FIN),
            Self::Rst => has(RST),
            Self::Data => segment.data,
        }
    }
}

/// That the next so many packets of a kind are lost, of each connection, in one direction.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) direction: usize,
    pub(crate) kind: Kind,
    pub(crate) count: u32,
}

#[derive(Debug)]
struct Flow {
    /// How many connections to the same end there were before.
    ordinal: u64,
    first: u32,
    packets: [u64; 2],
    dropped: Vec<u32>,
    ends: [Ends; 2],
}

/// How one side has ended its connections, whether that arrived or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) fins: u32,
    pub(crate) resets: u32,
}

/// What the line knows of a packet's connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// How many connections there were before to the same end.
    pub(crate) flow: u64,
    /// How many packets of the connection there were before, in this direction.
    pub(crate) packet: u64,
    /// Whether a rule wants it lost.
    pub(crate) dropped: bool,
}

/// Those there are.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    known: HashMap<(End, End), Flow>,
    ordinals: HashMap<End, u64>,
    rules: Vec<Rule>,
}

impl Flows {
    /// Replaces the rules.
    pub(crate) fn rule(&mut self, rules: Vec<Rule>) {
        for flow in self.known.values_mut() {
            flow.dropped = vec![0; rules.len()];
        }
        self.rules = rules;
    }

    /// Counts a packet. 0: from client to server.
    pub(crate) fn note(&mut self, segment: &Segment, direction: usize) -> Place {
        let (client, server) =
            if direction == 0 { (segment.from, segment.to) } else { (segment.to, segment.from) };
        let begins = Kind::Syn.is(segment);
        let known = self.known.get(&(client, server));
        // A port that is used again.
        if known.is_none_or(|flow| begins && flow.first != segment.sequence) {
            let next = self.ordinals.entry(server).or_default();
            let (ordinal, dropped) = (*next, vec![0; self.rules.len()]);
            *next += 1;
            let ends = known.map_or([Ends::default(); 2], |flow| flow.ends);
            let flow = Flow { ordinal, first: segment.sequence, packets: [0; 2], dropped, ends };
            self.known.insert((client, server), flow);
        }
        let Some(flow) = self.known.get_mut(&(client, server)) else {
            return Place { flow: 0, packet: 0, dropped: false };
        };
        if let Some(ends) = flow.ends.get_mut(direction) {
            ends.fins += u32::from(Kind::Fin.is(segment));
            ends.resets += u32::from(Kind::Rst.is(segment));
        }
        let mut dropped = false;
        for (rule, count) in self.rules.iter().zip(&mut flow.dropped) {
            if rule.direction == direction && rule.kind.is(segment) && *count < rule.count {
                *count += 1;
                dropped = true;
            }
        }
        let packet = flow.packets.get_mut(direction).map_or(0, |packets| {
            *packets += 1;
            *packets - 1
        });
        Place { flow: flow.ordinal, packet, dropped }
    }

    /// What either side of the connections to a port of the server has said of the end. 0: the client.
    pub(crate) fn ends(&self, port: u16) -> [Ends; 2] {
        let mut all = [Ends::default(); 2];
        for ((_, server), flow) in &self.known {
            if server.1 == port {
                for (sum, ends) in all.iter_mut().zip(flow.ends) {
                    sum.fins += ends.fins;
                    sum.resets += ends.resets;
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{segment, tests::made};

    fn note(flows: &mut Flows, flags: u8, sequence: u32) -> Place {
        flows.note(&segment(&made(false, flags, sequence, 0)).unwrap(), 0)
    }

    #[test]
    fn packets_are_counted_by_connection() {
        let mut flows = Flows::default();
        assert_eq!(note(&mut flows, SYN, 5), Place { flow: 0, packet: 0, dropped: false });
        assert_eq!(note(&mut flows, SYN, 5), Place { flow: 0, packet: 1, dropped: false });
        assert_eq!(note(&mut flows, ACK, 6), Place { flow: 0, packet: 2, dropped: false });
        assert_eq!(note(&mut flows, SYN, 9), Place { flow: 1, packet: 0, dropped: false });
    }

    #[test]
    fn a_rule_counts_in_each_connection() {
        let mut flows = Flows::default();
        flows.rule(vec![Rule { direction: 0, kind: Kind::Syn, count: 1 }]);
        assert!(note(&mut flows, SYN, 5).dropped);
        assert!(!note(&mut flows, SYN, 5).dropped);
        assert!(!note(&mut flows, ACK, 6).dropped);
        assert!(note(&mut flows, SYN, 9).dropped);
        flows.rule(Vec::new());
        assert!(!note(&mut flows, SYN, 11).dropped);
    }

    #[test]
    fn ends_are_counted_by_port() {
        let mut flows = Flows::default();
        note(&mut flows, SYN, 5);
        note(&mut flows, FIN | ACK, 6);
        note(&mut flows, SYN, 9);
        note(&mut flows, RST, 10);
        assert_eq!(flows.ends(80), [Ends { fins: 1, resets: 1 }, Ends::default()]);
        assert_eq!(flows.ends(81), [Ends::default(); 2]);
    }
}
