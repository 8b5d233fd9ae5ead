//! `[firewall.http_lists]`: how lists of scripts are fetched over http.

use std::path::PathBuf;
use std::time::Duration;

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

/// Bounds of fetching lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpListsConfig {
    /// The wait after the first failure; 2 and 5 times as long after more of them.
    pub retry: Duration,
    /// Time until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// Time for a whole fetch, redirects included.
    pub timeout: Duration,
    /// Bytes of a body, as sent and unpacked.
    pub size: usize,
    /// Entries of a list.
    pub entries: usize,
    /// PEM file with certificates that list servers are trusted by, beside those of the system.
    pub ca: Option<PathBuf>,
}

static RETRY: Key = Key {
    name: "retry",
    accepts: Accepts::Duration(Duration::from_millis(100), Duration::from_secs(3600)),
    preset: Preset::Value("\"60s\""),
    reload: Reload::Live,
    doc: "Wait before a failed fetch is tried again; after the second failure in a row twice as long, from \
          the third on five times. Up to as much again is added at random, here and to a list's `ttl`, so that \
          lists do not come due together.",
    example: "",
};

static CONNECT_TIMEOUT: Key = Key {
    name: "connect_timeout",
    accepts: Accepts::Duration(Duration::from_millis(100), Duration::from_secs(300)),
    preset: Preset::Value("\"10s\""),
    reload: Reload::Live,
    doc: "Time until a connection to a list server stands, TLS included.",
    example: "",
};

static TIMEOUT: Key = Key {
    name: "timeout",
    accepts: Accepts::Duration(Duration::from_millis(100), Duration::from_secs(3600)),
    preset: Preset::Value("\"2m\""),
    reload: Reload::Live,
    doc: "Time for a whole fetch, with all redirects. A server that sends slower fails.",
    example: "",
};

static SIZE: Key = Key {
    name: "size",
    accepts: Accepts::Size(1024, 1 << 30),
    preset: Preset::Value("\"64MiB\""),
    reload: Reload::Live,
    doc: "Bytes that one list may have, as they are sent and again when they are unpacked. A longer one is \
          refused as a whole, and the copy before it stays.",
    example: "",
};

static ENTRIES: Key = Key {
    name: "entries",
    accepts: Accepts::Integer(1, 100_000_000),
    preset: Preset::Value("5000000"),
    reload: Reload::Live,
    doc: "Entries that one list may have. A longer one is refused as a whole, and the copy before it stays.",
    example: "",
};

static CA: Key = Key {
    name: "ca",
    accepts: Accepts::Path,
    preset: Preset::Unset("those of the system alone"),
    reload: Reload::Live,
    doc: "A PEM file with certificates that list servers are trusted by, beside those of the system. For list \
          servers of your own.",
    example: "\"certs/lists-ca.pem\"",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "http_lists",
    doc: "How lists of scripts (`%LIST name: https://...`) are fetched. The last good copy of each is kept in \
          `lists` in the data directory and used after a restart until the server answers.",
    named: None,
    keys: &[&RETRY, &CONNECT_TIMEOUT, &TIMEOUT, &SIZE, &ENTRIES, &CA],
    tables: &[],
    later: &["proxy"],
};

pub(crate) fn read(checker: &mut Checker, firewall: &Section<'_>) -> HttpListsConfig {
    let section = firewall.child(SECTION.name);
    HttpListsConfig {
        retry: checker.duration(&section, &RETRY),
        connect_timeout: checker.duration(&section, &CONNECT_TIMEOUT),
        timeout: checker.duration(&section, &TIMEOUT),
        size: checker.size(&section, &SIZE),
        entries: checker.integer(&section, &ENTRIES),
        ca: checker.file(&section, &CA),
    }
}
