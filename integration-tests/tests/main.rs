//! One binary for all black-box tests; a module per feature.

mod login;
mod roster;
mod scram_tampering;
mod tls;
