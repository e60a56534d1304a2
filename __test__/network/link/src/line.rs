//! What a line is like, in one direction.

use std::{str::FromStr, time::Duration};

/// All of it; by default nothing is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// The part of the packets that is lost, 0 to 1.
    pub(crate) loss: f64,
    /// How long each is under way.
    pub(crate) delay: Duration,
    /// How much longer or shorter at most. The order stays.
    pub(crate) jitter: Duration,
    /// The part that overtakes what is under way.
    pub(crate) reorder: f64,
    /// The part that arrives twice.
    pub(crate) duplicate: f64,
    /// The part that arrives with one bit flipped.
    pub(crate) corrupt: f64,
    /// Bits per second.
    pub(crate) rate: Option<u32>,
    /// Bytes that may wait because of the rate. What is more is lost.
    pub(crate) queue: u32,
    /// Bytes of the largest packet that goes through.
    pub(crate) mtu: u16,
    /// Whether nobody is told of packets that were too large.
    pub(crate) silent: bool,
}

impl Default for Line {
    fn default() -> Self {
        let none = Duration::ZERO;
        let (loss, reorder, duplicate, corrupt) = (0.0, 0.0, 0.0, 0.0);
        let (rate, queue, mtu, silent) = (None, 256 * 1024, 1500, false);
        Self { loss, delay: none, jitter: none, reorder, duplicate, corrupt, rate, queue, mtu, silent }
    }
}

/// `loss=0.02 delay=20 rate=8000000`: times in milliseconds.
impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut line = Self::default();
        for member in text.split_whitespace() {
            line.set(member).ok_or_else(|| format!("unknown or wrong: {member}"))?;
        }
        Ok(line)
    }
}

impl Line {
    fn set(&mut self, member: &str) -> Option<()> {
        let (name, value) = member.split_once('=')?;
        match name {
            "loss" => self.loss = value.parse().ok()?,
            "delay" => self.delay = milliseconds(value)?,
            "jitter" => self.jitter = milliseconds(value)?,
            "reorder" => self.reorder = value.parse().ok()?,
            "duplicate" => self.duplicate = value.parse().ok()?,
            "corrupt" => self.corrupt = value.parse().ok()?,
            "rate" => self.rate = Some(value.parse().ok().filter(|&rate| rate > 0)?),
            "queue" => self.queue = value.parse().ok()?,
            "mtu" => self.mtu = value.parse().ok()?,
            "silent" => self.silent = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

fn milliseconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(value.parse::<f64>().ok()? / 1000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_its_members_say() {
        let line: Line = "loss=0.02 delay=20.5 rate=8000000 silent=true".parse().unwrap();
        assert_eq!(
            (line.loss, line.delay, line.rate),
            (0.02, Duration::from_micros(20_500), Some(8_000_000))
        );
        assert_eq!((line.silent, line.mtu), (true, 1500));
        assert_eq!("".parse(), Ok(Line::default()));
    }

    #[test]
    fn a_member_that_is_none_is_told() {
        for wrong in ["los=1", "loss", "loss=x", "delay=-1", "rate=0"] {
            assert_eq!(wrong.parse::<Line>(), Err(format!("unknown or wrong: {wrong}")));
        }
    }
}
