//! The exit of the process. The C library runs the destructors of all libraries then, and the cryptography's frees its source of random bytes: a
//! handshake that asks for some afterwards ends the process with SIGABRT. So the tokio thread stands still before that. (Windows ends all other threads first.)

use std::{
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use tokio::runtime::{Handle, Runtime};

use crate::panics::contained;

/// For what the thread is doing. A step of a handshake takes a few milliseconds; the exit is not to wait for more.
const PATIENCE: Duration = Duration::from_secs(1);

static RUNTIME: OnceLock<Handle> = OnceLock::new();

/// Has the one thread of the runtime stand still when the process exits. To be called once.
pub fn stand_still(runtime: &Runtime) {
    if RUNTIME.set(runtime.handle().clone()).is_ok() {
        // SAFETY: the function does not unwind, and is there as long as the process: the addon is linked so that it is never unloaded.
        // What is registered first runs last, and destructors of libraries were registered before any code of theirs has run.
        unsafe { libc::atexit(at_exit) };
    }
}

extern "C" fn at_exit() {
    contained(|| {
        if let Some(runtime) = RUNTIME.get() {
            stop(runtime);
        }
    });
}

fn stop(runtime: &Handle) {
    let (standing, stands) = mpsc::channel();
    runtime.spawn(async move {
        let _ = standing.send(());
        loop {
            thread::park();
        }
    });
    let _ = stands.recv_timeout(PATIENCE);
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        process::Command,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::runtime;

    static TURNS: AtomicUsize = AtomicUsize::new(0);

    /// In the place of a destructor that frees what the thread uses.
    extern "C" fn look() {
        let before = TURNS.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(100));
        let stands = before > 0 && TURNS.load(Ordering::SeqCst) == before;
        // SAFETY: it takes any number.
        unsafe { libc::_exit(i32::from(!stands)) };
    }

    fn exit_with_a_busy_thread() -> ! {
        // SAFETY: the function lives as long as the process, and does not unwind.
        unsafe { libc::atexit(look) };
        let busy = async {
            loop {
                TURNS.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        };
        runtime::carry_on("test", busy).unwrap();
        while TURNS.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        std::process::exit(2);
    }

    #[test]
    fn the_thread_stands_still_before_destructors_run() {
        const CHILD: &str = "WINTERSOCK_TEST_EXIT";
        if env::var_os(CHILD).is_some() {
            exit_with_a_busy_thread();
        }
        let name = "exit::tests::the_thread_stands_still_before_destructors_run";
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0));
    }
}
