//! Scripts and a world for trying rules out without a node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use actors::firewall::{Input, compile_alone};
use anyhow::{Context as _, Result, bail};
use portcullis_config::{Config, ScriptSource};
use rules::context::{Context, Place};
use rules::{Ruleset, Timestamp};

use crate::cli::{EXIT_CONFIG, Refused};
use crate::output;

/// Sessions that stanzas may bring into being before they are forgotten, with their marks.
const MAX_SESSIONS: usize = 10_000;

/// Rules and the world around them.
pub(super) struct Trial<'c> {
    config: &'c Config,
    scripts: Option<Vec<ScriptSource>>,
    /// The world; its clock is set before each stanza, unless the context says what time it is.
    pub(super) context: Context,
    has_clock: bool,
    sessions: BTreeMap<String, rules::world::Session>,
    rulesets: BTreeMap<String, Ruleset>,
}

impl<'c> Trial<'c> {
    /// `files` are scripts or `shipped:NAME`, in order; without any those of the configuration. `context` is a file
    /// that says what the world is like; local hosts are those of the configuration unless it names others.
    pub(super) fn new(
        config: &'c Config,
        files: &[PathBuf],
        context: Option<&Path>,
    ) -> Result<Self> {
        let hosts = config.hosts.keys().map(|host| host.as_str().to_owned());
        let mut world = Context::for_hosts(hosts);
        let before = now();
        world.world.now = before;
        if let Some(path) = context {
            read_context(&mut world, path)?;
        }
        let scripts = (!files.is_empty()).then(|| files.iter().map(ScriptSource::from).collect());
        Ok(Self {
            config,
            scripts,
            has_clock: world.world.now != before,
            sessions: world.world.sessions.clone(),
            context: world,
            rulesets: BTreeMap::new(),
        })
    }

    /// Makes the world ready for another stanza.
    pub(super) fn next(&mut self) {
        if !self.has_clock {
            self.context.world.now = now();
        }
        if self.context.world.sessions.len() > self.sessions.len() + MAX_SESSIONS {
            self.context.world.sessions = self.sessions.clone();
        }
    }

    /// The rules of a host, compiled when they are asked for first.
    pub(super) fn load(&mut self, host: &str) -> Result<()> {
        if self.rulesets.contains_key(host) {
            return Ok(());
        }
        let ruleset = match compile_alone(self.config, host, self.scripts.as_deref()) {
            Ok((ruleset, warnings)) => {
                // Every host has the same: once is enough.
                if self.rulesets.is_empty() {
                    warnings
                        .iter()
                        .for_each(|warning| output::problem(&warning.to_string()));
                }
                ruleset
            }
            Err(problems) => {
                let problems = problems.iter().map(ToString::to_string).collect();
                return Err(Refused {
                    problems,
                    status: EXIT_CONFIG,
                }
                .into());
            }
        };
        let unknown = self.context.bind(&ruleset);
        if let Some(mistake) = unknown.first() {
            bail!("context: {}", mistake.headline("line"));
        }
        self.rulesets.insert(host.to_owned(), ruleset);
        Ok(())
    }

    /// The rules of a host that [`Self::load`] has loaded.
    pub(super) fn ruleset(&self, host: &str) -> Result<&Ruleset> {
        self.rulesets
            .get(host)
            .context("the rules of this host are not loaded")
    }

    /// Refuses a chain that no loaded script of the host has rules in: it is misspelt.
    pub(super) fn expect_chain(&self, host: &str, chain: &str) -> Result<()> {
        let ruleset = self.ruleset(host)?;
        if !ruleset.is_empty(chain) {
            return Ok(());
        }
        let there: Vec<_> = ruleset.chains().collect();
        bail!(
            "no script has rules in the chain {chain}; there are rules in: {}",
            there.join(", ")
        )
    }

    /// Where the stanza comes from and which rules it meets, by the context; the stanza becomes what they see.
    pub(super) fn place(&mut self, input: &mut Input) -> Place {
        self.context.place(&mut input.stanza)
    }
}

fn read_context(context: &mut Context, path: &Path) -> Result<()> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} can not be read"))?;
    let mistakes = context.read(&text);
    if mistakes.is_empty() {
        return Ok(());
    }
    let problems = mistakes
        .iter()
        .map(|mistake| mistake.render(&name, &text))
        .collect();
    Err(Refused {
        problems,
        status: EXIT_CONFIG,
    }
    .into())
}

/// The time by the clock on the wall: the world of a trial knows no time zones.
fn now() -> Timestamp {
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let offset = jiff::tz::TimeZone::system()
        .to_offset(jiff::Timestamp::try_from(now).unwrap_or_default())
        .seconds();
    let nanoseconds = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanoseconds(nanoseconds.saturating_add(i64::from(offset) * 1_000_000_000))
}
