//! What went through a connection, and how long it took.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Connection, State};
use crate::{
    journey::{Journey, Timings},
    queued::queued,
    round_trip::round_trip,
    transport::Info,
};

/// What is noted of a connection. It stays when that has closed.
#[derive(Debug, Default)]
pub struct Record {
    read: u64,
    written: u64,
    timings: Timings,
    /// Until it is open.
    journey: Option<Arc<Journey>>,
    /// When something went through last, if that is noted.
    active: Option<Instant>,
    /// What the system had of it when that was looked at last.
    queued: Option<(i32, i32)>,
    /// As it was before the connection closed.
    round_trip: Option<Duration>,
}

/// The same, as it is now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Bytes read.
    pub read: u64,
    /// Bytes taken over to be sent.
    pub written: u64,
    /// The system's estimate.
    pub round_trip: Option<Duration>,
    /// How long it took to open.
    pub timings: Timings,
}

impl Record {
    /// It is on its way, or goes over to TLS.
    pub(super) fn begins(&mut self) -> Arc<Journey> {
        let journey = Arc::new(Journey::after(self.timings));
        self.journey = Some(Arc::clone(&journey));
        journey
    }

    /// It is decided whether it opens.
    pub(super) fn took(&mut self, timings: Timings) {
        self.timings = timings;
    }

    /// It is not going to open.
    pub(super) fn ended(&mut self) {
        if let Some(journey) = self.journey.take() {
            self.timings = journey.end();
        }
    }

    pub(super) fn opened(&mut self, info: &Info, notes_activity: bool) {
        self.journey = None;
        self.timings = info.timings;
        self.active = notes_activity.then(Instant::now);
    }

    fn active(&mut self) {
        if let Some(active) = &mut self.active {
            *active = Instant::now();
        }
    }
}

impl Connection {
    pub(super) fn has_read(&mut self, count: usize) {
        self.record.read += count as u64;
        self.record.active();
        self.config.counters.read(count);
    }

    pub(super) fn has_written(&mut self, count: usize) {
        self.record.written += count as u64;
        self.record.active();
        self.config.counters.written(count);
    }

    /// Figures, as they are now.
    pub fn stats(&mut self) -> Stats {
        self.note_round_trip();
        let Record { read, written, timings, round_trip, .. } = self.record;
        Stats { read, written, round_trip, timings }
    }

    /// For how long nothing has gone through. None: that is not noted, or it is not open. What the system still sends, or has received
    /// for a reader who is slow, goes through, too: that is looked at when this is asked.
    pub fn idle(&mut self) -> Option<Duration> {
        if let State::Open(open) = &self.state
            && let Ok(socket) = open.transport.stream().socket()
        {
            let queued = queued(&socket).filter(|queued| *queued != (0, 0));
            if queued.is_some() && queued != self.record.queued {
                self.record.active();
            }
            self.record.queued = queued;
        }
        self.record.active.map(|active| active.elapsed())
    }

    pub(super) fn note_round_trip(&mut self) {
        let State::Open(open) = &self.state else { return };
        if open.info.tunnel.is_none()
            && let Ok(socket) = open.transport.stream().socket()
        {
            self.record.round_trip = round_trip(&socket).or(self.record.round_trip);
        }
    }
}
