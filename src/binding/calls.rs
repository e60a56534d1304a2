//! The calls that are made for every chunk: plain functions over an id, straight on Node-API. A generated function costs three
//! times as much, a class method forty times. They never throw: a result below zero says what to do.

use std::{ffi::CStr, ptr};

use napi::{Env, JsValue, bindgen_prelude::Object, sys};

use super::{entries::with_entry, host::Host};
use crate::{
    connection::{Progress, Turn},
    inject,
    notify::Interest,
    panics::caught,
};

/// Nothing now: an event will come.
const WAIT: i32 = -1;
/// It broke: `Socket.failure()` says why.
const FAILED: i32 = -2;
/// The peer has ended its side.
const END: i32 = -3;
/// What one call of `write` takes at most: its result has to fit.
const WRITE_MAX: usize = 1 << 30;

/// The arguments of one call.
struct Arguments {
    env: sys::napi_env,
    values: [sys::napi_value; 4],
    count: usize,
}

impl Arguments {
    /// # Safety
    /// Both are what Node-API has passed to a callback, which has not returned.
    unsafe fn of(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut values = [ptr::null_mut(); 4];
        let mut count = values.len();
        // SAFETY: the caller's promise; there is room for as many as `count` says. Missing ones are `undefined`.
        unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                values.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
        Self { env, values, count }
    }

    fn number(&self, index: usize) -> u32 {
        let mut number = 0;
        // SAFETY: values of the running call. What is no number leaves the 0, which is nobody's id.
        unsafe { sys::napi_get_value_uint32(self.env, self.values[index], &raw mut number) };
        number
    }

    /// The memory of a `Uint8Array`. Anything else has none.
    fn bytes(&self, index: usize) -> (*mut u8, usize) {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: values of the running call. If it is not a typed array the call fails, and nothing is written.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.values[index],
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let is_bytes = status == sys::Status::napi_ok && kind == sys::TypedarrayType::uint8_array;
        if is_bytes && !data.is_null() {
            (data.cast(), length)
        } else {
            (ptr::NonNull::dangling().as_ptr(), 0)
        }
    }
}

fn code(progress: &Progress) -> i32 {
    match progress {
        Progress::Done(count) => i32::try_from(*count).unwrap_or(i32::MAX),
        Progress::Wait => WAIT,
        Progress::Failed => FAILED,
        Progress::End => END,
    }
}

fn read(arguments: &Arguments) -> i32 {
    with_entry("calls.read", arguments.number(0), None, |entry| {
        let progress = if arguments.count < 2 {
            entry.host.scratch.lend(|scratch| entry.connection.read(scratch))
        } else {
            let (data, length) = arguments.bytes(1);
            // SAFETY: the array lives as long as this call, in which no JavaScript runs, so nothing else reads or writes its memory.
            // Arrays over shared memory do not get here: the TypeScript layer allocates them, or they were transferred.
            entry.connection.read(unsafe { std::slice::from_raw_parts_mut(data, length) })
        };
        code(&progress)
    })
    .unwrap_or(FAILED)
}

fn write(arguments: &Arguments) -> i32 {
    let (id, offset) = (arguments.number(0), arguments.number(2) as usize);
    let (data, length) = arguments.bytes(1);
    // SAFETY: as in `read`; what is written is only looked at.
    let data = unsafe { std::slice::from_raw_parts(data.cast_const(), length) };
    let Some(rest) = data.get(offset..) else { return FAILED };
    let part = &rest[..rest.len().min(WRITE_MAX)];
    with_entry("calls.write", id, None, |entry| {
        let before = entry.connection.is_staged();
        let turn = entry.host.turn();
        let turn = if arguments.count > 3 { turn.map(Turn::at_once) } else { turn };
        let progress = entry.connection.write(part, turn);
        if !before && entry.connection.is_staged() {
            entry.host.turns.flush_later(id);
        }
        if progress == Progress::Done(part.len()) && part.len() < rest.len() {
            entry.connection.watch(Interest::Writable);
        }
        code(&progress)
    })
    .unwrap_or(FAILED)
}

fn peek(arguments: &Arguments) -> i32 {
    with_entry("calls.peek", arguments.number(0), None, |entry| code(&entry.connection.peek()))
        .unwrap_or(FAILED)
}

fn shutdown(arguments: &Arguments) -> i32 {
    with_entry("calls.shutdown", arguments.number(0), None, |entry| code(&entry.connection.shutdown()))
        .unwrap_or(FAILED)
}

fn watch(arguments: &Arguments) -> i32 {
    let interest = match arguments.number(1) {
        0 => Interest::Readable,
        1 => Interest::Writable,
        _ => Interest::Broken,
    };
    with_entry("calls.watch", arguments.number(0), None, |entry| entry.connection.watch(interest));
    0
}

fn flush(arguments: &Arguments) -> i32 {
    inject::point("calls.flush");
    if let Some(host) = Host::of(arguments.number(0)) {
        host.turns.end_all();
    }
    0
}

/// A callback of Node-API that makes one of these calls.
macro_rules! callback {
    ($call:ident) => {{
        unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
            // SAFETY: both come from Node-API, for this call.
            let arguments = unsafe { Arguments::of(env, info) };
            // A panic would unwind into Node.
            let result = caught(|| $call(&arguments)).unwrap_or(FAILED);
            let mut value = ptr::null_mut();
            // SAFETY: the environment runs this call. Without a value the result is `undefined`.
            unsafe { sys::napi_create_int32(env, result, &raw mut value) };
            value
        }
        callback
    }};
}

/// An object with the calls.
pub(super) fn object(env: Env) -> napi::Result<Object<'static>> {
    let calls: [(&CStr, sys::napi_callback); 6] = [
        (c"read", Some(callback!(read))),
        (c"peek", Some(callback!(peek))),
        (c"write", Some(callback!(write))),
        (c"shutdown", Some(callback!(shutdown))),
        (c"watch", Some(callback!(watch))),
        (c"flush", Some(callback!(flush))),
    ];
    let object = Object::new(&env)?;
    for (name, call) in calls {
        let mut function = ptr::null_mut();
        // SAFETY: the name ends with a zero and lives for ever, and the callback needs no data. Both calls are checked.
        let status = unsafe {
            let length = name.count_bytes().cast_signed();
            let made = sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                length,
                call,
                ptr::null_mut(),
                &raw mut function,
            );
            if made == sys::Status::napi_ok {
                sys::napi_set_named_property(env.raw(), object.raw(), name.as_ptr(), function)
            } else {
                made
            }
        };
        if status != sys::Status::napi_ok {
            return Err(napi::Error::from_reason("a function could not be made"));
        }
    }
    Ok(object)
}
