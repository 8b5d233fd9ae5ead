//! What the configuration says about the language itself.

use crate::definitions::list::definition::WhenUnknown;
use crate::program::RunLimits;

/// A chain that the administrator has attached to server events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraChain {
    /// The name behind `::`.
    pub name: String,
    /// Names of the events that run it.
    pub events: Vec<String>,
    /// False for a kind of chain that does not exist here.
    pub is_event_chain: bool,
    /// It runs before the built-in chain of the same stanzas, and not after it.
    pub runs_before: bool,
}

/// Settings of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Keys that a limiter tracks if its definition does not say (`firewall_multirate_cache_limit`).
    pub limiter_entries: usize,
    /// Chains beside the built-in ones.
    pub extra_chains: Vec<ExtraChain>,
    /// Bounds of one evaluation.
    pub limits: RunLimits,
    /// Conditions, actions (both with blanks) and chains whose effect the caller can not carry out: a script that
    /// uses one is rejected.
    pub unsupported: Vec<&'static str>,
    /// Conditions that the configuration leaves without what they need, and what to set: a script that uses one is
    /// rejected with that advice.
    pub unconfigured: Vec<(&'static str, &'static str)>,
    /// What a condition on a list that has never been loaded comes to, unless the list says.
    pub when_unknown: WhenUnknown,
}

impl Options {
    /// What is to be done before scripts can use `name`.
    pub(crate) fn cure(&self, name: &str) -> Option<&'static str> {
        let found = self.unconfigured.iter().find(|(known, _)| *known == name);
        found.map(|(_, cure)| *cure)
    }

    pub(crate) fn supports(&self, name: &str) -> bool {
        !self.unsupported.contains(&name)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limiter_entries: 1000,
            extra_chains: Vec::new(),
            limits: RunLimits::default(),
            unsupported: Vec::new(),
            unconfigured: Vec::new(),
            when_unknown: WhenUnknown::default(),
        }
    }
}
