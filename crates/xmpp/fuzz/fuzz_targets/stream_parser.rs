//! Streams of a peer: any split says the same, and rxml agrees.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_xmpp_fuzz::stream_parser::run(data));
