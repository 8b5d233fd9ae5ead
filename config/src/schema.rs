//! How a key is declared: name, accepted values, default, what a reload does with it, and its text.
//!
//! The checker, the reference and the commented example all work from these declarations.

use std::time::Duration;

use crate::value::{show_duration, show_size};

/// What a reload does with a changed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reload {
    /// It holds at once, also for what exists.
    Live,
    /// It holds for connections made from then on.
    NewConnections,
    /// The listening sockets concerned are opened anew; sessions stay.
    Rebind,
    /// It is refused until the node is restarted.
    Restart,
}

impl Reload {
    /// The class in words, as the reference has it.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Live => "at once",
            Self::NewConnections => "new connections",
            Self::Rebind => "listening sockets are reopened",
            Self::Restart => "needs a restart",
        }
    }
}

/// The values a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Accepts {
    Boolean,
    Integer(u64, u64),
    Duration(Duration, Duration),
    Size(usize, usize),
    Rate,
    ByteRate,
    /// Words that work now, and words of later versions.
    OneOf(&'static [&'static str], &'static [&'static str]),
    /// A list of such words.
    ListOf(&'static [&'static str]),
    Path,
    /// Text, described.
    Text(&'static str),
    /// A list, its items described.
    List(&'static str),
}

impl Accepts {
    /// The accepted values in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Integer(least, most) => format!("an integer from {least} to {most}"),
            Self::Duration(least, most) => {
                let (least, most) = (show_duration(*least), show_duration(*most));
                format!(
                    "a duration from {least} to {most}, such as \"30s\", \"5m\" or whole seconds"
                )
            }
            Self::Size(least, most) => {
                let (least, most) = (show_size(*least), show_size(*most));
                format!("a size from {least} to {most}, such as \"64KiB\", \"10kB\" or whole bytes")
            }
            Self::Rate => "a rate such as \"3/h\" or \"120/m\"".to_owned(),
            Self::ByteRate => {
                "bytes per second such as \"10KiB/s\", \"10kB/s\" or \"10kb/s\" (1000 bytes), or \"off\"".to_owned()
            }
            Self::OneOf(now, _) => one_of(now),
            Self::ListOf(words) => format!("a list of {}", one_of(words)),
            Self::Path => "a path".to_owned(),
            Self::Text(what) => (*what).to_owned(),
            Self::List(what) => format!("a list of {what}"),
        }
    }
}

pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// What holds when a key is absent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Preset {
    /// This value, as TOML.
    Value(&'static str),
    /// No value, with this meaning.
    Unset(&'static str),
    /// The key must be there.
    Required,
}

/// One key of a section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) accepts: Accepts,
    pub(crate) preset: Preset,
    pub(crate) reload: Reload,
    /// Sentences in Markdown, without the default and the range.
    pub(crate) doc: &'static str,
    /// An example value as TOML, for keys without a default.
    pub(crate) example: &'static str,
}

/// One table, or every table under a name.
#[derive(Debug)]
pub(crate) struct SectionSpec {
    /// Its key in the table above it.
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// `Some` with an example of a name where the tables below have names of the operator's choice.
    pub(crate) named: Option<&'static str>,
    pub(crate) keys: &'static [&'static Key],
    pub(crate) tables: &'static [&'static SectionSpec],
    /// Names that a later version will know.
    pub(crate) later: &'static [&'static str],
}

/// The whole configuration.
pub(crate) static ROOT: SectionSpec = SectionSpec {
    name: "",
    doc: "",
    named: None,
    keys: &[],
    tables: &[
        &crate::node::SECTION,
        &crate::network::SECTION,
        &crate::tls::SECTION,
        &crate::acme::SECTION,
        &crate::listener::SECTION,
        &crate::host::DEFAULTS,
        &crate::host::SECTION,
        &crate::component::SECTION,
        &crate::http::SECTION,
        &crate::storage::SECTION,
        &crate::authentication::SECTION,
        &crate::firewall::SECTION,
        &crate::limits::SECTION,
        &crate::logging::SECTION,
    ],
    later: &["console", "metrics", "bus", "cluster", "archive", "rooms"],
};
