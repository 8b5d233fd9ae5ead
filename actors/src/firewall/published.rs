//! The rules that stanzas are decided by: replaced as a whole, read without waiting.

use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use rules::Ruleset;

/// Rulesets by host.
pub(super) type Rulesets = AHashMap<String, Arc<Ruleset>>;

/// The rules of all hosts that have any.
#[derive(Debug, Default)]
pub(super) struct Published {
    hosts: ArcSwap<Rulesets>,
}

impl Published {
    pub(super) fn ruleset(&self, host: &str) -> Option<Arc<Ruleset>> {
        self.hosts.load().get(host).map(Arc::clone)
    }

    pub(super) fn all(&self) -> Arc<Rulesets> {
        self.hosts.load_full()
    }

    /// Puts the rules in force. What did not change goes on counting.
    pub(super) fn store(&self, hosts: Rulesets) {
        let previous = self.hosts.swap(Arc::new(hosts));
        for (host, ruleset) in self.all().iter() {
            if let Some(before) = previous.get(host)
                && !Arc::ptr_eq(before, ruleset)
            {
                ruleset.adopt_counts(before);
            }
        }
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
