//! A connection's life: dial, read, write, shutdown, close, `start_tls`.

use std::{io, sync::Arc};

use tokio::task::AbortHandle;

use crate::{
    close::{Rest, WriteSide, drain, end, linger},
    dial::{Attempt, Target, dial, establish, secure},
    error::Error,
    notify::{Interest, Notifier, Notify, Watched},
    open::{Open, Turn},
    runtime::{Completion, Environment, Event},
    tls::Handshake,
    transport::{Broken, Established, Info, Read, Transport},
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
    state: State,
    failure: Option<Error>,
}

impl Connection {
    /// Starts to connect: TCP, then TLS if there is a handshake. An [`Told::Opened`] or [`Told::Failed`] follows.
    #[must_use]
    pub fn dial(
        environment: Arc<Environment>,
        notifier: Notifier,
        id: u32,
        target: Target,
        handshake: Option<Handshake>,
    ) -> Self {
        let begun = if handshake.is_none() { Attempt::begin(&target, &notifier, id) } else { None };
        let state = match begun {
            Some(Ok(attempt)) => State::Attempting(attempt),
            Some(Err(error)) => {
                environment.push(id, Event::Failed(error));
                State::Connecting(None)
            }
            None => {
                let asked = target.clone();
                State::Connecting(establish(&environment, id, async move {
                    let stream = dial(&asked).await?;
                    secure(stream, handshake, &asked).await
                }))
            }
        };
        Self { id, environment, notifier, target, state, failure: None }
    }

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
        let stream = open.transport.into_parts().0.into_stream().map_err(broken)?;
        let (staged, target) = (open.staged, self.target.clone());
        let task = establish(&self.environment, self.id, async move {
            let broken = |source| Error::Io {
                operation: "handshake",
                target: target.text.clone(),
                source: Arc::new(source),
            };
            let mut stream = stream.bind().map_err(broken)?;
            tokio::io::AsyncWriteExt::write_all(&mut stream, staged.rest()).await.map_err(broken)?;
            secure(stream, Some(handshake), &target).await
        });
        self.failure = None;
        self.state = State::Connecting(task);
        Ok(())
    }

    /// Takes what an event brings. `None`: it concerns nobody any more.
    pub fn settle(&mut self, event: Event) -> Option<Told> {
        match (event, &mut self.state) {
            (Event::Opened(established), State::Connecting(_)) => {
                let Established { stream, tls, info } = *established;
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
                Some(match attempt.finish(&self.target) {
                    Ok((stream, info)) => self.opened(Transport::new(stream, None), info),
                    Err(error) => self.lost(error),
                })
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
                // Whoever waits was promised to be told by the task.
                self.environment.push(self.id, Event::Writable);
                Some(Told::Readable)
            }
            (Event::Broken, State::Open(open)) => {
                // The system tells an error once: a flush may have been told of it.
                if open.transport.stream().take_error().is_none() && self.failure.is_none() {
                    return None;
                }
                // After the peer's FIN the system calls a reset EPIPE.
                self.fail("read", Broken::Io(io::ErrorKind::ConnectionReset.into()));
                Some(Told::Broken)
            }
            (Event::Broken, State::Closed) if self.failure.is_some() => Some(Told::Broken),
            (Event::Closed | Event::Failed(_), State::Closing(_)) => {
                self.state = State::Closed;
                Some(Told::Closed)
            }
            _ => None,
        }
    }

    fn opened(&mut self, transport: Transport<Watched>, info: Info) -> Told {
        self.state = State::Open(Open::new(transport, info));
        Told::Opened
    }

    fn lost(&mut self, error: Error) -> Told {
        self.failure = Some(error);
        self.state = State::Closed;
        Told::Failed
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> Progress {
        let progress = self.receive(|transport| transport.read(buffer));
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
    fn come_back(&mut self) {
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
            Err(error) => {
                self.failure.get_or_insert(error);
                self.environment.push(self.id, Event::Broken);
            }
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
            Ok(taken) => Progress::Done(taken),
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

    /// Closes. An open transport is flushed and ended. Returns whether that takes a task; [`Told::Closed`] follows then.
    /// Otherwise the connection is closed now. Not `patient`: the task gives up after a second.
    pub fn close(&mut self, patient: bool) -> bool {
        self.come_back();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => abort(task),
            State::Open(open) => self.end(open, patient),
            closing @ State::Closing(_) => self.state = closing,
            State::Attempting(_) | State::Closed => {}
        }
        matches!(self.state, State::Closing(_))
    }

    fn end(&mut self, open: Open, patient: bool) {
        let Open { mut transport, mut staged, mut write, .. } = open;
        match end(&mut transport, &mut staged, &mut write) {
            Ok(true) => {
                let Some(stream) = self.notifier.linger(transport.into_parts().0) else { return };
                if let Ok(stream) = stream.into_stream() {
                    let _ = self.environment.spawn(linger(stream));
                }
            }
            Ok(false) => {
                let (stream, tls) = transport.into_parts();
                let Ok(stream) = stream.into_stream() else { return };
                let completion = Completion::new(Arc::clone(&self.environment), self.id);
                let drained = drain(Rest { stream, tls, staged, write }, patient, completion);
                if let Ok(task) = self.environment.spawn(drained) {
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
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting(task) => abort(task),
            State::Closing(task) => task.abort(),
            State::Open(Open { mut transport, mut staged, .. }) => {
                let whole = staged.flush(&mut transport).is_ok_and(|done| done);
                if cut || !whole {
                    transport.stream().reset_on_close();
                }
            }
            State::Attempting(_) | State::Closed => {}
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
