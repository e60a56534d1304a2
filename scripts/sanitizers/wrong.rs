//! A program that does what has to be reported: else the sanitizer is not there, or what it says is not read.

use std::{hint::black_box, ptr, thread};

static mut SHARED: u32 = 0;

fn count() {
    for _ in 0..100_000 {
        unsafe { ptr::write_volatile(&raw mut SHARED, ptr::read_volatile(&raw const SHARED) + 1) };
    }
}

fn main() {
    match option_env!("WRONG") {
        Some("tsan") => {
            let other = thread::spawn(count);
            count();
            other.join().unwrap();
        }
        // On a thread that has ended: no register and no stack has its address any more.
        Some("lsan") => thread::spawn(|| _ = black_box(Box::leak(vec![7_u8; 4096].into_boxed_slice()))).join().unwrap(),
        _ => {
            let block = black_box(Box::into_raw(Box::new(7_u32)));
            drop(unsafe { Box::from_raw(block) });
            black_box(unsafe { ptr::read_volatile(block) });
        }
    }
}
