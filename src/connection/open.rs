//! An open connection, as the JavaScript thread holds it: what it reads and writes through, and what waits to go out.

use std::sync::Arc;

use crate::{
    ahead::{Ahead, Returned},
    close::WriteSide,
    error::Error,
    notify::{Interest, Notifier, Watched},
    runtime::Environment,
    staged::Staged,
    transport::{Broken, Info, Transport},
};

/// What an open connection has.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) transport: Transport<Watched>,
    pub(super) staged: Staged,
    pub(super) write: WriteSide,
    /// When it was written to last.
    wrote: Option<u32>,
    /// How much has been read without a pause.
    pub(super) bulk: u64,
    /// The task that reads ahead, and is what `transport` is over.
    pub(super) ahead: Option<Arc<Ahead>>,
    pub(super) info: Info,
}

/// A smaller read is a pause.
const BULK_READ: usize = 32 * 1024;

impl Open {
    pub(super) fn new(transport: Transport<Watched>, info: Info) -> Self {
        Self {
            transport,
            staged: Staged::default(),
            write: WriteSide::Open,
            wrote: None,
            bulk: 0,
            ahead: None,
            info,
        }
    }

    pub(super) fn flush(&mut self) -> Result<bool, Broken> {
        self.broken(|open| Ok(open.staged.flush(&mut open.transport)? && open.transport.flush()?))
    }

    pub(super) fn write(&mut self, data: &[u8], turn: Option<Turn>) -> Result<usize, Broken> {
        self.broken(|open| open.try_write(data, turn))
    }

    /// What breaks a write ends the side: the system tells an error once, and what is staged after it would be lost unheard.
    fn broken<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, Broken>) -> Result<T, Broken> {
        let result = write(self);
        if result.is_err() {
            self.write = WriteSide::Broken;
        }
        result
    }

    fn try_write(&mut self, data: &[u8], turn: Option<Turn>) -> Result<usize, Broken> {
        let again = turn.is_some_and(|turn| turn.holds || self.wrote == Some(turn.number));
        self.wrote = turn.map(|turn| turn.number);
        // Of several writes of a turn the system is told once. The first goes out at once, unless the end of the turn is near.
        if again || !self.staged.is_empty() {
            if self.staged.stage(data) {
                return Ok(data.len());
            }
            if !self.staged.flush(&mut self.transport)? {
                return Ok(0);
            }
        }
        self.transport.write(data)
    }

    /// Counts a read. Whether it is time to read ahead.
    pub(super) fn is_bulk(&mut self, length: usize, after: Option<u64>) -> bool {
        self.bulk = if length < BULK_READ { 0 } else { self.bulk + length as u64 };
        let due = after.is_some_and(|after| self.bulk >= after);
        let settled = matches!(self.write, WriteSide::Open | WriteSide::Ended);
        due && settled && self.ahead.is_none() && !self.transport.is_plain()
    }

    /// Lets a task read ahead.
    pub(super) fn go_ahead(mut self, environment: &Arc<Environment>, id: u32) -> Result<Self, Error> {
        let (stream, tls) = self.transport.into_parts();
        let stream = stream.into_stream().map_err(|error| Error::Runtime(Arc::new(error)))?;
        let ahead = Ahead::start(environment, id, stream, tls, self.staged.rest().to_vec())?;
        self.transport = Transport::new(Watched::Task(Arc::<Ahead>::clone(&ahead)), None);
        self.watch_all();
        Ok(Self { staged: Staged::default(), bulk: 0, ahead: Some(ahead), ..self })
    }

    /// Ends that. With why it can no longer be written to.
    pub(super) fn come_back(mut self, notifier: &Notifier, id: u32) -> Result<(Self, Option<Broken>), Error> {
        let Some(ahead) = self.ahead.take() else { return Ok((self, None)) };
        let moved = |error| Error::Runtime(Arc::new(error));
        let Returned { stream, tls, mut unsent, broken } = ahead.end().map_err(moved)?;
        let stream = notifier.watch(stream, id).map_err(moved)?;
        self.transport = Transport::new(stream, tls);
        unsent.extend_from_slice(self.staged.rest());
        self.staged = unsent.into();
        if broken.is_some() {
            self.write = WriteSide::Broken;
        }
        self.watch_all();
        Ok((self, broken))
    }

    /// Asks again for what may have been asked of the transport that was: who waits has to be told, and may be told in vain.
    fn watch_all(&mut self) {
        self.transport.watch(Interest::Readable);
        self.transport.watch(Interest::Writable);
    }
}

/// One turn of the event loop: from one wait for events to the next.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Counted up.
    pub number: u32,
    /// What is staged goes out as soon as the running callback returns.
    pub holds: bool,
}

impl Turn {
    /// The same, for a write that is not to wait for that.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { holds: false, ..self }
    }
}
