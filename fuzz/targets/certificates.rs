#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wintersock_fuzz::run("certificates", data));
