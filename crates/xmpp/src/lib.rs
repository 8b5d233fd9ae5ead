//! (being built)

pub mod roster;
