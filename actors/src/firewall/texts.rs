//! What the scripts in force say, as far as it takes to tell whether they are others on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};

use parking_lot::Mutex;
use portcullis_config::{Config, ScriptSource};
use rules::Source;

use super::load;
use crate::admin::protocol::{Fate, ScriptChange};

/// A print of the text of each script, by host and script. As many as the configuration names.
pub(super) type Prints = BTreeMap<(String, String), u64>;

/// The prints of the scripts in force.
#[derive(Debug)]
pub(super) struct Texts(Mutex<Prints>);

impl Texts {
    pub(super) fn new(prints: Prints) -> Self {
        Self(Mutex::new(prints))
    }

    pub(super) fn replace(&self, prints: Prints) {
        *self.0.lock() = prints;
    }

    /// Other scripts are in force for one host.
    pub(super) fn replace_of(&self, host: &str, sources: &[Source]) {
        let mut known = self.0.lock();
        known.retain(|(of, _), _| of != host);
        known.extend(prints(host, sources));
    }

    /// What is to be in force with `config` and what is. A script that can not be read counts as changed.
    pub(super) fn changes(&self, config: &Config) -> Vec<ScriptChange> {
        let mut wanted: BTreeMap<(String, String), Option<u64>> = BTreeMap::new();
        for (domain, host) in &config.hosts {
            for script in &host.scripts {
                let key = (domain.to_string(), script.to_string());
                wanted.insert(key, print_of(script));
            }
        }
        let known = self.0.lock();
        let keys: BTreeSet<_> = known.keys().chain(wanted.keys()).collect();
        let change = |key: &(String, String)| {
            let fate = match (known.get(key), wanted.get(key)) {
                (Some(old), Some(Some(new))) if old == new => return None,
                (Some(_), Some(_)) => Fate::Changed,
                (Some(_), None) => Fate::Removed,
                (None, _) => Fate::Added,
            };
            let (host, script) = key.clone();
            Some(ScriptChange { host, script, fate })
        };
        keys.into_iter().filter_map(change).collect()
    }
}

pub(super) fn prints<'a>(
    host: &'a str,
    sources: &'a [Source],
) -> impl Iterator<Item = ((String, String), u64)> + 'a {
    let print = move |source: &Source| {
        let key = (host.to_owned(), source.name.clone());
        (key, print(&source.text))
    };
    sources.iter().map(print)
}

fn print_of(script: &ScriptSource) -> Option<u64> {
    load::text_of(script).ok().map(|text| print(&text))
}

fn print(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish()
}
