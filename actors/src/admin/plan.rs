//! What a changed configuration touches, as operators are shown it.

use serde::{Deserialize, Serialize};

/// What a reload would do; empty when it would change nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Keys, in order of path.
    pub keys: Vec<KeyChange>,
    /// Every listener, in order of name, those that stay as they are included.
    pub listeners: Vec<ListenerChange>,
    /// Hosts, in order of name.
    pub hosts: Vec<NamedChange>,
    /// Components, in order of domain.
    pub components: Vec<NamedChange>,
    /// Scripts whose text is another.
    pub scripts: Vec<ScriptChange>,
    /// Certificates of files that are others.
    pub certificates: Vec<CertificateChange>,
    /// What would be in force but looks like a mistake, each one line.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Whether a reload would leave everything as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            keys,
            listeners,
            hosts,
            components,
            scripts,
            certificates,
            warnings: _,
        } = self;
        keys.is_empty()
            && listeners.iter().all(ListenerChange::is_kept)
            && hosts.is_empty()
            && components.is_empty()
            && scripts.is_empty()
            && certificates.is_empty()
    }

    /// What changes, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = named("host", &self.hosts, "removed, its sessions end");
        lines.extend(named(
            "component",
            &self.components,
            "removed, its stream ends",
        ));
        for listener in &self.listeners {
            let fate = match listener.fate {
                Fate::Added => "added",
                Fate::Removed => "closed, its sessions go on",
                Fate::Changed | Fate::Kept => continue,
            };
            lines.push(format!("listener {}: {fate}", listener.name));
        }
        lines.extend(self.sockets(|fate| !matches!(fate, SocketFate::Kept | SocketFate::Drained)));
        for ScriptChange { host, script, fate } in &self.scripts {
            lines.push(format!("script {script} of {host}: {}", fate.word()));
        }
        lines.extend(self.certificates.iter().map(CertificateChange::line));
        // A table that is new or gone has one line above and not one for each of its keys.
        let keys = self.keys.iter().filter(|key| !key.is_of_whole_table());
        lines.extend(keys.map(KeyChange::line));
        lines
    }

    /// The listening sockets that stay as they are, one line each.
    #[must_use]
    pub fn kept(&self) -> Vec<String> {
        self.sockets(|fate| matches!(fate, SocketFate::Kept | SocketFate::Drained))
            .collect()
    }

    fn sockets(&self, chosen: fn(SocketFate) -> bool) -> impl Iterator<Item = String> {
        let of_listener = move |listener: &ListenerChange| {
            let sockets = listener.sockets.iter().filter(|socket| chosen(socket.fate));
            let line = |socket: &SocketChange| {
                let fate = socket.fate.word();
                format!("listener {}: {} {fate}", listener.name, socket.bind)
            };
            sockets.map(line).collect::<Vec<_>>()
        };
        self.listeners.iter().flat_map(of_listener)
    }
}

/// One line for each host or component that is new or gone; what changes of others is said by their keys.
fn named(kind: &str, changes: &[NamedChange], removed: &str) -> Vec<String> {
    let line = |change: &NamedChange| {
        let fate = match change.fate {
            Fate::Added => "added",
            Fate::Removed => removed,
            Fate::Changed | Fate::Kept => return None,
        };
        Some(format!("{kind} {}: {fate}", change.name))
    };
    changes.iter().filter_map(line).collect()
}

/// One key that has another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// Its path.
    pub path: String,
    /// The value in force; `None` where its table is new.
    pub old: Option<String>,
    /// The value to come; `None` where its table is gone.
    pub new: Option<String>,
    /// When it holds: the reload class of the reference, in words.
    pub holds: String,
}

impl KeyChange {
    /// Both values in words.
    #[must_use]
    pub fn values(&self) -> String {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{old} becomes {new}"),
            (None, Some(new)) => format!("{new}, it was not set"),
            (Some(old), None) => format!("no longer {old}"),
            (None, None) => "changed".to_owned(),
        }
    }

    fn line(&self) -> String {
        format!("{}: {} ({})", self.path, self.values(), self.holds)
    }

    /// Whether it is of a host, component or listener that is new or gone.
    fn is_of_whole_table(&self) -> bool {
        let is_whole = self.old.is_none() || self.new.is_none();
        let mut tables = ["host.", "component.", "listener."].iter();
        is_whole && tables.any(|table| self.path.starts_with(table))
    }
}

/// What becomes of something that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It follows other settings.
    Changed,
    /// It stays as it is.
    Kept,
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Kept => "kept",
        }
    }
}

/// What becomes of one listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketFate {
    /// The same socket listens on.
    Kept,
    /// There was none.
    Opened,
    /// There is none any more.
    Closed,
    /// Another socket takes its place.
    Reopened,
    /// It is closed, for its listener is drained, and stays so.
    Drained,
}

impl SocketFate {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Drained => "stays closed, it is drained",
        }
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerChange {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Its sockets, in the order in which they are named.
    pub sockets: Vec<SocketChange>,
}

impl ListenerChange {
    /// Whether it stays as it is, with all its sockets.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        let stays =
            |socket: &SocketChange| matches!(socket.fate, SocketFate::Kept | SocketFate::Drained);
        self.fate == Fate::Kept && self.sockets.iter().all(stays)
    }
}

/// One socket of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketChange {
    /// As it is written in `bind`.
    pub bind: String,
    /// What becomes of it.
    pub fate: SocketFate,
}

/// A host or a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedChange {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// A script of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptChange {
    /// The host.
    pub host: String,
    /// The script, as it is configured.
    pub script: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// What clients are shown at one place of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateChange {
    /// Where the configuration names it.
    pub section: String,
    /// SHA-256 of the certificate in use, in hexadecimal.
    pub old: Option<String>,
    /// SHA-256 of the one to come.
    pub new: Option<String>,
}

impl CertificateChange {
    fn line(&self) -> String {
        let short = |print: &String| print.get(..16).unwrap_or(print).to_owned();
        let change = match (self.old.as_ref().map(short), self.new.as_ref().map(short)) {
            (Some(old), Some(new)) => format!("SHA-256 {old} becomes {new}"),
            (None, Some(new)) => format!("SHA-256 {new}, there was none"),
            (Some(old), None) => format!("no longer SHA-256 {old}"),
            (None, None) => "none".to_owned(),
        };
        format!(
            "certificate of {}: {change} (new connections)",
            self.section
        )
    }
}
