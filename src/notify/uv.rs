//! libuv, as far as it is needed: its functions, found in the running process, and handles that close themselves.
//!
//! There are no headers and no link to libuv: Node exports its functions, and their signatures, like the numbers below,
//! are part of libuv's stable ABI (1.x). Sizes are asked for, and no field of a struct is touched.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    cell::{Cell, RefCell},
    ffi::{c_int, c_void},
    io,
    ptr::NonNull,
    rc::Rc,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicPtr, Ordering},
    },
};

use crate::{inject, panics::contained};

/// A libuv handle or loop. Never looked into.
pub(super) type Raw = *mut c_void;
pub(super) type Callback = unsafe extern "C" fn(Raw);
pub(super) type PollCallback = unsafe extern "C" fn(Raw, c_int, c_int);

/// The kinds of handles, by libuv's numbers.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Async = 1,
    Check = 2,
    Poll = 8,
    Prepare = 9,
    Timer = 13,
}

/// What a poll handle watches for.
pub(super) const READABLE: c_int = 1;
pub(super) const WRITABLE: c_int = 2;
pub(super) const PRIORITIZED: c_int = 8;

macro_rules! functions {
    ($($name:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the libuv in this process.
        pub(super) struct Uv {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Uv {
            fn find() -> Option<Self> {
                let process = libloading::os::unix::Library::this();
                Some(Self {
                    $($name: {
                        // SAFETY: libuv's ABI gives the function of this name this signature, and what a process
                        // exports stays as long as the process.
                        *unsafe { process.get(concat!($symbol, "\0").as_bytes()) }.ok()?
                    },)*
                })
            }
        }
    };
}

functions! {
    handle_size = "uv_handle_size": fn(c_int) -> usize;
    handle_set_data = "uv_handle_set_data": fn(Raw, *mut c_void);
    handle_get_data = "uv_handle_get_data": fn(Raw) -> *mut c_void;
    close = "uv_close": fn(Raw, Callback);
    refer = "uv_ref": fn(Raw);
    unref = "uv_unref": fn(Raw);
    poll_init = "uv_poll_init": fn(Raw, Raw, c_int) -> c_int;
    poll_start = "uv_poll_start": fn(Raw, c_int, PollCallback) -> c_int;
    poll_stop = "uv_poll_stop": fn(Raw) -> c_int;
    async_init = "uv_async_init": fn(Raw, Raw, Callback) -> c_int;
    async_send = "uv_async_send": fn(Raw) -> c_int;
    check_init = "uv_check_init": fn(Raw, Raw) -> c_int;
    check_start = "uv_check_start": fn(Raw, Callback) -> c_int;
    prepare_init = "uv_prepare_init": fn(Raw, Raw) -> c_int;
    prepare_start = "uv_prepare_start": fn(Raw, Callback) -> c_int;
    timer_init = "uv_timer_init": fn(Raw, Raw) -> c_int;
    timer_start = "uv_timer_start": fn(Raw, Callback, u64, u64) -> c_int;
}

impl Uv {
    /// The libuv of this process, if it has one.
    pub(super) fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(Self::find).as_ref()
    }
}

/// Makes a call of libuv. What the system says has a minus there.
pub(super) fn failing(point: &'static str, call: impl FnOnce() -> c_int) -> c_int {
    inject::system(point).map_or_else(|error| -error.raw_os_error().unwrap_or_default(), |()| call())
}

/// All handles of one loop: who waits for the last of them to be gone.
pub(super) struct Handles {
    pub(super) uv: &'static Uv,
    pub(super) raw: Raw,
    count: Cell<usize>,
    gone: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Handles {
    /// # Safety
    /// `raw` is the loop that the calling thread runs, and lives until the last handle is gone.
    pub(super) unsafe fn new(uv: &'static Uv, raw: Raw) -> Rc<Self> {
        Rc::new(Self { uv, raw, count: Cell::new(0), gone: RefCell::new(None) })
    }

    /// Calls `gone` once libuv has let go of every handle: at once, if there is none.
    pub(super) fn when_gone(&self, gone: impl FnOnce() + 'static) {
        *self.gone.borrow_mut() = Some(Box::new(gone));
        self.check_gone();
    }

    fn check_gone(&self) {
        if self.count.get() > 0 {
            return;
        }
        let gone = self.gone.borrow_mut().take();
        if let Some(gone) = gone {
            gone();
        }
    }
}

/// A handle and what belongs to it. Dropping it closes it: no callback but the last follows. The memory goes when libuv has let
/// go of it, which is later.
pub(super) struct Handle<T: 'static> {
    raw: Raw,
    payload: NonNull<Payload<T>>,
}

struct Payload<T> {
    value: T,
    layout: Layout,
    handles: Rc<Handles>,
}

/// libuv's structs hold pointers, integers and at most a double.
const ALIGNMENT: usize = 16;

impl<T: 'static> Handle<T> {
    /// # Errors
    /// What `init` says, as an error of the system.
    pub(super) fn new(
        handles: &Rc<Handles>,
        kind: Kind,
        value: T,
        init: impl FnOnce(&'static Uv, Raw, Raw) -> c_int,
    ) -> io::Result<Self> {
        let uv = handles.uv;
        // SAFETY: it takes any number of a kind.
        let size = unsafe { (uv.handle_size)(kind as c_int) };
        let layout = Layout::from_size_align(size, ALIGNMENT).map_err(io::Error::other)?;
        if size == 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // SAFETY: the size is above zero.
        let raw: Raw = unsafe { alloc_zeroed(layout) }.cast();
        if raw.is_null() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let result = init(uv, handles.raw, raw);
        if result < 0 {
            // SAFETY: allocated above; a handle whose init failed is not libuv's.
            unsafe { dealloc(raw.cast(), layout) };
            return Err(io::Error::from_raw_os_error(-result));
        }
        let payload = Box::new(Payload { value, layout, handles: Rc::clone(handles) });
        let payload = NonNull::from(Box::leak(payload));
        // SAFETY: the handle was initialised.
        unsafe { (uv.handle_set_data)(raw, payload.as_ptr().cast()) };
        handles.count.set(handles.count.get() + 1);
        Ok(Self { raw, payload })
    }

    /// For libuv's functions. Valid as long as `self`.
    pub(super) fn raw(&self) -> Raw {
        self.raw
    }

    pub(super) fn value(&self) -> &T {
        // SAFETY: the payload lives until the close callback, which comes after the drop of `self`. Only shared references
        // to it are ever made.
        unsafe { &self.payload.as_ref().value }
    }

    /// Runs a callback's work on what belongs to its handle.
    ///
    /// # Safety
    /// `raw` is what libuv has passed to a callback of a `Handle<T>`, other than the close callback.
    pub(super) unsafe fn called(raw: Raw, work: impl FnOnce(&T)) {
        // A panic would unwind into libuv.
        contained(|| {
            let Some(uv) = Uv::get() else { return };
            // SAFETY: `new` has set the data, and the payload lives until the close callback.
            let payload = unsafe { &*(uv.handle_get_data)(raw).cast::<Payload<T>>() };
            work(&payload.value);
        });
    }

    unsafe extern "C" fn closed(raw: Raw) {
        contained(|| {
            let Some(uv) = Uv::get() else { return };
            // SAFETY: `new` has leaked the box and set it as data; this callback is the last to see either, and comes once.
            let payload = unsafe { Box::from_raw((uv.handle_get_data)(raw).cast::<Payload<T>>()) };
            let Payload { value, layout, handles } = *payload;
            // SAFETY: allocated by `new` with this layout; libuv has let go of it.
            unsafe { dealloc(raw.cast(), layout) };
            contained(move || {
                inject::point("handle.closed");
                drop(value);
            });
            handles.count.set(handles.count.get() - 1);
            handles.check_gone();
        });
    }
}

impl<T: 'static> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: it is open, because only this closes it. The loop lives: it waits for its handles.
        unsafe {
            let uv = self.payload.as_ref().handles.uv;
            (uv.close)(self.raw, Self::closed);
        }
    }
}

/// Wakes a loop from any thread.
#[derive(Clone)]
// Not for atomicity, which is the lock's: a raw pointer may not go to another thread.
pub struct Waker(Arc<Mutex<AtomicPtr<c_void>>>);

impl Waker {
    pub(super) fn new(handle: Raw) -> Self {
        Self(Arc::new(Mutex::new(AtomicPtr::new(handle))))
    }

    /// Lets the loop go round once more. Does nothing after the loop has ended.
    pub fn wake(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let raw = handle.load(Ordering::Relaxed);
        if let (false, Some(uv)) = (raw.is_null(), Uv::get()) {
            // SAFETY: the one function that any thread may call. The handle is open: `forget` comes before its close, and
            // waits for the lock.
            unsafe { (uv.async_send)(raw) };
        }
    }

    /// To be called before the handle is closed.
    pub(super) fn forget(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handle.store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}
