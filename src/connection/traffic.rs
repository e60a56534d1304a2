//! What goes through an open connection: reads, writes, the end of the write side.

use std::{net::Shutdown, sync::Arc};

use super::{
    Connection, Progress, State,
    open::{Open, Turn},
};
use crate::{
    close::{WriteSide, end},
    error::Error,
    notify::{Interest, Notifier, Watched},
    runtime::{Environment, Event},
    transport::{Broken, Read, Transport},
};

impl Connection {
    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> Progress {
        let progress = self.receive(|transport| transport.read(buffer));
        if let Progress::Done(length) = progress {
            self.has_read(length);
        }
        if let (Progress::Done(length), State::Open(open)) = (&progress, &mut self.state)
            && open.is_bulk(*length, self.environment.ahead_after)
        {
            self.move_open(|environment, _, id, open| {
                open.go_ahead(environment, id).map(|open| (open, None))
            });
        }
        progress
    }

    /// Ends reading ahead, if it was so.
    pub(super) fn come_back(&mut self) {
        if matches!(self.state, State::Open(Open { ahead: Some(_), .. })) {
            self.move_open(|_, notifier, id, open| open.come_back(notifier, id));
        }
    }

    /// Moves what is open from one thread to the other.
    fn move_open(
        &mut self,
        across: impl FnOnce(&Arc<Environment>, &Notifier, u32, Open) -> Result<(Open, Option<Broken>), Error>,
    ) {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Closed) else { return };
        match across(&self.environment, &self.notifier, self.id, open) {
            Ok((open, broken)) => {
                self.state = State::Open(open);
                if let Some(broken) = broken {
                    self.fail("write", broken);
                    self.environment.push(self.id, Event::Unwritable);
                }
            }
            // The stream is gone, because the system could not hand it over.
            Err(error) => self.give_up(error),
        }
    }

    /// Whether there is something to read, without taking it.
    pub fn peek(&mut self) -> Progress {
        self.receive(Transport::peek)
    }

    fn receive(&mut self, read: impl FnOnce(&mut Transport<Watched>) -> Result<Read, Broken>) -> Progress {
        let State::Open(Open { transport, .. }) = &mut self.state else { return Progress::Wait };
        match read(transport) {
            Ok(Read::Data(length)) => Progress::Done(length),
            Ok(Read::Wait) => Progress::Wait,
            // The system tells an error once. If a write was told, the read must not take it for a proper end.
            Ok(Read::End) if self.failure.as_ref().is_some_and(Error::hides_an_end) => Progress::Failed,
            Ok(Read::End) => {
                transport.watch(Interest::Broken);
                Progress::End
            }
            Err(broken) => self.fail("read", broken),
        }
    }

    /// Writes what is taken now. Less than all: an event will come. With a `turn`, what may wait for its end is [staged]; the
    /// caller has to [flush](Self::flush) then.
    ///
    /// [staged]: Self::is_staged
    pub fn write(&mut self, data: &[u8], turn: Option<Turn>) -> Progress {
        let State::Open(open @ Open { write: WriteSide::Open, .. }) = &mut self.state else {
            return Progress::Failed;
        };
        match open.write(data, turn) {
            Ok(taken) => {
                self.has_written(taken);
                Progress::Done(taken)
            }
            Err(broken) => self.fail("write", broken),
        }
    }

    /// Whether something waits for the end of the turn.
    #[must_use]
    pub fn is_staged(&self) -> bool {
        matches!(&self.state, State::Open(open) if !open.staged.is_empty())
    }

    /// Sends what is staged. What the system does not take yet goes when it is writable. If that breaks, [`Told::Unwritable`] follows.
    pub fn flush(&mut self) {
        if let State::Open(open) = &mut self.state
            && open.write == WriteSide::Open
            && let Err(broken) = open.flush()
        {
            self.fail("write", broken);
            self.environment.push(self.id, Event::Unwritable);
        }
    }

    /// Ends the write side: TLS `close_notify`, then FIN. Call again when told that it is writable.
    pub fn shutdown(&mut self) -> Progress {
        self.come_back();
        let State::Open(Open { transport, staged, write, .. }) = &mut self.state else {
            return Progress::Done(0);
        };
        match end(transport, staged, write) {
            Ok(true) => Progress::Done(0),
            Ok(false) => Progress::Wait,
            Err(broken) => self.fail("write", broken),
        }
    }

    /// Asks to be told once.
    pub fn watch(&mut self, interest: Interest) {
        if let State::Open(open) = &mut self.state {
            open.transport.watch(interest);
        }
    }

    pub(super) fn fail(&mut self, operation: &'static str, broken: Broken) -> Progress {
        let target = self.target.text.clone();
        let tunnel = self.info().and_then(|info| info.tunnel.as_ref()).and_then(|words| words.get());
        let error = match (broken, tunnel) {
            // What carried it is gone: the system, and TLS within it, see only that.
            (_, Some(words)) => Error::Internal(words.clone()),
            (Broken::Io(source), None) => Error::Io { operation, target, source: Arc::new(source) },
            (Broken::Tls(source), None) => Error::Tls { target, handshaking: false, source },
            (Broken::Truncated, None) => Error::Truncated { target },
        };
        self.broke(error);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if operation == "write" {
            self.stop_reading();
        }
        Progress::Failed
    }

    /// What has arrived can still be read. But where the system could not send, the peer may be there: for an answer to what it never got,
    /// a reader would wait for ever. (Other systems than these would drop what has arrived.)
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn stop_reading(&self) {
        if let State::Open(open) = &self.state
            && let Ok(socket) = open.transport.stream().socket()
        {
            // Where it fails the connection is gone already.
            let _ = socket.shutdown(Shutdown::Read);
        }
    }

    pub(super) fn broke(&mut self, error: Error) {
        // What broke first says most.
        if self.failure.is_none() {
            self.config.counters.failed(error.code());
            self.failure = Some(error);
        }
    }
}
