//! The end of a connection, in whatever state it is.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::{Connection, State, open::Open};
use crate::{
    close::{Rest, WriteSide, drain, end, linger},
    error::Error,
    notify::Notify,
    runtime::Event,
};

impl Connection {
    /// Closes. An open transport is flushed and ended. Returns whether that takes a task; [`Told::Closed`] follows then.
    /// Otherwise the connection is closed now. Not `patient`: the task gives up after a second.
    pub fn close(&mut self, patient: bool) -> bool {
        self.come_back();
        self.note_round_trip();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => abort(task),
            State::Open(open) => self.end(open, patient),
            closing @ State::Closing(_) => self.state = closing,
            State::Attempting(_) | State::Broken | State::Closed => {}
        }
        matches!(self.state, State::Closing(_))
    }

    fn end(&mut self, open: Open, patient: bool) {
        let Open { mut transport, mut staged, mut write, .. } = open;
        match end(&mut transport, &mut staged, &mut write) {
            Ok(true) => {
                let Some(stream) = self.notifier.linger(transport.into_parts().0) else { return };
                if let Ok(stream) = stream.into_stream() {
                    linger(stream);
                }
            }
            Ok(false) => {
                // Unless it can be drained: what was taken is lost then.
                transport.stream().reset_on_close();
                let (stream, tls) = transport.into_parts();
                let Ok(stream) = stream.into_stream() else { return };
                let (id, environment) = (self.id, Arc::clone(&self.environment));
                let closed = move || environment.push(id, Event::Closed);
                let drained = drain(Rest { stream, tls, staged, write }, patient, closed);
                if let Ok(task) = self.environment.spawn("drain", id, drained) {
                    self.state = State::Closing(task);
                }
            }
            Err(_) => transport.stream().reset_on_close(),
        }
    }

    /// Closes at once, without a flush. `cut`: something that was to be sent is lost, so the peer gets RST and does not
    /// take what it has for everything.
    pub fn abort(&mut self, cut: bool) {
        self.come_back();
        self.note_round_trip();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => abort(task),
            State::Closing(task) => task.abort(),
            State::Open(Open { mut transport, mut staged, write, .. }) => {
                let whole = write != WriteSide::Broken && staged.flush(&mut transport).is_ok_and(|done| done);
                if cut || !whole {
                    transport.stream().reset_on_close();
                }
            }
            State::Attempting(_) | State::Broken | State::Closed => {}
        }
    }
}

impl Connection {
    /// Ends it because nothing of it can be relied on any more: after a panic, in the midst of anything. [`Told::Broken`] follows.
    pub fn give_up(&mut self, error: Error) {
        let state = std::mem::replace(&mut self.state, State::Broken);
        self.asks = None;
        self.broke(error);
        self.environment.push(self.id, Event::Broken);
        match state {
            State::Connecting(task) => abort(task),
            State::Closing(task) => task.abort(),
            State::Open(Open { transport, .. }) => transport.stream().reset_on_close(),
            State::Attempting(_) | State::Broken | State::Closed => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close(false);
    }
}

fn abort(task: Option<AbortHandle>) {
    if let Some(task) = task {
        task.abort();
    }
}
