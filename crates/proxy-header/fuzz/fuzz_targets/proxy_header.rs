//! Headers of a proxy: however they arrive, the answer is the same, and it is bounded.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_proxy_header_fuzz::run(data));
