//! `[firewall]`: the scripts that decide about every stanza.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::checker::{Checker, Section, found, locate_file, readable, text};
use crate::extra_chains::{self, ExtraChain};
use crate::http_lists::{self, HttpListsConfig};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

/// Where a script comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptSource {
    /// A script that ships with the program, by its file name (`anti-spam.pfw`).
    Shipped(String),
    /// A file of the operator's.
    File(PathBuf),
}

impl fmt::Debug for ScriptSource {
    /// As it is written in the configuration: this is what operators read of a change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for ScriptSource {
    /// A script by the name that operators give it: `shipped:NAME`, or else the path of a file as it stands.
    fn from(name: &P) -> Self {
        let name = name.as_ref();
        match name.to_str().and_then(|name| name.strip_prefix(SHIPPED)) {
            Some(shipped) => Self::Shipped(shipped.to_owned()),
            None => Self::File(name.to_owned()),
        }
    }
}

impl fmt::Display for ScriptSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped(name) => write!(f, "{SHIPPED}{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Scripts for all hosts, and the bounds of what scripts use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallConfig {
    /// Scripts of every host, in order; already part of each host's list.
    pub scripts: Vec<ScriptSource>,
    /// Keys that one `%RATE` remembers for `LIMIT ... on` unless the rate names its own bound.
    pub multirate_cache_limit: usize,
    /// Where `FROM COUNTRY` looks addresses up; scripts can not use it without.
    pub geoip_database: Option<PathBuf>,
    /// Chains beside the built-in ones, in the order of their names.
    pub extra_chains: Vec<ExtraChain>,
    /// What a condition comes to that asks a list which has never been loaded.
    pub when_unknown: WhenUnknown,
    /// How lists are fetched over http.
    pub http_lists: HttpListsConfig,
}

/// What a condition comes to that asks a list which has never been loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenUnknown {
    /// As if the list were empty.
    #[default]
    NotListed,
    /// As if everything were in the list.
    Listed,
    /// It does not hold, with `NOT` or without.
    Skip,
    /// It holds, with `NOT` or without.
    Match,
}

const SHIPPED: &str = "shipped:";

static SCRIPTS: Key = Key {
    name: "scripts",
    accepts: Accepts::List(
        "`.pfw` files, or `shipped:NAME` for a script that ships with the program",
    ),
    preset: Preset::Value("[]"),
    reload: Reload::Live,
    doc: "Scripts of every host, run in this order. A reload takes all of them or, if one is broken, \
          none: the last good ones stay in force.",
    example: "[\"shipped:anti-spam.pfw\", \"rules/local.pfw\"]",
};

static HOST_SCRIPTS: Key = Key {
    doc: "Scripts of this host alone, run in this order after those of `firewall.scripts`.",
    example: "[\"rules/example.com.pfw\"]",
    ..SCRIPTS
};

static MULTIRATE_CACHE_LIMIT: Key = Key {
    name: "multirate_cache_limit",
    accepts: Accepts::Integer(1, 100_000_000),
    preset: Preset::Value("1000"),
    reload: Reload::Live,
    doc: "Keys that one `%RATE` remembers for `LIMIT ... on`, unless the rate has `entries` of its own. \
          At the bound a new key counts as over the limit.",
    example: "",
};

static GEOIP_DATABASE: Key = Key {
    name: "geoip_database",
    accepts: Accepts::Path,
    preset: Preset::Unset("none, and scripts can not use `FROM COUNTRY`"),
    reload: Reload::Live,
    doc: "A country or city database in MaxMind's format (`.mmdb`), for `FROM COUNTRY`. It is held in memory; a \
          reload reads it again and, if it is broken, keeps the last good one.",
    example: "\"/var/lib/GeoIP/GeoLite2-Country.mmdb\"",
};

static WHEN_UNKNOWN: Key = Key {
    name: "when_unknown",
    accepts: Accepts::OneOf(&["not-listed", "listed", "skip", "match"], &[]),
    preset: Preset::Value("\"not-listed\""),
    reload: Reload::Live,
    doc: "What `CHECK LIST` and `SCAN` come to while a list over http has never been loaded, neither now nor \
          before the last restart. `not-listed`: as if it were empty, as mod_firewall has it; so a rule with `NOT` \
          matches. `listed`: as if everything were in it. `skip`: the condition does not hold, with `NOT` or \
          without, and the rule is skipped. `match`: it holds, with `NOT` or without. A list may have its own: \
          `%LIST name: https://... (when_unknown: skip)`.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "firewall",
    doc: "The scripts that decide about every stanza.",
    named: None,
    keys: &[
        &SCRIPTS,
        &MULTIRATE_CACHE_LIMIT,
        &GEOIP_DATABASE,
        &WHEN_UNKNOWN,
    ],
    tables: &[&extra_chains::SECTION, &http_lists::SECTION],
    later: &["shadow"],
};

pub(crate) static HOST_SECTION: SectionSpec = SectionSpec {
    name: "firewall",
    doc: "The scripts of one host.",
    named: None,
    keys: &[&HOST_SCRIPTS],
    tables: &[],
    later: &["when_unknown", "shadow", "extra_chains"],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> FirewallConfig {
    let section = root.child(SECTION.name);
    FirewallConfig {
        scripts: read_scripts(checker, &section, &SCRIPTS, &[]),
        multirate_cache_limit: checker.integer(&section, &MULTIRATE_CACHE_LIMIT),
        geoip_database: checker.file(&section, &GEOIP_DATABASE),
        extra_chains: extra_chains::read(checker, &section),
        when_unknown: match checker.word(&section, &WHEN_UNKNOWN).as_deref() {
            Some("listed") => WhenUnknown::Listed,
            Some("skip") => WhenUnknown::Skip,
            Some("match") => WhenUnknown::Match,
            _ => WhenUnknown::NotListed,
        },
        http_lists: http_lists::read(checker, &section),
    }
}

/// The global scripts, then those of one host.
pub(crate) fn read_host(
    checker: &mut Checker,
    host: &Section<'_>,
    global: &[ScriptSource],
) -> Vec<ScriptSource> {
    let section = host.child(HOST_SECTION.name);
    let own = read_scripts(checker, &section, &HOST_SCRIPTS, global);
    global.iter().cloned().chain(own).collect()
}

fn read_scripts(
    checker: &mut Checker,
    section: &Section<'_>,
    key: &'static Key,
    before: &[ScriptSource],
) -> Vec<ScriptSource> {
    let base = checker.base.clone();
    let read = checker.list(section, key, |node| {
        let text = text(node).filter(|text| !text.is_empty());
        let text =
            text.ok_or_else(|| format!("expected the path of a script, found {}", found(node)))?;
        let shipped = ScriptSource::from(text);
        if matches!(shipped, ScriptSource::Shipped(_)) {
            return Ok(shipped);
        }
        let path = locate_file(&base, &node.place, text);
        readable(&path)?;
        Ok(ScriptSource::File(path))
    });
    let scripts = read.unwrap_or_default();
    for (position, script) in scripts.iter().enumerate() {
        if before.contains(script) || scripts.iter().take(position).any(|other| other == script) {
            checker.refuse(
                section,
                key,
                format!("{script} would run twice: name it once"),
            );
        }
    }
    scripts
}
