//! A connection's life: dial, read, write, shutdown, close, `start_tls`.

mod begin;
mod end;
mod open;
mod record;
mod tcp;
mod traffic;

use std::{io, sync::Arc};

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    task::AbortHandle,
};

use self::open::Open;
pub use self::{
    open::Turn,
    record::{Record, Stats},
};
use crate::{
    attempt::Attempt,
    close::WriteSide,
    config::Config,
    counters::{Counted, Stage},
    dial::{establish, secure},
    endpoint::Endpoint,
    error::Error,
    notify::{Notifier, Notify, Watched},
    runtime::{Environment, Event},
    target::Target,
    tls::Handshake,
    transport::{Broken, Established, Info, Transport},
};

/// Each state owns what is usable in it.
#[derive(Debug)]
enum State {
    /// A connection is under way on this thread.
    Attempting(Attempt),
    /// A task dials or runs a handshake; it owns the transport.
    Connecting(Option<AbortHandle>),
    /// The JavaScript thread owns the transport.
    Open(Open),
    /// A task flushes; it owns the transport.
    Closing(AbortHandle),
    /// Nothing is left, and that is still to be told.
    Broken,
    /// Nothing is left.
    Closed,
}

/// What became of a read, a write or a shutdown.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes, or done.
    Done(usize),
    /// The peer has ended its side.
    End,
    /// Nothing now: an event will come.
    Wait,
    /// See [`Connection::failure`].
    Failed,
}

/// What the environment is told of an event, once the connection has taken what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Try to read again.
    Readable,
    /// Try to write again.
    Writable,
    /// The connection is open.
    Opened,
    /// It is not going to open: see [`Connection::failure`].
    Failed,
    /// The last flush after a close is done.
    Closed,
    /// It broke while nobody read or wrote: see [`Connection::failure`].
    Broken,
    /// What had been taken could not be sent: see [`Connection::failure`]. What arrived can still be read.
    Unwritable,
}

/// One connection, as the JavaScript thread holds it. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    id: u32,
    environment: Arc<Environment>,
    notifier: Notifier,
    target: Target,
    config: Arc<Config>,
    state: State,
    failure: Option<Error>,
    record: Record,
    counted: Counted,
    /// One of those that the binding has.
    permit: Option<OwnedSemaphorePermit>,
    /// Takes the addresses of the host, where the binding looks it up.
    asks: Option<oneshot::Sender<Vec<Endpoint>>>,
}

impl Connection {
    /// Upgrades an open plain connection to TLS. An [`Told::Opened`] or [`Told::Failed`] follows.
    ///
    /// # Errors
    /// [`Error::State`] if it is not open, not plain, or its write side has ended.
    pub fn start_tls(&mut self, handshake: Handshake) -> Result<(), Error> {
        let refused = Error::State("only an open plain connection can be upgraded to TLS");
        let State::Open(open) = &self.state else { return Err(refused) };
        if !open.transport.is_plain() || open.write != WriteSide::Open {
            return Err(refused);
        }
        let State::Open(open) = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(refused);
        };
        let broken = |source| Error::Io {
            operation: "handshake",
            target: self.target.text.clone(),
            source: Arc::new(source),
        };
        let Open { transport, staged, info, .. } = open;
        let stream = transport.into_parts().0.into_stream().map_err(broken)?;
        let text = self.target.text.clone();
        let (after, journey) = (self.config.timeout, self.record.begins());
        let task = establish("upgrade", &self.environment, self.id, async move {
            let broken =
                |source| Error::Io { operation: "handshake", target: text.clone(), source: Arc::new(source) };
            let handshake = async {
                journey.tries(&info.remote);
                let mut stream = stream.bind().map_err(broken)?;
                tokio::io::AsyncWriteExt::write_all(&mut stream, staged.rest()).await.map_err(broken)?;
                secure(stream, Some(handshake), &text, info, &journey).await
            };
            journey.within(after, after, &text, handshake).await
        });
        self.failure = None;
        self.state = State::Connecting(task);
        Ok(())
    }

    /// Takes what an event brings. `None`: it concerns nobody any more.
    pub fn settle(&mut self, event: Event) -> Option<Told> {
        match (event, &mut self.state) {
            (Event::Opened(established), State::Connecting(_)) => {
                let Established { stream, tls, info, permit } = *established;
                self.permit = self.permit.take().or(permit);
                Some(match self.notifier.watch(stream, self.id) {
                    Ok(stream) => self.opened(Transport::new(stream, tls), info),
                    Err(error) => self.lost(Error::Io {
                        operation: "connect",
                        target: self.target.text.clone(),
                        source: Arc::new(error),
                    }),
                })
            }
            (Event::Writable, State::Attempting(_)) => {
                let State::Attempting(attempt) = std::mem::replace(&mut self.state, State::Closed) else {
                    return None;
                };
                self.record.took(attempt.timings());
                Some(match attempt.finish(&self.target.text) {
                    Ok((stream, info)) => self.opened(Transport::new(stream, None), info),
                    Err(error) => self.lost(error),
                })
            }
            (Event::Late, State::Attempting(attempt)) => {
                self.record.took(attempt.timings());
                let error = attempt.late(&self.target.text);
                Some(self.lost(error))
            }
            (Event::Failed(error), State::Connecting(_)) => Some(self.lost(error)),
            (Event::Readable, State::Open(_)) => Some(Told::Readable),
            // What is still held goes first.
            (Event::Writable, State::Open(open)) => match open.flush() {
                Ok(done) => done.then_some(Told::Writable),
                Err(broken) => {
                    self.fail("write", broken);
                    Some(Told::Unwritable)
                }
            },
            (Event::Unwritable, State::Open(_)) => Some(Told::Unwritable),
            (Event::Returned, State::Open(Open { ahead: Some(_), .. })) => {
                self.come_back();
                None
            }
            (Event::Broken, State::Open(open)) => {
                // The system tells an error once: a flush may have been told of it.
                let told = open.transport.stream().take_error();
                if told.is_none() && self.failure.is_none() {
                    return None;
                }
                // After the peer's FIN the system calls a reset EPIPE.
                let told = told.filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
                let error = told.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
                self.fail("read", Broken::Io(error));
                Some(Told::Broken)
            }
            (Event::Broken, State::Broken) => {
                self.state = State::Closed;
                Some(Told::Broken)
            }
            (Event::Lost(error), state) if !matches!(state, State::Closed) => {
                self.give_up(error);
                None
            }
            (Event::Closed | Event::Failed(_), State::Closing(_)) => {
                self.state = State::Closed;
                Some(Told::Closed)
            }
            _ => None,
        }
    }

    fn opened(&mut self, transport: Transport<Watched>, info: Info) -> Told {
        self.counted.at(Stage::Open);
        self.record.opened(&info, self.config.notes_activity);
        self.state = State::Open(Open::new(transport, info));
        Told::Opened
    }

    fn lost(&mut self, error: Error) -> Told {
        self.config.counters.failed(error.code());
        self.record.ended();
        self.failure = Some(error);
        self.state = State::Closed;
        Told::Failed
    }

    /// Gives up what it has of the binding, once nothing is going on any more.
    pub fn leave(&mut self) {
        if !self.is_live() {
            self.counted.at(Stage::Over);
            self.permit = None;
        }
    }

    /// Whether something is still going on: a reason to keep the process alive.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// What is known of it while it is open.
    #[must_use]
    pub fn info(&self) -> Option<&Info> {
        match &self.state {
            State::Open(Open { info, .. }) => Some(info),
            _ => None,
        }
    }

    /// What broke first.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}
