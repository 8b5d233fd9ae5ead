//! Messages of WebSocket, in and out.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_xmpp_fuzz::websocket::run(data));
