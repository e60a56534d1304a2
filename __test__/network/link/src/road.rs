//! One direction of the line: when a packet arrives, how often, and how it looks then.

use std::time::{Duration, Instant};

use crate::{dice::Dice, line::Line, packet::beyond_ip};

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    /// By the dice.
    pub(crate) lost: u64,
    /// Because a rule wants it.
    pub(crate) dropped: u64,
    /// Because too much waits.
    pub(crate) overflowed: u64,
    pub(crate) reordered: u64,
    pub(crate) duplicated: u64,
    pub(crate) corrupted: u64,
    pub(crate) refused: u64,
}

/// A direction.
#[derive(Debug)]
pub(crate) struct Road {
    pub(crate) line: Line,
    pub(crate) counts: Counts,
    /// When the last byte that waits because of the rate will be on its way.
    free_at: Instant,
    last_due: Instant,
}

impl Road {
    /// One on which nothing is wrong.
    pub(crate) fn new(now: Instant) -> Self {
        Self { line: Line::default(), counts: Counts::default(), free_at: now, last_due: now }
    }

    /// When a packet arrives: not at all, once or twice. It is changed if it is to arrive so.
    pub(crate) fn arrivals(&mut self, packet: &mut [u8], dice: &mut Dice, now: Instant) -> Vec<Instant> {
        self.counts.packets += 1;
        // Each of them is thrown for every packet: so a change of one probability leaves the rest as it was.
        let lost = dice.says(self.line.loss);
        let overtakes = dice.says(self.line.reorder);
        let twice = dice.says(self.line.duplicate);
        let corrupt = dice.says(self.line.corrupt);
        let (wavers, place) = (dice.throw(), dice.throw());
        let departs = self.departure(packet.len(), now);
        if lost {
            self.counts.lost += 1;
            return Vec::new();
        }
        let Some(departs) = departs else {
            self.counts.overflowed += 1;
            return Vec::new();
        };
        if corrupt && flip(packet, place).is_some() {
            self.counts.corrupted += 1;
        }
        let due = if overtakes {
            self.counts.reordered += 1;
            departs
        } else {
            let range = self.line.jitter.min(self.line.delay);
            let due = departs + self.line.delay.saturating_sub(range) + range.mul_f64(2.0 * wavers);
            self.last_due = due.max(self.last_due);
            self.last_due
        };
        if twice {
            self.counts.duplicated += 1;
            return vec![due, due];
        }
        vec![due]
    }

    /// When it is on its way. None: too much waits already.
    fn departure(&mut self, length: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.line.rate else { return Some(now) };
        let bytes = f64::from(u32::try_from(length).ok()?);
        let start = self.free_at.max(now);
        let waiting = (start - now).as_secs_f64() * f64::from(rate) / 8.0;
        if waiting > f64::from(self.line.queue) {
            return None;
        }
        self.free_at = start + Duration::from_secs_f64(bytes * 8.0 / f64::from(rate));
        Some(self.free_at)
    }
}

/// Flips a bit behind the header of IP, where a checksum notices.
fn flip(packet: &mut [u8], place: f64) -> Option<()> {
    let (start, _) = beyond_ip(packet)?;
    let bits = u32::try_from(packet.len().checked_sub(start)? * 8).ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= place < 1")]
    let bit = (f64::from(bits) * place) as usize;
    *packet.get_mut(start + bit / 8)? ^= 1 << (bit % 8);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{ACK, tests::made};

    fn road(line: &str) -> (Road, Instant) {
        let now = Instant::now();
        (Road { line: line.parse().unwrap(), ..Road::new(now) }, now)
    }

    fn after(road: &mut Road, now: Instant, packet: u64) -> Vec<u128> {
        let arrivals = road.arrivals(&mut made(false, ACK, 1, 960), &mut Dice::new(1, 0, 0, packet), now);
        arrivals.into_iter().map(|due| (due - now).as_millis()).collect()
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let (mut good, now) = road("");
        assert_eq!(after(&mut good, now, 0), [0]);
        let (mut cut, now) = road("loss=1");
        assert_eq!(after(&mut cut, now, 0), []);
        let (mut twice, now) = road("delay=20 duplicate=1");
        assert_eq!(after(&mut twice, now, 0), [20, 20]);
        let (mut overtaking, now) = road("delay=20 reorder=1");
        assert_eq!(after(&mut overtaking, now, 0), [0]);
    }

    #[test]
    fn jitter_keeps_the_order() {
        let (mut road, now) = road("delay=20 jitter=10");
        let dues: Vec<u128> = (0..100).flat_map(|packet| after(&mut road, now, packet)).collect();
        assert!(dues.is_sorted());
        assert!(dues.iter().all(|due| (10..=30).contains(due)) && dues.first() != dues.last());
    }

    #[test]
    fn a_rate_makes_wait_and_then_loses() {
        // 1,000 bytes a packet, 10 ms each, and room for three that wait.
        let (mut road, now) = road("rate=800000 queue=2500");
        let dues: Vec<Vec<u128>> = (0..5).map(|packet| after(&mut road, now, packet)).collect();
        assert_eq!(dues, [vec![10], vec![20], vec![30], vec![], vec![]]);
        assert_eq!((road.counts.lost, road.counts.overflowed), (0, 2));
    }

    #[test]
    fn one_bit_is_flipped_behind_the_header() {
        for packet in 0..50 {
            let (mut road, now) = road("corrupt=1");
            let (whole, mut changed) = (made(false, ACK, 1, 100), made(false, ACK, 1, 100));
            road.arrivals(&mut changed, &mut Dice::new(1, 0, 0, packet), now);
            let flipped = whole.iter().zip(&changed).map(|(a, b)| (a ^ b).count_ones());
            assert_eq!(flipped.sum::<u32>(), 1);
            assert_eq!(whole[..20], changed[..20]);
        }
    }
}
