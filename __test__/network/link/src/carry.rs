//! The line that is this program: it takes packets from one TUN device and gives them to the other, when and as the line is.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    os::fd::AsRawFd,
    ptr,
    time::{Duration, Instant},
};

use crate::{
    command::{Command, Commands, say},
    dice::Dice,
    flows::Flows,
    icmp::{Refusal, refuse},
    namespace::{Namespace, because},
    packet::segment,
    road::Road,
    tun::Tun,
};

/// A packet under way: when it arrives, in which order, from which side.
type UnderWay = Reverse<(Instant, u64, usize, Vec<u8>)>;

/// Packets that are taken from one side before the other is looked at.
const TURN: usize = 64;

struct Carrier {
    seed: u64,
    tuns: [Tun; 2],
    roads: [Road; 2],
    refusals: [Option<Refusal>; 2],
    flows: Flows,
    under_way: BinaryHeap<UnderWay>,
    count: u64,
}

/// Sets all up, and carries until stdin ends.
///
/// # Errors
/// What the system says.
pub(crate) fn run(seed: u64, impatient: bool) -> io::Result<()> {
    let client = Namespace::new()?;
    let first = Tun::new()?;
    client.set_up(0, impatient)?;
    let server = Namespace::new()?;
    let second = Tun::new()?;
    server.set_up(1, impatient)?;
    say(&format!("ok {} {} v6={}", client.path(), server.path(), client.v6 && server.v6))?;

    let now = Instant::now();
    let mut carrier = Carrier {
        seed,
        tuns: [first, second],
        roads: [Road::new(now), Road::new(now)],
        refusals: [None; 2],
        flows: Flows::default(),
        under_way: BinaryHeap::new(),
        count: 0,
    };
    let mut commands = Commands::default();
    loop {
        let commanded = carrier.wait()?;
        for side in [0, 1] {
            carrier.take(side)?;
        }
        carrier.deliver();
        if commanded && !commands.serve(|command| carrier.obey(command))? {
            return Ok(());
        }
    }
}

impl Carrier {
    /// Waits until there is something to do. Whether it is on stdin.
    fn wait(&self) -> io::Result<bool> {
        let watched = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let [first, second] = &self.tuns;
        let stdin = io::stdin().as_raw_fd();
        let mut all = [first.descriptor(), second.descriptor(), stdin].map(watched);
        let left =
            self.under_way.peek().map(|Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
        let left = left.unwrap_or(Duration::from_secs(3600));
        let left = libc::timespec {
            tv_sec: left.as_secs().try_into().map_err(io::Error::other)?,
            tv_nsec: left.subsec_nanos().into(),
        };
        // SAFETY: the array and the time live as long as the call, and the length is that of the array.
        let ready = unsafe { libc::ppoll(all.as_mut_ptr(), 3, &raw const left, ptr::null()) };
        if ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Err(because("poll"));
        }
        Ok(all[2].revents != 0)
    }

    /// Takes what one side wants to send.
    fn take(&mut self, side: usize) -> io::Result<()> {
        let mut buffer = [0; 2048];
        for _ in 0..TURN {
            let Some(tun) = self.tuns.get_mut(side) else { return Ok(()) };
            let Some(packet) = tun.receive(&mut buffer)? else { return Ok(()) };
            let now = Instant::now();
            let (Some(road), Some(refusal)) = (self.roads.get_mut(side), self.refusals.get(side)) else {
                return Ok(());
            };
            let place = segment(packet).map(|segment| self.flows.note(&segment, side));
            if place.as_ref().is_some_and(|place| place.dropped) {
                road.counts.packets += 1;
                road.counts.dropped += 1;
                continue;
            }
            let large =
                (packet.len() > usize::from(road.line.mtu)).then_some(Refusal::TooLarge(road.line.mtu));
            if let Some(why) = refusal.or(large) {
                road.counts.packets += 1;
                road.counts.refused += 1;
                let told = !(large.is_some() && road.line.silent);
                if told && let Some(answer) = refuse(packet, why) {
                    tun.send(&answer);
                }
                continue;
            }
            // What is not TCP's (nothing but what a router says) is no connection's.
            let (flow, number) =
                place.map_or((u64::MAX, road.counts.packets), |place| (place.flow, place.packet));
            let mut dice = Dice::new(self.seed, flow, side, number);
            for due in road.arrivals(packet, &mut dice, now) {
                self.count += 1;
                self.under_way.push(Reverse((due, self.count, side, packet.to_vec())));
            }
        }
        Ok(())
    }

    /// Gives the other side what has arrived.
    fn deliver(&mut self) {
        let now = Instant::now();
        while self.under_way.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((_, _, side, packet))) = self.under_way.pop() else { return };
            if let Some(tun) = self.tuns.get_mut(1 - side) {
                tun.send(&packet);
            }
        }
    }

    fn obey(&mut self, command: Command) -> Result<String, String> {
        match command {
            Command::Line(directions, members) => {
                for direction in directions {
                    let Some(road) = self.roads.get_mut(direction) else { continue };
                    road.line = members.parse()?;
                }
            }
            Command::Drop(rules) => self.flows.rule(rules),
            Command::Refuse(directions, why) => {
                for direction in directions {
                    if let Some(refusal) = self.refusals.get_mut(direction) {
                        *refusal = why;
                    }
                }
            }
            Command::Ends(port) => {
                let [up, down] = self.flows.ends(port);
                return Ok(format!(
                    "finsUp={} resetsUp={} finsDown={} resetsDown={}",
                    up.fins, up.resets, down.fins, down.resets
                ));
            }
            Command::Counts => {
                let sum = |of: fn(&Road) -> u64| self.roads.iter().map(of).sum::<u64>();
                return Ok(format!(
                    "packets={} lost={} dropped={} overflowed={} reordered={} duplicated={} corrupted={} refused={}",
                    sum(|road| road.counts.packets),
                    sum(|road| road.counts.lost),
                    sum(|road| road.counts.dropped),
                    sum(|road| road.counts.overflowed),
                    sum(|road| road.counts.reordered),
                    sum(|road| road.counts.duplicated),
                    sum(|road| road.counts.corrupted),
                    sum(|road| road.counts.refused),
                ));
            }
        }
        Ok(String::new())
    }
}
