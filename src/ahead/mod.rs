//! Reading ahead: while a connection brings much, a task receives and decrypts on the tokio thread, and encrypts and sends what is
//! written, so that the JavaScript thread has only to copy. It costs a hop between threads for every answer, so it is for bulk alone,
//! and ends as soon as that does.

mod queues;

use std::{
    io::{self, IoSlice},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify as Wake, task::AbortHandle, time::timeout};

use self::queues::Queues;
use crate::{
    error::Error,
    inject,
    notify::{Interest, Notify, Tell, Unbound, tokio::Watched},
    runtime::{Environment, Event},
    session::Session,
    transport::{Broken, Read, Transport},
};

/// A pause of this length ends the bulk.
const PAUSE: Duration = Duration::from_millis(10);

/// The JavaScript thread's side.
#[derive(Debug)]
pub struct Ahead {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What comes back when it is over.
#[derive(Debug)]
pub struct Returned {
    /// The stream.
    pub stream: Unbound,
    /// The session over it, with what was read ahead.
    pub tls: Option<Box<Session>>,
    /// What was written and not sent.
    pub unsent: Vec<u8>,
    /// Why it can no longer be written to.
    pub broken: Option<Broken>,
}

#[derive(Debug)]
struct Shared {
    environment: Arc<Environment>,
    id: u32,
    /// Held by the task while it works, by the JavaScript thread only to take it back.
    work: Mutex<Option<Work>>,
    /// Held for a copy, never for a system call or cryptography.
    queues: Mutex<Queues>,
    wake: Wake,
}

#[derive(Debug)]
struct Work {
    transport: Transport<Watched>,
    outgoing: Vec<u8>,
    sent: usize,
    broken: Option<Broken>,
}

/// What a step of the task came to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// There may be more to do at once.
    Worked,
    /// Nothing until somebody wakes it.
    Waits,
    /// The rest is the JavaScript thread's: an end, an error, or nothing left to do here.
    Over,
}

/// Tells, when it is dropped, that the task has ended.
struct Over(Arc<Shared>);

impl Drop for Over {
    fn drop(&mut self) {
        // A step that panicked has told already.
        if !self.0.work.is_poisoned() {
            self.0.environment.push(self.0.id, Event::Returned);
        }
    }
}

/// Wakes the task when the stream is ready.
#[derive(Debug)]
struct Waker(std::sync::Weak<Shared>);

impl Tell for Waker {
    fn tell(&self, _: u32, _: Interest) {
        if let Some(shared) = self.0.upgrade() {
            shared.wake.notify_one();
        }
    }
}

impl Ahead {
    /// Lets a task read ahead for the connection `id`.
    ///
    /// # Errors
    /// [`Error::Runtime`], or what the system says if the tokio thread cannot take the stream.
    pub fn start(
        environment: &Arc<Environment>,
        id: u32,
        stream: Unbound,
        tls: Option<Box<Session>>,
        unsent: Vec<u8>,
    ) -> Result<Arc<Self>, Error> {
        let stream = environment.bind(stream)?;
        let shared = Arc::new_cyclic(|weak| {
            let stream = Watched::new(stream, Arc::new(Waker(std::sync::Weak::clone(weak))), id);
            let transport = Transport::new(stream, tls);
            Shared {
                environment: Arc::clone(environment),
                id,
                work: Mutex::new(Some(Work { transport, outgoing: unsent, sent: 0, broken: None })),
                queues: Mutex::default(),
                wake: Wake::new(),
            }
        });
        let over = Over(Arc::clone(&shared));
        let task = environment.spawn("ahead", id, over.run())?;
        Ok(Arc::new(Self { shared, task }))
    }

    /// Ends it. Waits for a step of the task, if one is under way: some tens of microseconds.
    ///
    /// # Errors
    /// If it was ended before.
    pub fn end(&self) -> io::Result<Returned> {
        let work = self.shared.work.lock();
        // A step has panicked: where it was, and what of the data is lost, is unknown.
        let mut work = work.map_err(|_| io::Error::other("reading ahead has failed"))?;
        let work = work.take().ok_or(io::ErrorKind::NotConnected)?;
        self.task.abort();
        let Work { transport, mut outgoing, sent, broken } = work;
        let (stream, mut tls) = transport.into_parts();
        let (plaintext, mut unsent) = std::mem::take(&mut *lock(&self.shared.queues)).into_rest();
        outgoing.drain(..sent);
        outgoing.append(&mut unsent);
        if let (Some(tls), false) = (&mut tls, plaintext.is_empty()) {
            tls.put_back(plaintext);
        }
        let stream = stream.into_stream().map(Unbound::Registered)?;
        Ok(Returned { stream, tls, unsent: outgoing, broken })
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Over {
    async fn run(self) {
        let shared = &self.0;
        loop {
            match shared.step() {
                Step::Worked => tokio::task::yield_now().await,
                Step::Waits => {
                    if timeout(PAUSE, shared.wake.notified()).await.is_err() {
                        if lock(&shared.queues).is_idle() {
                            break;
                        }
                        // The reader pauses.
                        shared.wake.notified().await;
                    }
                }
                Step::Over => break,
            }
        }
    }
}

impl Shared {
    fn step(&self) -> Step {
        let mut work = lock(&self.work);
        let Some(work) = &mut *work else { return Step::Over };
        inject::point("ahead.step");
        if work.broken.is_some() || !self.send(work) {
            return Step::Over;
        }
        let Some(mut chunk) = lock(&self.queues).room() else { return Step::Waits };
        match work.transport.read(&mut chunk) {
            Ok(Read::Data(length)) => {
                chunk.truncate(length);
                if lock(&self.queues).arrived(chunk) {
                    self.environment.tell(self.id, Interest::Readable);
                }
                Step::Worked
            }
            Ok(Read::Wait) => {
                lock(&self.queues).unused(chunk);
                Step::Waits
            }
            // They come again, to whoever reads next.
            Ok(Read::End) | Err(_) => Step::Over,
        }
    }

    /// Sends what is written, as far as the system takes it. Whether it can still be written to.
    fn send(&self, work: &mut Work) -> bool {
        let sent = self.try_send(work);
        work.broken = sent.err();
        work.broken.is_none()
    }

    fn try_send(&self, work: &mut Work) -> Result<(), Broken> {
        // What TLS has encrypted goes first.
        while work.transport.flush()? {
            if work.sent == work.outgoing.len() {
                work.sent = 0;
                work.outgoing.clear();
                if lock(&self.queues).leave(&mut work.outgoing) {
                    self.environment.tell(self.id, Interest::Writable);
                }
                if work.outgoing.is_empty() {
                    break;
                }
            }
            work.sent += work.transport.write(&work.outgoing[work.sent..])?;
        }
        Ok(())
    }
}

impl Notify for Ahead {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (filled, wakes) = lock(&self.shared.queues).read(buffer);
        if filled == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if wakes {
            self.shared.wake.notify_one();
        }
        Ok(filled)
    }

    fn try_peek(&self) -> io::Result<bool> {
        if lock(&self.shared.queues).is_read() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(true) }
    }

    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut queues = lock(&self.shared.queues);
        let taken = buffers.iter().map(|buffer| queues.write(buffer)).sum();
        drop(queues);
        self.shared.wake.notify_one();
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn take_error(&self) -> Option<io::Error> {
        None
    }

    /// Never: whoever ends or closes takes the stream back first.
    fn shutdown(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn reset_on_close(&self) {}

    fn watch(&self, interest: Interest) {
        let mut queues = lock(&self.shared.queues);
        let ready = match interest {
            Interest::Readable => queues.await_data(),
            Interest::Writable => queues.await_room(),
            Interest::Broken => false,
        };
        drop(queues);
        if ready {
            self.tell(interest);
        }
    }

    fn tell(&self, interest: Interest) {
        self.shared.environment.tell(self.shared.id, interest);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
