#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acebase_ipc_fuzz::hubs(data));
