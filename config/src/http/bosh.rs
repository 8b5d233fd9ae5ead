//! `[http.bosh]`: streams over requests that are held.

use std::time::Duration;

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

/// Bounds of BOSH sessions (XEP-0124).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoshConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// How long a request is held at most.
    pub wait_max: Duration,
    /// Requests held at a time at most.
    pub hold_max: u32,
    /// How long a client may have no request pending.
    pub inactivity: Duration,
    /// How long a client may pause at most.
    pub pause_max: Duration,
    /// Sessions of the node.
    pub max_sessions: u32,
}

const HOUR: Duration = Duration::from_secs(3600);

static ENABLED: Key = Key {
    name: "enabled",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::NewConnections,
    doc: "Streams over BOSH at `/http-bind`.",
    example: "",
};

static WAIT_MAX: Key = Key {
    name: "wait_max",
    accepts: Accepts::Duration(Duration::from_secs(1), HOUR),
    preset: Preset::Value("\"2m\""),
    reload: Reload::NewConnections,
    doc: "How long a request is held, unless the client wants its answer earlier. A proxy in front of the node has to \
          wait for longer than this.",
    example: "",
};

static HOLD_MAX: Key = Key {
    name: "hold_max",
    accepts: Accepts::Integer(0, 8),
    preset: Preset::Value("1"),
    reload: Reload::NewConnections,
    doc: "Requests of one session that are held at a time, unless the client wants fewer. It may have one more under \
          way. 0: clients have to ask again and again.",
    example: "",
};

static INACTIVITY: Key = Key {
    name: "inactivity",
    accepts: Accepts::Duration(Duration::from_secs(1), HOUR),
    preset: Preset::Value("\"60s\""),
    reload: Reload::NewConnections,
    doc: "How long a client may have no request pending before its session ends, as that of a client whose \
          connection broke does.",
    example: "",
};

static PAUSE_MAX: Key = Key {
    name: "pause_max",
    accepts: Accepts::Duration(Duration::from_secs(1), HOUR),
    preset: Preset::Value("\"2m\""),
    reload: Reload::NewConnections,
    doc: "How long a client that asks for it may have no request pending, as while a page is loaded anew.",
    example: "",
};

static MAX_SESSIONS: Key = Key {
    name: "max_sessions",
    accepts: Accepts::Integer(1, 1_000_000),
    preset: Preset::Value("8192"),
    reload: Reload::Live,
    doc: "BOSH sessions of the node; at the bound a client that asks for one reads 503. Each also counts as a \
          connection of the listener that it was asked of.",
    example: "",
};

pub(super) static SECTION: SectionSpec = SectionSpec {
    name: "bosh",
    doc: "Streams over requests that are held until there is something to say (BOSH, XEP-0124 and XEP-0206).",
    named: None,
    keys: &[
        &ENABLED,
        &WAIT_MAX,
        &HOLD_MAX,
        &INACTIVITY,
        &PAUSE_MAX,
        &MAX_SESSIONS,
    ],
    tables: &[],
    later: &[],
};

pub(super) fn read(checker: &mut Checker, http: &Section<'_>) -> BoshConfig {
    let section = http.child(SECTION.name);
    BoshConfig {
        enabled: checker.boolean(&section, &ENABLED),
        wait_max: checker.duration(&section, &WAIT_MAX),
        hold_max: checker.integer(&section, &HOLD_MAX),
        inactivity: checker.duration(&section, &INACTIVITY),
        pause_max: checker.duration(&section, &PAUSE_MAX),
        max_sessions: checker.integer(&section, &MAX_SESSIONS),
    }
}
