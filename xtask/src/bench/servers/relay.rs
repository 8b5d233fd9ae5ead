//! The bare relay.

use std::process::Command;

use super::{Addresses, Place, Setup};
use crate::bench::process::pinned;

pub(super) fn command(place: &Place, setup: &Setup, addresses: Addresses) -> Command {
    let mut command = pinned(setup.cores, place.programs.join("portcullis-relay"));
    command.args([
        "--plain",
        &addresses.plain.to_string(),
        "--direct",
        &addresses.direct.to_string(),
    ]);
    command
        .arg("--certificate")
        .arg(place.path("certificate.pem"))
        .arg("--key")
        .arg(place.path("key.pem"));
    if setup.fan_out {
        command.arg("--fan-out");
    }
    command
}
