//! The rules that stanzas are decided by: replaced as a whole, read without waiting.

use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use rules::{Facts, Needs, NoFiles, Options, Outcome, Ruleset, compile};
use xmpp::Stanza;

use super::shadow::Shadow;

/// Rulesets by host.
pub(super) type Rulesets = AHashMap<String, Arc<Ruleset>>;

/// The rules of one host, with those on trial.
#[derive(Clone, Debug)]
pub struct HostRules {
    ruleset: Arc<Ruleset>,
    shadow: Option<Arc<Shadow>>,
    is_armed: bool,
}

impl HostRules {
    /// The rules in force.
    pub fn ruleset(&self) -> &Arc<Ruleset> {
        &self.ruleset
    }

    /// The rules on trial.
    pub(super) fn shadow(&self) -> Option<&Arc<Shadow>> {
        self.shadow.as_ref()
    }

    /// The rules in force and those on trial.
    pub(super) fn rulesets(&self) -> impl Iterator<Item = &Ruleset> {
        let shadow = self.shadow.as_ref().map(|shadow| &shadow.ruleset);
        std::iter::once(&*self.ruleset).chain(shadow)
    }

    /// Whether the rules in force were on trial, and not read from the configuration since.
    pub(super) fn is_armed(&self) -> bool {
        self.is_armed
    }

    /// True if no rule looks at the stanzas of the chain: running it can be left out.
    pub fn is_empty(&self, chain: &str) -> bool {
        let shadow = self.shadow.as_ref();
        self.ruleset.is_empty(chain) && shadow.is_none_or(|shadow| shadow.ruleset.is_empty(chain))
    }

    /// The facts that the chain may ask for.
    pub fn needs(&self, chain: &str) -> Needs {
        let needs = self.ruleset.needs(chain);
        match &self.shadow {
            None => needs,
            Some(shadow) => needs.union(shadow.ruleset.needs(chain)),
        }
    }

    /// The facts that any chain may ask for.
    pub fn all_needs(&self) -> Needs {
        self.rulesets()
            .map(Ruleset::all_needs)
            .fold(Needs::NONE, Needs::union)
    }

    /// The host whose rules these are.
    pub fn host(&self) -> &str {
        self.ruleset.host()
    }

    /// Runs a chain of the rules in force, whose outcome is to be carried out, and shows it to those on trial.
    pub(super) fn run(&self, chain: &str, stanza: &Stanza, facts: &dyn Facts) -> Outcome {
        let outcome = self.ruleset.run(chain, stanza, facts);
        self.watch(chain, stanza, facts, &outcome);
        outcome
    }

    /// Shows the outcome of a chain to the rules on trial, before it is carried out.
    pub(super) fn watch(&self, chain: &str, stanza: &Stanza, facts: &dyn Facts, outcome: &Outcome) {
        if let Some(shadow) = &self.shadow {
            shadow.watch(chain, stanza, facts, outcome);
        }
    }

    /// Rules with nothing in them.
    fn none(host: &str) -> Arc<Ruleset> {
        Arc::new(compile(host, &[], &Options::default(), &NoFiles, None).ruleset)
    }
}

/// What is published of each host.
pub(super) type Hosts = AHashMap<String, Arc<HostRules>>;

/// The rules of all hosts that have any. Whoever writes holds the lock of the firewall's branch.
#[derive(Debug, Default)]
pub(super) struct Published {
    hosts: ArcSwap<Hosts>,
}

impl Published {
    pub(super) fn rules(&self, host: &str) -> Option<Arc<HostRules>> {
        self.hosts.load().get(host).map(Arc::clone)
    }

    pub(super) fn ruleset(&self, host: &str) -> Option<Arc<Ruleset>> {
        let hosts = self.hosts.load();
        hosts.get(host).map(|rules| Arc::clone(&rules.ruleset))
    }

    pub(super) fn shadow(&self, host: &str) -> Option<Arc<Shadow>> {
        let hosts = self.hosts.load();
        hosts.get(host)?.shadow.as_ref().map(Arc::clone)
    }

    pub(super) fn all(&self) -> Arc<Hosts> {
        self.hosts.load_full()
    }

    /// Puts the rules of the configuration in force. What did not change goes on counting; shadows of hosts that are
    /// still there stay.
    pub(super) fn store(&self, rulesets: Rulesets, is_served: impl Fn(&str) -> bool) {
        let previous = self.all();
        let host = |ruleset, shadow| HostRules {
            ruleset,
            shadow,
            is_armed: false,
        };
        let mut hosts: Hosts = rulesets
            .into_iter()
            .map(|(name, ruleset)| {
                let rules = host(ruleset, self.shadow(&name));
                (name, Arc::new(rules))
            })
            .collect();
        for (name, rules) in previous.iter() {
            if let Some(shadow) = &rules.shadow
                && !hosts.contains_key(name)
                && is_served(name)
            {
                let rules = host(HostRules::none(name), Some(Arc::clone(shadow)));
                hosts.insert(name.clone(), Arc::new(rules));
            }
        }
        for (name, rules) in &hosts {
            // Here, so that what is counted until now is not lost.
            if let Some(before) = previous.get(name)
                && !Arc::ptr_eq(&before.ruleset, &rules.ruleset)
            {
                rules.ruleset.adopt_counts(&before.ruleset);
            }
        }
        self.hosts.store(Arc::new(hosts));
    }

    /// Gives a host a shadow, another one, or none.
    pub(super) fn set_shadow(&self, host: &str, shadow: Option<Arc<Shadow>>) {
        self.change(host, |rules| rules.shadow = shadow);
    }

    /// Puts rules that were on trial in force; the trial ends.
    pub(super) fn arm(&self, host: &str, ruleset: Arc<Ruleset>) {
        self.change(host, |rules| {
            ruleset.adopt_counts(&rules.ruleset);
            *rules = HostRules {
                ruleset,
                shadow: None,
                is_armed: true,
            };
        });
    }

    fn change(&self, host: &str, change: impl FnOnce(&mut HostRules)) {
        let mut hosts = Hosts::clone(&self.hosts.load());
        let mut rules = match hosts.get(host) {
            Some(rules) => HostRules::clone(rules),
            None => HostRules {
                ruleset: HostRules::none(host),
                shadow: None,
                is_armed: false,
            },
        };
        change(&mut rules);
        let is_idle = rules.shadow.is_none() && rules.ruleset.chains().next().is_none();
        match is_idle && !rules.is_armed {
            true => hosts.remove(host),
            false => hosts.insert(host.to_owned(), Arc::new(rules)),
        };
        self.hosts.store(Arc::new(hosts));
    }
}

/// Which object of the published rules an actor stands for. It is looked up for each report, so that a reload needs no
/// message and a restart loses nothing.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) published: Arc<Published>,
    pub(super) host: String,
    pub(super) script: String,
    pub(super) name: String,
}

impl Place {
    pub(super) fn ruleset(&self) -> Option<Arc<Ruleset>> {
        self.published.ruleset(&self.host)
    }

    /// Looks the object up among those of `keyword`.
    pub(super) fn object(&self, keyword: &str) -> Option<rules::definitions::Object> {
        let ruleset = self.ruleset()?;
        let entry = ruleset.objects().iter().find(|entry| {
            entry.name == self.name
                && *entry.script == *self.script
                && entry.object.keyword() == keyword
        })?;
        Some(entry.object.clone())
    }
}
