//! Reads the keys of a section, with their defaults, into typed values.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::diff::Setting;
use crate::problem::{KeyPath, Place, Problems};
use crate::schema::{Accepts, Key, Preset, one_of};
use crate::suggest;
use crate::tree::{Node, Places, Value, locate, parse_value};
use crate::value::{Rate, parse_duration, parse_rate, parse_size};

/// One table of the merged configuration; an absent one has no keys.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    pub(crate) path: KeyPath,
    pub(crate) place: Place,
    table: Option<&'a BTreeMap<String, Node>>,
    /// Where a key is looked up next: `[host_defaults]` for a host.
    inherited: Option<&'a BTreeMap<String, Node>>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(table: &'a BTreeMap<String, Node>) -> Self {
        Self {
            path: KeyPath::default(),
            place: Place::BuiltIn,
            table: Some(table),
            inherited: None,
        }
    }

    /// The table under `name`, with what it inherits.
    pub(crate) fn child(&self, name: &str) -> Self {
        let node = self.table.and_then(|table| table.get(name));
        Self {
            path: self.path.join(name),
            place: node.map_or(Place::BuiltIn, |node| node.place.clone()),
            table: node.and_then(as_table),
            inherited: self
                .inherited
                .and_then(|table| table.get(name))
                .and_then(as_table),
        }
    }

    pub(crate) fn inheriting(mut self, from: &Section<'a>) -> Self {
        self.inherited = from.table;
        self
    }

    /// Whether some layer has written it.
    pub(crate) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// The names of the tables in it.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let entries = self.table.into_iter().flatten();
        entries
            .filter(|(_, node)| as_table(node).is_some())
            .map(|(name, _)| name.as_str())
    }

    /// The value of a key, its own or the inherited one.
    pub(crate) fn find(&self, key: &Key) -> Option<&'a Node> {
        let own = self.table.and_then(|table| table.get(key.name));
        own.or_else(|| self.inherited.and_then(|table| table.get(key.name)))
    }

    /// The place of a key, or of the section where it is absent.
    pub(crate) fn place_of(&self, key: &Key) -> Place {
        self.find(key)
            .map_or_else(|| self.place.clone(), |node| node.place.clone())
    }

    /// The path of a key as its author wrote it, so that what hosts inherit is reported once.
    pub(crate) fn path_of(&self, key: &Key) -> KeyPath {
        self.find(key)
            .map_or_else(|| self.path.join(key.name), |node| node.path.clone())
    }
}

fn as_table(node: &Node) -> Option<&BTreeMap<String, Node>> {
    match &node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// Collects problems and settings while sections are read.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    pub(crate) problems: Problems,
    pub(crate) settings: BTreeMap<String, Setting>,
    /// Directory of the main file, from which relative paths in files start.
    pub(crate) base: PathBuf,
}

impl Checker {
    /// Reports a key that is missing or does not agree with another one.
    pub(crate) fn refuse(&mut self, section: &Section<'_>, key: &Key, reason: impl Into<String>) {
        if self.problems.is_partial {
            return;
        }
        self.problems
            .error(&section.place_of(key), section.path_of(key), reason);
    }

    /// Reads a key by `parse`; a value that is refused is reported and the default taken, so that
    /// reading goes on. `None` only where there is no default.
    pub(crate) fn read<T: Debug>(
        &mut self,
        section: &Section<'_>,
        key: &'static Key,
        parse: impl Fn(&Node) -> Result<T, String>,
    ) -> Option<T> {
        let value = match section.find(key) {
            Some(node) => match parse(node) {
                Ok(value) => Some(value),
                Err(reason) => {
                    self.problems.error(&node.place, &node.path, reason);
                    None
                }
            },
            None => {
                if matches!(key.preset, Preset::Required) {
                    let reason = format!("missing; accepted: {}", key.accepts.describe());
                    self.refuse(section, key, reason);
                }
                None
            }
        };
        let value = value.or_else(|| parse(&preset(key)?).ok());
        self.note(section, key, &value);
        value
    }

    /// Remembers the value for comparison at the next reload.
    pub(crate) fn note<T: Debug>(&mut self, section: &Section<'_>, key: &Key, value: &Option<T>) {
        let setting = match value {
            Some(value) => Setting {
                value: format!("{value:?}"),
                reload: key.reload,
            },
            None => Setting {
                value: "unset".to_owned(),
                reload: key.reload,
            },
        };
        self.settings
            .insert(section.path.join(key.name).to_string(), setting);
    }

    pub(crate) fn boolean(&mut self, section: &Section<'_>, key: &'static Key) -> bool {
        self.read(section, key, boolean).unwrap_or_default()
    }

    pub(crate) fn optional_boolean(
        &mut self,
        section: &Section<'_>,
        key: &'static Key,
    ) -> Option<bool> {
        self.read(section, key, boolean)
    }

    /// An integer within the declared range, which the declaration keeps inside `T`.
    pub(crate) fn integer<T>(&mut self, section: &Section<'_>, key: &'static Key) -> T
    where
        T: TryFrom<u64> + Default + Debug,
    {
        self.optional_integer(section, key).unwrap_or_default()
    }

    pub(crate) fn optional_integer<T>(
        &mut self,
        section: &Section<'_>,
        key: &'static Key,
    ) -> Option<T>
    where
        T: TryFrom<u64> + Debug,
    {
        self.read(section, key, |node| {
            let number = integer(node).filter(|number| in_range(&key.accepts, *number));
            number
                .and_then(|number| T::try_from(number).ok())
                .ok_or_else(|| expected(key, node))
        })
    }

    pub(crate) fn duration(&mut self, section: &Section<'_>, key: &'static Key) -> Duration {
        self.optional_duration(section, key).unwrap_or_default()
    }

    pub(crate) fn optional_duration(
        &mut self,
        section: &Section<'_>,
        key: &'static Key,
    ) -> Option<Duration> {
        self.read(section, key, |node| {
            duration(node, key).ok_or_else(|| expected(key, node))
        })
    }

    pub(crate) fn size(&mut self, section: &Section<'_>, key: &'static Key) -> usize {
        self.optional_size(section, key).unwrap_or_default()
    }

    pub(crate) fn optional_size(
        &mut self,
        section: &Section<'_>,
        key: &'static Key,
    ) -> Option<usize> {
        self.read(section, key, |node| {
            size(node, key).ok_or_else(|| expected(key, node))
        })
    }

    pub(crate) fn rate(&mut self, section: &Section<'_>, key: &'static Key) -> Option<Rate> {
        self.read(section, key, |node| {
            text(node)
                .and_then(parse_rate)
                .ok_or_else(|| expected(key, node))
        })
    }

    /// One of the declared words.
    pub(crate) fn word(&mut self, section: &Section<'_>, key: &'static Key) -> Option<String> {
        self.read(section, key, |node| {
            word(node, &key.accepts).ok_or_else(|| wrong_word(key, node))
        })
    }

    /// A path; relative ones in a file start at the directory of the main file.
    pub(crate) fn path(&mut self, section: &Section<'_>, key: &'static Key) -> Option<PathBuf> {
        let base = self.base.clone();
        self.read(section, key, |node| {
            let text = text(node).filter(|text| !text.is_empty() && !text.contains('\0'));
            text.map(|text| locate_file(&base, &node.place, text))
                .ok_or_else(|| expected(key, node))
        })
    }

    /// A path to a file that must be readable now.
    pub(crate) fn file(&mut self, section: &Section<'_>, key: &'static Key) -> Option<PathBuf> {
        let path = self.path(section, key)?;
        if let Err(reason) = readable(&path) {
            self.problems
                .error(&section.place_of(key), section.path_of(key), reason);
        }
        Some(path)
    }

    /// A list; every item that `parse` refuses is reported and left out.
    pub(crate) fn list<T: Debug>(
        &mut self,
        section: &Section<'_>,
        key: &'static Key,
        parse: impl Fn(&Node) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.read(section, key, |node| {
            items(node).ok_or_else(|| expected(key, node))
        })?;
        let path = section.path_of(key);
        let mut values = Vec::with_capacity(items.len());
        for item in &items {
            match parse(item) {
                Ok(value) => values.push(value),
                Err(reason) => self.problems.error(&item.place, &path, reason),
            }
        }
        let values = Some(values);
        self.note(section, key, &values);
        values
    }
}

/// The default of a key as a value, if it has one.
fn preset(key: &Key) -> Option<Node> {
    let Preset::Value(toml) = key.preset else {
        return None;
    };
    let path = KeyPath(vec![key.name.to_owned()]);
    let (mut places, mut problems) = (Places::default(), Problems::default());
    let value = parse_value(toml, &path, &Place::BuiltIn, &mut places, &mut problems)?;
    locate(value, path, &places)
}

/// The message for a value of the wrong type or out of range.
pub(crate) fn expected(key: &Key, node: &Node) -> String {
    format!("expected {}, found {}", key.accepts.describe(), found(node))
}

/// A value as a message shows it.
pub(crate) fn found(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::List(_) | Value::Table(_) => node.value.kind().to_owned(),
    }
}

pub(crate) fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn boolean(node: &Node) -> Result<bool, String> {
    match &node.value {
        Value::Boolean(boolean) => Ok(*boolean),
        Value::Text(text) if node.place.is_text_only() && text == "true" => Ok(true),
        Value::Text(text) if node.place.is_text_only() && text == "false" => Ok(false),
        _ => Err(format!("expected true or false, found {}", found(node))),
    }
}

pub(crate) fn integer(node: &Node) -> Option<u64> {
    match &node.value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::Text(text)
            if node.place.is_text_only() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            text.parse().ok()
        }
        _ => None,
    }
}

pub(crate) fn in_range(accepts: &Accepts, number: u64) -> bool {
    matches!(accepts, Accepts::Integer(least, most) if (*least..=*most).contains(&number))
}

fn duration(node: &Node, key: &Key) -> Option<Duration> {
    let duration = match &node.value {
        Value::Integer(seconds) => Duration::from_secs(u64::try_from(*seconds).ok()?),
        Value::Text(text) => parse_duration(text)?,
        _ => return None,
    };
    matches!(key.accepts, Accepts::Duration(least, most) if (least..=most).contains(&duration))
        .then_some(duration)
}

fn size(node: &Node, key: &Key) -> Option<usize> {
    let bytes = match &node.value {
        Value::Integer(bytes) => usize::try_from(*bytes).ok()?,
        Value::Text(text) => parse_size(text)?,
        _ => return None,
    };
    matches!(key.accepts, Accepts::Size(least, most) if (least..=most).contains(&bytes))
        .then_some(bytes)
}

pub(crate) fn word(node: &Node, accepts: &Accepts) -> Option<String> {
    let Accepts::OneOf(words, _) = accepts else {
        return None;
    };
    text(node)
        .filter(|text| words.contains(text))
        .map(str::to_owned)
}

pub(crate) fn wrong_word(key: &Key, node: &Node) -> String {
    let (Accepts::OneOf(now, later), Some(text)) = (&key.accepts, text(node)) else {
        return expected(key, node);
    };
    wrong_one_of(text, now, later)
}

/// The message for a word that is not among `now`, but may be among `later` or close to one.
pub(crate) fn wrong_one_of(text: &str, now: &[&'static str], later: &[&str]) -> String {
    if later.contains(&text) {
        return format!(
            "{text:?} is not yet supported in this version; accepted: {}",
            one_of(now)
        );
    }
    let hint =
        suggest::nearest(text, now.iter().copied()).map(|near| format!(", did you mean {near:?}"));
    format!(
        "unknown value {text:?}{}; accepted: {}",
        hint.unwrap_or_default(),
        one_of(now)
    )
}

/// The items of a list; sources of text alone separate them by commas.
fn items(node: &Node) -> Option<Vec<Node>> {
    match &node.value {
        Value::List(items) => Some(items.clone()),
        Value::Text(text) if node.place.is_text_only() => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let item = |part: &str| Node {
                value: Value::Text(part.to_owned()),
                ..node.clone()
            };
            Some(parts.map(item).collect())
        }
        _ => None,
    }
}

pub(crate) fn locate_file(base: &Path, place: &Place, text: &str) -> PathBuf {
    match place {
        Place::File(..) => crate::problem::resolve(base, Path::new(text)),
        _ => PathBuf::from(text),
    }
}

/// Whether a plain file can be opened; the reason names it.
pub(crate) fn readable(path: &Path) -> Result<(), String> {
    let opened = std::fs::File::open(path).and_then(|file| file.metadata());
    match opened {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(format!("{} is not a file", path.display())),
        Err(error) => Err(format!("{} can not be read: {error}", path.display())),
    }
}
