//! The bodies of the fuzz targets, which the tests of `portcullis-xmpp` run as well.

pub mod bosh_body;
pub mod oracle;
pub mod stanza_writer;
pub mod stream_parser;
pub mod tree;
pub mod websocket;
