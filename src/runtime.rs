//! The tokio thread, and what one JavaScript environment (the main thread, each worker) shares with it.

use std::{
    future::Future,
    io,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use crate::exit;
use crate::{
    error::Error,
    inject::{self, Point},
    notify::{Interest, Tell, Unbound},
    panics::{caught, caught_in},
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
    /// A task of the connection panicked, or could not tell what it was to tell.
    Lost(Error),
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

    /// Runs a task for the connection `id` on the tokio thread until it is done, aborted, or the environment ends. If it panics, the
    /// connection is [told](Event::Lost). `name`: see [`inject`].
    ///
    /// # Errors
    /// [`Error::Runtime`] if the thread cannot be started.
    #[inline]
    pub fn spawn(
        self: &Arc<Self>,
        name: &'static str,
        id: u32,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<AbortHandle, Error> {
        self.run(Point::new(name), id, task)
    }

    /// As [`Self::spawn`].
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn run(
        self: &Arc<Self>,
        point: Point,
        id: u32,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<AbortHandle, Error> {
        let runtime = runtime()?;
        let environment = Arc::clone(self);
        let guarded = async move {
            tokio::select! {
                biased;
                () = environment.cancelled.cancelled() => {}
                ended = caught_in(point.task(task)) => if let Err(what) = ended {
                    environment.push(id, Event::Lost(Error::Internal(what)));
                }
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

/// Runs a task of nobody's on the tokio thread until it is done: no environment ends it. `name`: see [`inject`].
///
/// # Errors
/// [`Error::Runtime`] if the thread cannot be started.
pub fn carry_on(name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
    let task = caught_in(inject::task(name, task));
    // Nobody is to be told of a panic either.
    runtime()?.spawn(async { drop(task.await) });
    Ok(())
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
    let runtime = started(|| {
        inject::system("runtime")?;
        // Where no thread is to be had tokio panics, and what it has made by then, descriptors among it, is never freed.
        thread::Builder::new().spawn(|| ())?;
        Builder::new_multi_thread().worker_threads(1).thread_name_fn(names()).enable_all().build()
    })?;
    #[cfg(unix)]
    exit::stand_still(&runtime);
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Names of threads in the order in which they start: the runtime's own is the first, and stays. Those of the pool for what blocks come
/// and go. A system may show no more than 15 bytes.
fn names() -> impl Fn() -> String + Send + Sync + 'static {
    let started = AtomicBool::new(false);
    move || {
        let name = if started.swap(true, Ordering::Relaxed) { "wintersock pool" } else { "wintersock" };
        name.to_owned()
    }
}

/// What needs a thread. tokio panics where there is none to be had.
fn started<T>(start: impl FnOnce() -> io::Result<T>) -> Result<T, Error> {
    let refused = |error| Error::Runtime(Arc::new(error));
    match caught(start) {
        Ok(started) => started.map_err(refused),
        Err(what) if what.contains("OS can't spawn") => Err(refused(no_thread())),
        Err(what) => Err(Error::Internal(what)),
    }
}

/// What the system says when it has no thread to give, which tokio does not pass on.
fn no_thread() -> io::Error {
    #[cfg(unix)]
    return io::Error::from_raw_os_error(libc::EAGAIN);
    #[cfg(not(unix))]
    return io::ErrorKind::WouldBlock.into();
}

/// Does work that blocks, on a thread for such. To be called in a task of the tokio thread. `name`: see [`inject`].
///
/// # Errors
/// [`Error::Runtime`] if there is no such thread.
///
/// # Cancel safety
/// Work that is under way is done to its end.
#[inline]
pub fn block<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Error>> {
    block_at(Point::new(name), work)
}

async fn block_at<T: Send + 'static>(
    point: Point,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let work = move || {
        caught(|| {
            point.pass();
            work()
        })
    };
    let done = started(|| {
        inject::system("thread")?;
        Ok(tokio::task::spawn_blocking(work))
    })?;
    let done = done.await.unwrap_or_else(|lost| Err(lost.to_string()));
    done.map_err(Error::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{atomic::AtomicUsize, mpsc};

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
        environment.spawn("test", 7, async { panic!("in words") }).unwrap();
        woken.recv().unwrap();
        let events = environment.drain();
        assert!(matches!(&events[..], [(7, Event::Lost(Error::Internal(what)))] if what == "in words"));
    }

    #[test]
    fn an_ended_environment_drops_its_tasks_and_tells_nothing() {
        let (environment, wakes, _woken) = counted();
        let (sender, dropped) = mpsc::channel::<()>();
        environment
            .spawn("test", 1, async move {
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
