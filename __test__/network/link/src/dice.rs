//! Chance that is the same in every run.

/// What happens to one packet, by the seed, the flow and the number of the packet alone.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// For the packet with this number of a flow, in one direction.
    pub(crate) fn new(seed: u64, flow: u64, direction: usize, packet: u64) -> Self {
        let place = flow.wrapping_mul(2).wrapping_add(direction as u64);
        Self(mixed(mixed(mixed(seed) ^ place) ^ packet))
    }

    /// 0 to 1, 1 excluded.
    pub(crate) fn throw(&mut self) -> f64 {
        self.0 = mixed(self.0);
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(0)) / 4_294_967_296.0
    }

    /// Whether something of that probability happens.
    pub(crate) fn says(&mut self, probability: f64) -> bool {
        self.throw() < probability
    }
}

/// The step of `SplitMix64`.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_packet_of_every_run_has_the_same_fate() {
        let throws = |seed, flow, direction| -> Vec<bool> {
            (0..64).map(|packet| Dice::new(seed, flow, direction, packet).says(0.5)).collect()
        };
        assert_eq!(throws(1, 2, 0), throws(1, 2, 0));
        assert_ne!(throws(1, 2, 0), throws(2, 2, 0));
        assert_ne!(throws(1, 2, 0), throws(1, 3, 0));
        assert_ne!(throws(1, 2, 0), throws(1, 2, 1));
    }

    #[test]
    fn a_probability_is_met() {
        let count = (0..100_000).filter(|&packet| Dice::new(6, 0, 0, packet).says(0.02)).count();
        assert!((1_800..2_200).contains(&count), "{count}");
        assert!(!(0..1000).any(|packet| Dice::new(6, 0, 0, packet).says(0.0)));
        assert!((0..1000).all(|packet| Dice::new(6, 0, 0, packet).says(1.0)));
    }
}
