//! Panics, which are bugs: each is kept from unwinding any further, and told by the error that it becomes.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    pin::pin,
    sync::{Arc, Once, OnceLock},
    task::Poll,
};

thread_local! {
    /// What the last panic on this thread said, until somebody asks.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has panics of this addon print nothing: each becomes an error with the same words. They are printed, too, if `RUST_BACKTRACE` is set, and if they
/// end the process. Other addons have a Rust library of their own, and with it a hook of their own.
pub fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = text(info);
            // The library's words when it is about to abort: a panic while another one unwinds, or in a callback of C.
            let ends = text.contains("panic in a ");
            if ends || std::env::var_os("RUST_BACKTRACE").is_some() {
                usual(info);
            }
            // Where thread locals are gone already, nobody asks any more.
            let _ = LAST.try_with(|last| last.replace(Some(text)));
        }));
    });
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let said = said(info.payload());
    info.location().map_or_else(|| said.into(), |place| format!("{place}: {said}"))
}

fn said(payload: &(dyn Any + Send)) -> &str {
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("a panic without words")
}

/// Does some work.
///
/// # Errors
/// What the panic said, if it panicked.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .map_err(|payload| last().unwrap_or_else(|| said(&*payload).into()))
}

/// What a panic said, for somebody else to ask for.
pub type Words = Arc<OnceLock<String>>;

/// Runs a task.
///
/// # Errors
/// What the panic said, if it panicked.
pub async fn caught_in<T>(task: impl Future<Output = T>) -> Result<T, String> {
    let mut task = pin!(task);
    std::future::poll_fn(move |context| match caught(|| task.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(what) => Poll::Ready(Err(what)),
    })
    .await
}

/// As [`caught`], where nobody can be told.
pub fn contained(work: impl FnOnce()) {
    let _ = caught(work);
}

/// What the last panic on this thread said, once. None: there was none, or somebody else has asked.
fn last() -> Option<String> {
    LAST.try_with(RefCell::take).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_said_is_kept() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(caught(|| panic!("in {}", "words")), Err::<(), _>("in words".into()));
        assert_eq!(caught(|| panic!("plain")), Err::<(), _>("plain".into()));
        assert_eq!(caught(|| panic::panic_any(1)), Err::<(), _>("a panic without words".into()));
    }
}
