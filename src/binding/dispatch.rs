//! How JavaScript is told of a batch of events: a shared array, and one call.

use std::{cell::RefCell, ptr};

use napi::{
    Env, JsValue,
    bindgen_prelude::{Function, FunctionRef, ToNapiValue, Uint8Array, Uint32Array},
    sys,
};

/// The callback of one environment, called from its event loop.
pub(super) struct Dispatch {
    env: Env,
    function: FunctionRef<u32, ()>,
    context: sys::napi_async_context,
}

impl Dispatch {
    pub(super) fn new(env: Env, function: &Function<'_, u32, ()>) -> napi::Result<Self> {
        let name = env.create_string("wintersock")?;
        let mut context = ptr::null_mut();
        // SAFETY: the environment and the name are alive; without a resource, Node makes one.
        let status =
            unsafe { sys::napi_async_init(env.raw(), ptr::null_mut(), name.raw(), &raw mut context) };
        if status != sys::Status::napi_ok {
            return Err(napi::Error::from_reason("no async context"));
        }
        Ok(Self { env, function: function.create_ref()?, context })
    }

    /// Tells that so many pairs are in the batch. What the callback throws is an uncaught exception, as for Node's own callbacks.
    /// Once the environment is ending nothing is called.
    pub(super) fn call(&self, pairs: u32) {
        let env = self.env.raw();
        let mut scope = ptr::null_mut();
        // SAFETY: the environment is alive: its cleanup hook drops this. The loop calls from outside of any JavaScript, so a scope
        // for handles is opened, and closed on the same path.
        unsafe {
            if sys::napi_open_handle_scope(env, &raw mut scope) != sys::Status::napi_ok {
                return;
            }
            if self.make_callback(pairs).is_err() {
                let mut error = ptr::null_mut();
                if sys::napi_get_and_clear_last_exception(env, &raw mut error) == sys::Status::napi_ok {
                    sys::napi_fatal_exception(env, error);
                }
            }
            sys::napi_close_handle_scope(env, scope);
        }
    }

    fn make_callback(&self, pairs: u32) -> napi::Result<()> {
        let function = self.function.borrow_back(&self.env)?.raw();
        // SAFETY: the environment is alive.
        let arguments = [unsafe { u32::to_napi_value(self.env.raw(), pairs) }?];
        // Any object serves as `this`. Unlike a plain call this runs microtasks and process.nextTick() afterwards.
        // SAFETY: all values belong to the handle scope that `call` has opened.
        let status = unsafe {
            sys::napi_make_callback(
                self.env.raw(),
                self.context,
                function,
                function,
                arguments.len(),
                arguments.as_ptr(),
                ptr::null_mut(),
            )
        };
        if status == sys::Status::napi_ok { Ok(()) } else { Err(napi::Error::from_reason("thrown")) }
    }
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and destroyed once.
        unsafe { sys::napi_async_destroy(self.env.raw(), self.context) };
    }
}

/// `[id, event, id, event, ...]`, in memory that JavaScript has allocated and reads.
pub(super) struct Batch(RefCell<Uint32Array>);

impl Batch {
    pub(super) fn new(memory: Uint32Array) -> Self {
        Self(RefCell::new(memory))
    }

    /// Writes pairs until there are no more or no more fit. Says how many.
    pub(super) fn fill(&self, mut pairs: impl Iterator<Item = [u32; 2]>) -> u32 {
        let mut memory = self.0.borrow_mut();
        // SAFETY: JavaScript, which reads the memory, runs on this thread and not now. It never transfers the array.
        let room = unsafe { memory.as_mut() }.chunks_exact_mut(2);
        let mut count = 0;
        for (slot, pair) in room.zip(&mut pairs) {
            slot.copy_from_slice(&pair);
            count += 1;
        }
        count
    }
}

/// Memory of JavaScript's that small reads are made into.
pub(super) struct Scratch(RefCell<Uint8Array>);

impl Scratch {
    pub(super) fn new(memory: Uint8Array) -> Self {
        Self(RefCell::new(memory))
    }

    pub(super) fn lend<T>(&self, fill: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut memory = self.0.borrow_mut();
        // SAFETY: JavaScript, which reads the memory, runs on this thread and not now. It never transfers the array.
        fill(unsafe { memory.as_mut() })
    }
}
