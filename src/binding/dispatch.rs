//! The call that tells JavaScript of a batch of events.

use std::{cell::Cell, ptr};

use napi::{
    Env, JsValue,
    bindgen_prelude::{Function, FunctionRef, ToNapiValue},
    sys,
};

/// So few events are told in so little time that their answers can wait for the end of it.
pub(super) const FEW: u32 = 8;

/// The callback of one environment, called from its event loop.
pub(super) struct Dispatch {
    env: Env,
    function: FunctionRef<u32, ()>,
    context: sys::napi_async_context,
    /// Whether JavaScript is reading a batch.
    busy: Cell<bool>,
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
        Ok(Self { env, function: function.create_ref()?, context, busy: Cell::new(false) })
    }

    /// Begins to tell, unless JavaScript is being told: what is being read must not be overwritten.
    pub(super) fn begin(&self) -> Option<Busy<'_>> {
        (!self.busy.replace(true)).then_some(Busy(&self.busy))
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
            let mut thrown = false;
            if self.make_callback(pairs).is_err()
                && sys::napi_is_exception_pending(env, &raw mut thrown) == sys::Status::napi_ok
                && thrown
            {
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

/// JavaScript is being told, until this is dropped.
pub(super) struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and destroyed once.
        unsafe { sys::napi_async_destroy(self.env.raw(), self.context) };
    }
}
