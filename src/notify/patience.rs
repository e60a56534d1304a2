//! How long a closed stream is listened to: longer than [`LINGER`](super::LINGER), if the system still has what was flushed.

use socket2::SockRef;

use crate::queued::queued;

/// How often it is that long, while what was flushed is still on its way.
const LINGERS: u8 = 30;

/// How often, if it does not get less: the system waits longer and longer before it sends again what was lost.
const VAIN_LINGERS: u8 = 4;

/// How long a stream that is closed listens.
#[derive(Debug)]
pub struct Patience {
    /// Bytes that the peer had not acknowledged when it was looked at last.
    under_way: i32,
    lingers: u8,
    in_vain: u8,
}

/// What to do after each [`LINGER`](super::LINGER) without the peer's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Listen on: the line is slow.
    Stay,
    /// Close. The system goes on sending by itself, and RST would destroy what it still has.
    Leave,
    /// Close, with RST: what the peer said was lost, and it has not noticed that nobody listens.
    Reset,
}

impl Patience {
    /// For a stream that is closed now.
    #[must_use]
    pub fn new(socket: &SockRef<'_>) -> Self {
        Self { under_way: under_way(socket), lingers: 0, in_vain: 0 }
    }

    /// The peer has not ended in time. `discarded`: it has said something since.
    pub fn late(&mut self, socket: &SockRef<'_>, discarded: bool) -> Late {
        self.after(under_way(socket), discarded)
    }

    fn after(&mut self, under_way: i32, discarded: bool) -> Late {
        self.lingers += 1;
        self.in_vain = if under_way < self.under_way { 0 } else { self.in_vain + 1 };
        self.under_way = under_way;
        match under_way {
            0 if discarded => Late::Reset,
            1.. if self.lingers < LINGERS && self.in_vain < VAIN_LINGERS => Late::Stay,
            _ => Late::Leave,
        }
    }
}

/// Bytes that were sent and the peer has not acknowledged, FIN among them. Where the system does not tell: 0.
fn under_way(socket: &SockRef<'_>) -> i32 {
    queued(socket).map_or(0, |(_, unacknowledged)| unacknowledged)
}

/// Whether the peer has not acknowledged all that was sent to it. Where the system does not tell: no.
#[must_use]
pub fn is_under_way(socket: &SockRef<'_>) -> bool {
    under_way(socket) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(under_way: i32) -> Patience {
        Patience { under_way, lingers: 0, in_vain: 0 }
    }

    #[test]
    fn what_is_under_way_is_never_destroyed() {
        assert_eq!(patience(9).after(5, true), Late::Stay);
        assert_eq!(patience(9).after(5, false), Late::Stay);
        assert_eq!(patience(9).after(9, true), Late::Stay);
        assert_eq!(patience(9).after(0, true), Late::Reset);
        assert_eq!(patience(0).after(0, false), Late::Leave);
    }

    #[test]
    fn patience_has_an_end() {
        let mut dead = patience(9);
        assert_eq!([9, 9, 9, 9].map(|under_way| dead.after(under_way, true)).last(), Some(&Late::Leave));
        let mut slow = patience(1_000_000);
        let stays = (0..1000).take_while(|less| slow.after(999_999 - less, true) == Late::Stay);
        assert_eq!(stays.count(), usize::from(LINGERS) - 1);
    }
}
