//! Streams that are closed for everybody but the peer: FIN is sent, and the peer's is waited for.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    io,
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{LINGER, Late, Notify, Patience, is_under_way, poll::Watched};
use crate::{inject, panics::contained, queued::queued};

/// The streams of one loop that linger.
#[derive(Default)]
pub(super) struct Lingering {
    streams: RefCell<HashMap<u32, Closed>>,
    /// When each is to be given up, first come first. Most are gone by then.
    deadlines: RefCell<VecDeque<(Instant, u32)>>,
    heard: RefCell<Vec<u32>>,
}

struct Closed {
    watched: Watched,
    patience: Patience,
    /// Whether the peer has said anything.
    heard: bool,
    /// How much since there was a look at how it goes.
    discarded: usize,
}

/// What one stream may take of a round of the loop.
const READS: usize = 4;
/// What is discarded of one stream in a [`LINGER`] at most. A peer that sends more is not about to end, and must not keep the thread busy.
const DISCARDED: usize = 1 << 20;

impl Lingering {
    /// Takes a stream on.
    pub(super) fn add(&self, id: u32, watched: Watched) {
        let patience = Patience::new(&watched.socket());
        self.streams.borrow_mut().insert(id, Closed { watched, patience, heard: false, discarded: 0 });
        self.deadlines.borrow_mut().push_back((Instant::now() + LINGER, id));
    }

    /// There may be something from the peer.
    pub(super) fn heard(&self, id: u32) {
        self.heard.borrow_mut().push(id);
    }

    /// Takes what has come.
    pub(super) fn listen(&self) {
        let heard = self.heard.take();
        for id in heard {
            let mut streams = self.streams.borrow_mut();
            let ended = streams.get_mut(&id).is_some_and(Closed::discard);
            let gone = if ended { streams.remove(&id) } else { None };
            drop(streams);
            drop(gone);
        }
    }

    /// How long until the next is to be given up.
    pub(super) fn left(&self) -> Option<Duration> {
        let deadlines = self.deadlines.borrow();
        deadlines.front().map(|(deadline, _)| deadline.saturating_duration_since(Instant::now()))
    }

    /// Gives up those whose time is over.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        let mut deadlines = self.deadlines.borrow_mut();
        while let Some(&(deadline, id)) = deadlines.front()
            && deadline <= now
        {
            deadlines.pop_front();
            let mut streams = self.streams.borrow_mut();
            let Some(closed) = streams.get_mut(&id) else { continue };
            match closed.patience.late(&closed.watched.socket(), closed.heard) {
                Late::Stay => {
                    closed.discarded = 0;
                    closed.watched.linger();
                    deadlines.push_back((now + LINGER, id));
                    continue;
                }
                Late::Leave => closed.empty(),
                Late::Reset => closed.watched.reset_on_close(),
            }
            let late = streams.remove(&id);
            drop(streams);
            drop(late);
        }
    }

    /// Blocks until the peers have all that was sent to them, `deadline` at most.
    pub(super) fn deliver(&self, deadline: Instant) {
        let delivers = |any, closed: &mut Closed| closed.delivers() || any;
        while self.streams.borrow_mut().values_mut().fold(false, delivers) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Gives up those whose peers still lack something: to be listened to elsewhere.
    pub(super) fn under_way(&self) -> Vec<TcpStream> {
        let mut streams = self.streams.borrow_mut();
        let lacking = streams.extract_if(|_, closed| is_under_way(&closed.watched.socket()));
        lacking.map(|(_, Closed { watched, .. })| watched.into_stream()).collect()
    }

    pub(super) fn clear(&self) {
        self.deadlines.take();
        for (_, late) in self.streams.take() {
            // Whatever panics: the others have to be closed, or the loop never ends.
            contained(move || {
                inject::point("linger.clear");
                drop(late);
            });
        }
    }
}

impl Closed {
    /// Whether the peer still lacks something. What it says meanwhile is taken: unread, it would make the close a reset.
    fn delivers(&mut self) -> bool {
        !self.discard() && is_under_way(&self.watched.socket())
    }

    /// Whether it has ended.
    fn discard(&mut self) -> bool {
        let mut unread = [0; 16 * 1024];
        for _ in 0..READS {
            match self.watched.try_read(&mut unread) {
                Ok(0) => return true,
                Ok(length) => {
                    self.heard = true;
                    self.discarded += length;
                }
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        if self.discarded > DISCARDED {
            self.watched.rest();
        }
        false
    }

    /// Takes what has come by now: unread, it would make the close a reset.
    fn empty(&self) {
        let (received, _) = queued(&self.watched.socket()).unwrap_or_default();
        let mut left = usize::try_from(received).unwrap_or(0);
        let mut unread = [0; 16 * 1024];
        while left > 0
            && let Ok(length @ 1..) = self.watched.try_read(&mut unread)
        {
            left = left.saturating_sub(length);
        }
    }
}
