//! A connection's life: dial, read, write, shutdown, close, `start_tls`.

use std::{io, sync::Arc};

use tokio::task::AbortHandle;

use crate::{
    close::{WriteSide, drain},
    dial::{Target, dial, establish, secure},
    error::Error,
    notify::{Interest, Notify},
    runtime::{Completion, Environment, Event},
    tls::Handshake,
    transport::{Broken, Established, Info, Read, Transport},
};

/// Each state owns what is usable in it.
#[derive(Debug)]
enum State {
    /// A task dials or runs a handshake; it owns the transport.
    Connecting(Option<AbortHandle>),
    /// The JavaScript thread owns the transport.
    Open { transport: Transport, write: WriteSide, info: Info },
    /// A task flushes and listens for the peer's end; it owns the transport.
    Closing(AbortHandle),
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
}

/// One connection, as the JavaScript thread holds it. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    id: u32,
    environment: Arc<Environment>,
    target: Target,
    state: State,
    failure: Option<Error>,
}

impl Connection {
    /// Starts to connect: TCP, then TLS if there is a handshake. An [`Told::Opened`] or [`Told::Failed`] follows.
    #[must_use]
    pub fn dial(
        environment: Arc<Environment>,
        id: u32,
        target: Target,
        handshake: Option<Handshake>,
    ) -> Self {
        let (shared, asked) = (Arc::clone(&environment), target.clone());
        let task = establish(&environment, id, async move {
            let stream = dial(&asked).await?;
            secure(shared, id, stream, handshake, &asked).await
        });
        Self { id, environment, target, state: State::Connecting(task), failure: None }
    }

    /// Upgrades an open plain connection to TLS. An [`Told::Opened`] or [`Told::Failed`] follows.
    ///
    /// # Errors
    /// [`Error::State`] if it is not open, not plain, or its write side has ended.
    pub fn start_tls(&mut self, handshake: Handshake) -> Result<(), Error> {
        let refused = Error::State("only an open plain connection can be upgraded to TLS");
        let State::Open { transport: Transport::Tcp(_), write: WriteSide::Open, .. } = self.state else {
            return Err(refused);
        };
        let State::Open { transport, .. } = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(refused);
        };
        let stream = transport.into_plain().map_err(|_| refused)?;
        let (shared, target, id) = (Arc::clone(&self.environment), self.target.clone(), self.id);
        let task = establish(&self.environment, id, async move {
            secure(shared, id, stream, Some(handshake), &target).await
        });
        self.failure = None;
        self.state = State::Connecting(task);
        Ok(())
    }

    /// Takes what an event brings. `None`: it concerns nobody any more.
    pub fn settle(&mut self, event: Event) -> Option<Told> {
        match (event, &mut self.state) {
            (Event::Opened(established), State::Connecting(_)) => {
                let Established { transport, info } = *established;
                self.state = State::Open { transport, write: WriteSide::Open, info };
                Some(Told::Opened)
            }
            (Event::Failed(error), State::Connecting(_)) => {
                self.failure = Some(error);
                self.state = State::Closed;
                Some(Told::Failed)
            }
            (Event::Readable, State::Open { .. }) => Some(Told::Readable),
            // What TLS still holds goes first.
            (Event::Writable, State::Open { transport, .. }) => match transport.flush() {
                Ok(done) => done.then_some(Told::Writable),
                Err(broken) => {
                    self.fail("write", broken);
                    Some(Told::Writable)
                }
            },
            (Event::Broken, State::Open { transport, .. }) => {
                // The system tells an error once: a flush may have been told of it.
                if transport.stream().take_error().is_none() && self.failure.is_none() {
                    return None;
                }
                // After the peer's FIN the system calls a reset EPIPE.
                self.fail("read", Broken::Io(io::ErrorKind::ConnectionReset.into()));
                Some(Told::Broken)
            }
            (Event::Closed | Event::Failed(_), State::Closing(_)) => {
                self.state = State::Closed;
                Some(Told::Closed)
            }
            _ => None,
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> Progress {
        self.receive(|transport| transport.read(buffer))
    }

    /// Whether there is something to read, without taking it.
    pub fn peek(&mut self) -> Progress {
        self.receive(Transport::peek)
    }

    fn receive(&mut self, read: impl FnOnce(&mut Transport) -> Result<Read, Broken>) -> Progress {
        let State::Open { transport, .. } = &mut self.state else { return Progress::Wait };
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

    /// Writes what is taken now. Less than all: an event will come.
    pub fn write(&mut self, data: &[u8]) -> Progress {
        let State::Open { transport, write: WriteSide::Open, .. } = &mut self.state else {
            return Progress::Failed;
        };
        match transport.write(data) {
            Ok(taken) => Progress::Done(taken),
            Err(broken) => self.fail("write", broken),
        }
    }

    /// Ends the write side: TLS `close_notify`, then FIN. Call again when told that it is writable.
    pub fn shutdown(&mut self) -> Progress {
        let State::Open { transport, write, .. } = &mut self.state else { return Progress::Done(0) };
        if *write == WriteSide::Open {
            transport.announce_end();
            *write = WriteSide::Ending;
        }
        if *write == WriteSide::Ending {
            match transport.finish() {
                Ok(true) => *write = WriteSide::Ended,
                Ok(false) => return Progress::Wait,
                Err(broken) => return self.fail("write", broken),
            }
        }
        Progress::Done(0)
    }

    /// Asks to be told once.
    pub fn watch(&mut self, interest: Interest) {
        if let State::Open { transport, .. } = &mut self.state {
            transport.watch(interest);
        }
    }

    fn fail(&mut self, operation: &'static str, broken: Broken) -> Progress {
        let target = self.target.text.clone();
        let error = match broken {
            Broken::Io(source) => Error::Io { operation, target, source: Arc::new(source) },
            Broken::Tls(source) => Error::Tls { target, handshaking: false, source },
            Broken::Truncated => Error::Truncated { target },
        };
        // What broke first says most.
        self.failure.get_or_insert(error);
        Progress::Failed
    }

    /// Closes. An open transport is flushed and ended by a task; [`Told::Closed`] follows. Returns whether that is so;
    /// otherwise the connection is closed now. Not `patient`: the task gives up after a second.
    pub fn close(&mut self, patient: bool) -> bool {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => abort(task),
            State::Open { transport, write, .. } => {
                let completion = Completion::new(Arc::clone(&self.environment), self.id);
                let drained = drain(transport, write, patient, completion);
                if let Ok(task) = self.environment.spawn(drained) {
                    self.state = State::Closing(task);
                }
            }
            closing @ State::Closing(_) => self.state = closing,
            State::Closed => {}
        }
        matches!(self.state, State::Closing(_))
    }

    /// Closes at once, without a flush. `cut`: something that was to be sent is lost, so the peer gets RST and does not
    /// take what it has for everything.
    pub fn abort(&mut self, cut: bool) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => abort(task),
            State::Closing(task) => task.abort(),
            State::Open { transport, .. } if cut => transport.stream().reset_on_close(),
            State::Open { .. } | State::Closed => {}
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
            State::Open { info, .. } => Some(info),
            _ => None,
        }
    }

    /// What broke first.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
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
