//! What is written is parsed back unchanged.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_xmpp_fuzz::stanza_writer::run(data));
