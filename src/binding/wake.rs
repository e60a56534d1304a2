//! Wakes the JavaScript thread from the tokio thread, where the environment's own loop cannot be used.

use std::sync::{Arc, Mutex, PoisonError};

use napi::{
    Env, Status,
    bindgen_prelude::Function,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

/// Has JavaScript called, from any thread.
#[derive(Clone)]
pub(super) struct Wake(Arc<Mutex<Option<Waking>>>);

type Waking = ThreadsafeFunction<(), (), u32, Status, false, true>;

impl Wake {
    /// Has `dispatch` called with what `told` says then. It does not keep the process alive.
    pub(super) fn new(
        dispatch: &Function<'_, u32, ()>,
        told: impl Fn() -> u32 + 'static,
    ) -> napi::Result<Self> {
        let function = dispatch
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(move |_| Ok(told()))?;
        Ok(Self(Arc::new(Mutex::new(Some(function)))))
    }

    pub(super) fn call(&self) {
        if let Some(function) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            function.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// Whether it keeps the process alive.
    pub(super) fn keep_alive(&self, env: Env, on: bool) {
        let mut function = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(function) = &mut *function else { return };
        #[expect(
            deprecated,
            reason = "that changes while the function lives; there is no other way to say so"
        )]
        let result = if on { function.refer(&env) } else { function.unref(&env) };
        drop(result);
    }

    /// Wakes nobody from now on.
    pub(super) fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
