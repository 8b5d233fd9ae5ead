//! The node itself, built as a binary of this package so that tests find it beside them.

use std::process::ExitCode;

fn main() -> ExitCode {
    portcullis::run()
}
