//! The tokio thread, and what one JavaScript environment (the main thread, each worker) shares with it.

use std::{
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    notify::{Interest, Tell, Unbound},
    transport::Established,
};

/// What happened to a connection. An event owns what it brings, so one that nobody takes leaks nothing.
#[derive(Debug)]
pub enum Event {
    /// There may be something to read.
    Readable,
    /// There may be room to write.
    Writable,
    /// The connection may be broken, while nobody reads or writes.
    Broken,
    /// What had been taken could not be sent.
    Unwritable,
    /// Reading ahead is over.
    Returned,
    /// The connection is established: the transport comes back to the JavaScript thread.
    Opened(Box<Established>),
    /// It could not be established.
    Failed(Error),
    /// The time for an attempt on the JavaScript thread is over.
    Late,
    /// The last flush after a close is done.
    Closed,
}

impl From<Interest> for Event {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Readable => Self::Readable,
            Interest::Writable => Self::Writable,
            Interest::Broken => Self::Broken,
        }
    }
}

/// The tokio side of one JavaScript environment: a queue of events, a way to wake its thread, and a cancel switch.
pub struct Environment {
    queue: Mutex<Vec<(u32, Event)>>,
    wake: Box<dyn Fn() + Send + Sync>,
    cancelled: CancellationToken,
    /// After how many bytes in a row a connection reads ahead.
    pub ahead_after: Option<u64>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("cancelled", &self.cancelled.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// An environment whose thread is woken by `wake`, once for each batch of events. `ahead_after`: after how many bytes in a row a
    /// connection reads ahead.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static, ahead_after: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            ahead_after,
            queue: Mutex::new(Vec::new()),
            wake: Box::new(wake),
            cancelled: CancellationToken::new(),
        })
    }

    /// Queues an event and wakes the environment's thread if the queue was empty.
    pub fn push(&self, id: u32, event: Event) {
        let first = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            // Under the lock, so that nothing gets in after the last drain: it would keep its transport for ever.
            if self.cancelled.is_cancelled() {
                return;
            }
            queue.push((id, event));
            queue.len() == 1
        };
        if first {
            (self.wake)();
        }
    }

    /// Takes everything that is queued.
    pub fn drain(&self) -> Vec<(u32, Event)> {
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a task on the tokio thread until it is done, aborted, or the environment ends.
    ///
    /// # Errors
    /// [`Error::Runtime`] if the thread cannot be started.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Result<AbortHandle, Error> {
        let runtime = runtime()?;
        let cancelled = self.cancelled.clone();
        let guarded = async move {
            tokio::select! {
                biased;
                () = cancelled.cancelled() => {}
                () = task => {}
            }
        };
        Ok(runtime.spawn(guarded).abort_handle())
    }

    /// Registers a stream with the tokio thread.
    ///
    /// # Errors
    /// [`Error::Runtime`] if the thread cannot be started, or the system does not let it.
    pub fn bind(&self, stream: Unbound) -> Result<TcpStream, Error> {
        let _context = runtime()?.enter();
        stream.bind().map_err(|error| Error::Runtime(Arc::new(error)))
    }

    /// Ends every task of the environment and drops what is queued. Nothing is told afterwards.
    pub fn cancel(&self) {
        self.cancelled.cancel();
        drop(self.drain());
    }
}

impl Tell for Environment {
    fn tell(&self, id: u32, interest: Interest) {
        self.push(id, interest.into());
    }
}

/// Tells an environment how a task ended. If the task ends without a word, because it panicked, this says so.
#[derive(Debug)]
pub struct Completion {
    environment: Arc<Environment>,
    id: u32,
    told: bool,
}

impl Completion {
    /// The completion of a task for the connection `id`.
    #[must_use]
    pub fn new(environment: Arc<Environment>, id: u32) -> Self {
        Self { environment, id, told: false }
    }

    /// Tells how the task ended.
    pub fn tell(mut self, event: Event) {
        self.told = true;
        self.environment.push(self.id, event);
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if !self.told {
            self.environment.push(self.id, Event::Failed(Error::Internal("an I/O task ended early".into())));
        }
    }
}

/// Starts the tokio thread, if it does not run yet.
///
/// # Errors
/// [`Error::Runtime`]; it is worth trying again later.
pub fn start() -> Result<(), Error> {
    runtime().map(drop)
}

/// The one tokio thread of the process. It is never shut down: tasks end with their environment, and the operating system
/// ends the thread with the process.
fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    // A failure is not kept: descriptors that were short may be back at the next attempt.
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("wintersock")
        .enable_all()
        .build()
        .map_err(|error| Error::Runtime(Arc::new(error)))?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    fn counted() -> (Arc<Environment>, Arc<AtomicUsize>, mpsc::Receiver<()>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = mpsc::channel();
        let count = Arc::clone(&wakes);
        let environment = Environment::new(
            move || {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = sender.send(());
            },
            None,
        );
        (environment, wakes, receiver)
    }

    #[test]
    fn a_batch_of_events_wakes_once() {
        let (environment, wakes, _) = counted();
        environment.push(1, Event::Readable);
        environment.push(2, Event::Writable);
        assert_eq!(environment.drain().len(), 2);
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        environment.push(1, Event::Closed);
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_task_that_panics_is_reported() {
        let (environment, _, woken) = counted();
        let completion = Completion::new(Arc::clone(&environment), 7);
        environment
            .spawn(async move {
                let _held = completion;
                panic!("injected");
            })
            .unwrap();
        woken.recv().unwrap();
        assert!(matches!(&environment.drain()[..], [(7, Event::Failed(Error::Internal(_)))]));
    }

    #[test]
    fn an_ended_environment_drops_its_tasks_and_tells_nothing() {
        let (environment, wakes, _woken) = counted();
        let (sender, dropped) = mpsc::channel::<()>();
        environment
            .spawn(async move {
                let _held = sender;
                std::future::pending::<()>().await;
            })
            .unwrap();
        environment.cancel();
        assert_eq!(dropped.recv(), Err(mpsc::RecvError), "the task's values were dropped");
        environment.push(1, Event::Readable);
        assert_eq!(wakes.load(Ordering::Relaxed), 0);
        assert!(environment.drain().is_empty());
    }
}
