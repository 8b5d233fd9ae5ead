//! `[firewall]`: the scripts that decide about every stanza.

use std::path::PathBuf;

/// Where a script comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptSource {
    /// A script that ships with the program, by its file name (`anti-spam.pfw`).
    Shipped(String),
    /// A file of the operator's.
    File(PathBuf),
}

/// Scripts for all hosts, and the bounds of what scripts use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallConfig {
    /// Scripts of every host, in order; already part of each host's list.
    pub scripts: Vec<ScriptSource>,
    /// Keys that one `%RATE` remembers for `LIMIT ... on` unless the rate names its own bound.
    pub multirate_cache_limit: usize,
}
