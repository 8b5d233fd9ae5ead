//! What operators do with shadows: load, look at, arm, drop.

use std::sync::Arc;

use portcullis_config::{Config, ScriptSource};
use rules::{Ruleset, Source};

use super::{Shadow, ShadowReport};
use crate::firewall::Firewall;
use crate::firewall::load::{self, ScriptProblem, ScriptWarning};

/// A shadow to be loaded.
#[derive(Clone, Debug)]
pub struct ShadowOrder {
    /// The host whose traffic it sees.
    pub host: String,
    /// Its scripts, in order; without any, those that the configuration names, as they are on disk now.
    pub scripts: Vec<ScriptSource>,
    /// Whether samples hold the stanzas, and not only what addresses them.
    pub keeps_contents: bool,
}

/// What arming did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// The scripts that are in force now.
    pub scripts: Vec<String>,
    /// Those that the configuration names: a reload or a restart brings them back.
    pub configured: Vec<String>,
    /// Scripts that have changed on disk since they were loaded; what was watched is in force.
    pub changed_since: Vec<String>,
}

impl Armed {
    /// True if a reload takes over just what is in force now.
    pub fn is_permanent(&self) -> bool {
        self.scripts == self.configured && self.changed_since.is_empty()
    }
}

impl Firewall {
    /// Has scripts watch the traffic of a host, in place of those that watched it before. Reads files, so not on an
    /// arbiter with sessions.
    ///
    /// # Errors
    /// All that is wrong with the host or the scripts; then nothing changes.
    pub fn load_shadow(
        &self,
        config: &Config,
        order: ShadowOrder,
    ) -> Result<Vec<ScriptWarning>, Vec<ScriptProblem>> {
        let scripts = match order.scripts.is_empty() {
            true => configured(config, &order.host)?,
            false => configured(config, &order.host).map(|_| order.scripts)?,
        };
        if scripts.is_empty() {
            let reason = format!("{} has no scripts: name those to be tried", order.host);
            return Err(vec![ScriptProblem::new(reason)]);
        }
        let sources = load::read(&scripts)?;
        let mut branch = self.branch.lock();
        let files = &*self.files;
        let (ruleset, warnings) = load::compile_host(config, &order.host, &sources, files, None)?;
        let shadow = Shadow::new(sources, ruleset, order.keeps_contents);
        self.published
            .set_shadow(&order.host, Some(Arc::new(shadow)));
        files.forget_unused(&self.published.all());
        branch.follow(files);
        Ok(warnings)
    }

    /// Hosts that have a shadow, in order of their names.
    pub fn shadowed(&self) -> Vec<String> {
        let all = self.published.all();
        let mut hosts: Vec<String> = all
            .iter()
            .filter(|(_, rules)| rules.shadow().is_some())
            .map(|(host, _)| host.clone())
            .collect();
        hosts.sort_unstable();
        hosts
    }

    /// What the shadow of a host has found: at most `most` differences behind the first `after`.
    pub fn shadow_report(&self, host: &str, after: usize, most: usize) -> Option<ShadowReport> {
        let shadow = self.published.shadow(host)?;
        Some(shadow.report(after, most))
    }

    /// Puts the scripts of a shadow in force, as they were when it was loaded. What the rules in force keep goes on
    /// where its definition is the same. The shadow ends. `None` if the host has none. Reads files, so not on an
    /// arbiter with sessions.
    ///
    /// # Errors
    /// What the scripts name has become unusable meanwhile; then nothing changes.
    pub fn arm_shadow(
        &self,
        config: &Config,
        host: &str,
    ) -> Result<Option<Armed>, Vec<ScriptProblem>> {
        let mut branch = self.branch.lock();
        let Some(shadow) = self.published.shadow(host) else {
            return Ok(None);
        };
        let before = self.published.ruleset(host);
        let (sources, files) = (&shadow.sources, &*self.files);
        let (ruleset, _) = load::compile_host(config, host, sources, files, before.as_deref())?;
        self.published.arm(host, Arc::new(ruleset));
        self.texts.replace_of(host, sources);
        let armed = Armed {
            scripts: sources.iter().map(|source| source.name.clone()).collect(),
            configured: configured(config, host)?
                .iter()
                .map(ToString::to_string)
                .collect(),
            changed_since: changed(config, host, sources),
        };
        drop(shadow);
        files.forget_unused(&self.published.all());
        branch.follow(files);
        Ok(Some(armed))
    }

    /// Ends the shadow of a host; false if it has none. Waits for a reload that goes on and removes files, so not on an
    /// arbiter with sessions.
    pub fn drop_shadow(&self, host: &str) -> bool {
        let mut branch = self.branch.lock();
        let had_one = self.published.shadow(host).is_some();
        self.published.set_shadow(host, None);
        self.files.forget_unused(&self.published.all());
        branch.follow(&self.files);
        had_one
    }

    /// Hosts whose rules were armed and not read from the configuration since.
    pub fn armed(&self) -> Vec<String> {
        let all = self.published.all();
        let armed = all.iter().filter(|(_, rules)| rules.is_armed());
        let mut hosts: Vec<String> = armed.map(|(host, _)| host.clone()).collect();
        hosts.sort_unstable();
        hosts
    }
}

/// The scripts that the configuration names for a host.
fn configured(config: &Config, host: &str) -> Result<Vec<ScriptSource>, Vec<ScriptProblem>> {
    let found = config
        .hosts
        .iter()
        .find(|(domain, _)| domain.as_str() == host);
    match found {
        Some((_, host)) => Ok(host.scripts.clone()),
        None => {
            let reason = format!("{host} is no host of this node");
            Err(vec![ScriptProblem::new(reason)])
        }
    }
}

/// Names of the scripts whose text on disk is not that of `sources` any more.
fn changed(config: &Config, host: &str, sources: &[Source]) -> Vec<String> {
    let scripts = configured(config, host).unwrap_or_default();
    let is_changed = |source: &&Source| {
        let script = scripts
            .iter()
            .find(|script| script.to_string() == source.name);
        script.is_some_and(|script| {
            let read = load::read(std::slice::from_ref(script));
            !read.is_ok_and(|read| read.first().is_some_and(|now| now.text == source.text))
        })
    };
    let changed = sources.iter().filter(is_changed);
    changed.map(|source| source.name.clone()).collect()
}

impl Firewall {
    /// The rules in force of every host that has any, in order of their names.
    pub fn rulesets(&self) -> Vec<(String, Arc<Ruleset>)> {
        let all = self.published.all();
        let mut rulesets: Vec<_> = all
            .iter()
            .map(|(host, rules)| (host.clone(), Arc::clone(rules.ruleset())))
            .collect();
        rulesets.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        rulesets
    }
}
