//! First bytes of a connection: however they arrive, the answer is the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_multiplex_fuzz::run(data));
