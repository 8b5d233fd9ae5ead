//! Other people's clients, unmodified, against our node: slixmpp, go-sendxmpp and profanity.
//!
//! `cargo xtask test --only tools` installs them.

mod go_sendxmpp;
mod profanity;
mod slixmpp;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Output;

/// The folder with the clients' scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Where `cargo xtask test` puts what it installs for tests.
pub(crate) fn tools() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("tools")
}

fn assert_success(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what}: {}\n--- output\n{}\n--- errors\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
