//! Bodies of BOSH requests: rxml agrees on what they bring.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_xmpp_fuzz::bosh_body::run(data));
