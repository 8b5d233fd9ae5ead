//! The layers of a configuration, weakest first: file, `conf.d`, environment, `--set`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Environment, Map, Source, Value as Layered, ValueKind};

use crate::problem::{KeyPath, Place, Problems, is_bare};
use crate::tree::{Node, Places, locate, parse_file, parse_value};

/// Prefix of the environment variables that set a key: `PORTCULLIS__NODE__ARBITERS=2`.
pub const ENVIRONMENT_PREFIX: &str = "PORTCULLIS__";

/// Where `portcullis` looks for its configuration when no file is named, in this order.
pub const DEFAULT_FILES: [&str; 2] = ["portcullis.toml", "/etc/portcullis/portcullis.toml"];

/// A configuration file beyond this many bytes is refused.
const MAX_FILE: u64 = 1 << 20;

/// What a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that was asked for; it must exist. `None`: only defaults, environment and `set`.
    pub file: Option<PathBuf>,
    /// Environment variables; those without [`ENVIRONMENT_PREFIX`] are not looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// Arguments of `--set`, each `key.path=value`.
    pub set: Vec<String>,
    /// Listeners that are left out, whatever a layer says of them.
    pub without_listeners: BTreeSet<String>,
}

impl Sources {
    /// What this process was started with: the named file, or the first of [`DEFAULT_FILES`] that
    /// exists, and the environment.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, set: Vec<String>) -> Self {
        let sources = Self {
            file,
            environment: std::env::vars_os().collect(),
            set,
            without_listeners: BTreeSet::new(),
        };
        sources.looked_up()
    }

    /// The same sources; without a file, one that has been written to a default place since.
    #[must_use]
    pub fn looked_up(mut self) -> Self {
        let found = || {
            DEFAULT_FILES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        };
        self.file = self.file.or_else(found);
        self
    }
}

/// The layers, merged.
pub(crate) struct Merged {
    pub(crate) root: BTreeMap<String, Node>,
    /// The files that were read, in order.
    pub(crate) files: Vec<PathBuf>,
}

/// Reads and merges every layer; what can not be read is a problem and left out.
pub(crate) fn merge(sources: &Sources, problems: &mut Problems) -> Merged {
    let mut places = Places::default();
    let files = files(sources, problems);
    let mut layers: Vec<Layer> = Vec::new();
    for file in &files {
        layers.extend(read_file(file, &mut places, problems).map(Layer));
    }
    layers.insert(0, built_in(&layers));
    let environment = environment(&sources.environment, &mut places, problems);
    let command_line: Vec<_> = sources
        .set
        .iter()
        .filter_map(|argument| set(argument, &mut places, problems))
        .collect();

    let mut builder = config::Config::builder();
    for layer in layers {
        builder = builder.add_source(layer);
    }
    builder = builder.add_source(environment);
    for layer in command_line {
        builder = builder.add_source(layer);
    }
    let mut root = match builder.build() {
        Ok(merged) => table(locate(merged.cache, KeyPath::default(), &places)),
        Err(error) => {
            problems.error(&Place::BuiltIn, "layers", error.to_string());
            BTreeMap::new()
        }
    };
    leave_out(&mut root, &sources.without_listeners);
    Merged { root, files }
}

fn leave_out(root: &mut BTreeMap<String, Node>, listeners: &BTreeSet<String>) {
    if let Some(crate::tree::Value::Table(table)) =
        root.get_mut("listener").map(|node| &mut node.value)
    {
        table.retain(|name, _| !listeners.contains(name));
    }
}

fn table(root: Option<Node>) -> BTreeMap<String, Node> {
    match root.map(|node| node.value) {
        Some(crate::tree::Value::Table(table)) => table,
        _ => BTreeMap::new(),
    }
}

/// The host and the listener of a node whose files name none.
fn built_in(files: &[Layer]) -> Layer {
    let has = |section: &str| files.iter().any(|layer| layer.has_entries(section));
    let mut map = Map::new();
    if !has("host") {
        map.insert("host".to_owned(), nested("localhost", Map::new()));
    }
    if !has("listener") {
        let protocol = ("protocol".to_owned(), Layered::from("c2s"));
        map.insert(
            "listener".to_owned(),
            nested("clients", Map::from([protocol])),
        );
    }
    Layer(map)
}

fn nested(name: &str, map: Map<String, Layered>) -> Layered {
    Layered::from(Map::from([(name.to_owned(), Layered::from(map))]))
}

/// One layer of ours as a source of the layering crate.
#[derive(Debug, Clone)]
struct Layer(Map<String, Layered>);

impl Layer {
    fn has_entries(&self, section: &str) -> bool {
        match self.0.get(section).map(|value| &value.kind) {
            Some(ValueKind::Table(table)) => !table.is_empty(),
            Some(_) => true,
            None => false,
        }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Layered>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// The main file and the `conf.d/*.toml` beside it, in name order.
fn files(sources: &Sources, problems: &mut Problems) -> Vec<PathBuf> {
    let Some(main) = &sources.file else {
        return Vec::new();
    };
    let mut files = vec![main.clone()];
    let directory =
        crate::problem::resolve(main.parent().unwrap_or(Path::new("")), Path::new("conf.d"));
    match std::fs::read_dir(&directory) {
        Ok(entries) => {
            let mut parts: Vec<_> = entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .filter(|path| {
                    path.extension()
                        .is_some_and(|extension| extension == "toml")
                })
                .collect();
            parts.sort();
            files.extend(parts);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => problems.unreadable(&directory, format!("can not be read: {error}")),
    }
    files
}

fn read_file(
    file: &Path,
    places: &mut Places,
    problems: &mut Problems,
) -> Option<Map<String, Layered>> {
    let bytes = match std::fs::metadata(file) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            problems.unreadable(
                file,
                format!("{} bytes are too many, at most {MAX_FILE}", metadata.len()),
            );
            return None;
        }
        Ok(_) => std::fs::read(file),
        Err(error) => Err(error),
    };
    let text = match bytes.map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            problems.unreadable(file, "is not UTF-8 text");
            return None;
        }
        Err(error) => {
            problems.unreadable(file, format!("can not be read: {error}"));
            return None;
        }
    };
    let file: Arc<Path> = Arc::from(file);
    let mut map = parse_file(&file, &text, places, problems);
    // The layering crate would take a quoted `"a.b"` at the top for a path.
    map.retain(|name, _| {
        let good = is_bare(name);
        if !good {
            let path = KeyPath(vec![name.clone()]);
            problems.error(&places.get(&path), &path, "unknown key");
        }
        good
    });
    Some(map)
}

/// The variables under the prefix, by the layering crate's own reader; values stay text.
fn environment(
    variables: &[(OsString, OsString)],
    places: &mut Places,
    problems: &mut Problems,
) -> Environment {
    let mut accepted: BTreeMap<KeyPath, (String, String)> = BTreeMap::new();
    let mut named: Vec<_> = variables
        .iter()
        .filter(|(name, _)| has_prefix(&name.to_string_lossy()))
        .collect();
    named.sort();
    for (name, value) in named {
        let shown = name.to_string_lossy().into_owned();
        let place = Place::Environment(shown.clone());
        let Some(path) = variable_path(&shown) else {
            let reason = "not a key path, write PORTCULLIS__SECTION__KEY with letters, digits and underscores";
            problems.error(&place, &shown, reason);
            continue;
        };
        let Some(value) = value.to_str() else {
            problems.error(&place, &path, "the value is not UTF-8 text");
            continue;
        };
        if let Some((_, (other, _))) = accepted.iter().find(|(other, _)| overlaps(other, &path)) {
            problems.error(
                &place,
                &path,
                format!("{shown} and {other} set the same key or one inside the other"),
            );
            continue;
        }
        accepted.insert(path, (shown, value.to_owned()));
    }
    let mut source = Map::new();
    for (path, (name, value)) in accepted {
        note(&path, &Place::Environment(name.clone()), places);
        source.insert(name, value);
    }
    Environment::with_prefix("PORTCULLIS")
        .prefix_separator("__")
        .separator("__")
        .source(Some(source))
}

fn has_prefix(name: &str) -> bool {
    name.get(..ENVIRONMENT_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(ENVIRONMENT_PREFIX))
}

fn variable_path(name: &str) -> Option<KeyPath> {
    let keys = name.get(ENVIRONMENT_PREFIX.len()..)?.to_ascii_lowercase();
    let names: Vec<String> = keys.split("__").map(str::to_owned).collect();
    let good = |name: &String| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    names.iter().all(good).then_some(KeyPath(names))
}

fn overlaps(one: &KeyPath, other: &KeyPath) -> bool {
    one.0.starts_with(&other.0) || other.0.starts_with(&one.0)
}

/// Notes a path and, where no other layer did, the tables above it.
fn note(path: &KeyPath, place: &Place, places: &mut Places) {
    for length in 1..path.0.len() {
        let above = KeyPath(path.0.iter().take(length).cloned().collect());
        places.insert_new(above, place.clone());
    }
    places.insert(path.clone(), place.clone());
}

/// One `--set key.path=value`; a value that opens like a TOML string, list or table is read as one.
fn set(argument: &str, places: &mut Places, problems: &mut Problems) -> Option<Layer> {
    let place = Place::CommandLine(argument.to_owned());
    let Some((path, text)) = split_argument(argument) else {
        problems.error(&place, argument, "not of the form key.path=value");
        return None;
    };
    if !path.0.first().is_some_and(|first| is_bare(first)) {
        problems.error(&place, &path, "unknown key");
        return None;
    }
    note(&path, &place, places);
    let mut value = if text.starts_with(['"', '\'', '[', '{']) {
        parse_value(text, &path, &place, places, problems)?
    } else {
        Layered::from(text)
    };
    let mut names = path.0;
    let first = if names.is_empty() {
        return None;
    } else {
        names.remove(0)
    };
    for name in names.into_iter().rev() {
        value = Layered::from(Map::from([(name, value)]));
    }
    Some(Layer(Map::from([(first, value)])))
}

/// Splits at the first `=` outside quotes; the left side is a TOML key.
fn split_argument(argument: &str) -> Option<(KeyPath, &str)> {
    let mut quote = None;
    let end = argument
        .char_indices()
        .find(|(_, character)| match (quote, *character) {
            (None, '=') => true,
            (None, '"' | '\'') => {
                quote = Some(*character);
                false
            }
            (Some(open), close) if open == close => {
                quote = None;
                false
            }
            _ => false,
        });
    let (key, value) = argument.split_at_checked(end?.0)?;
    // TOML's own key syntax: the table of `key = 0` has one name at each level.
    let document = format!("{key} = 0");
    let table = toml::de::DeTable::parse(&document).ok()?;
    let mut names = Vec::new();
    let mut current = table.get_ref();
    while let Some((name, value)) = current.iter().next() {
        names.push(name.get_ref().as_ref().to_owned());
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => current = inner,
            _ => break,
        }
    }
    let multi_line = key.contains(['\n', '\r', '#']);
    (!multi_line).then_some((KeyPath(names), value.strip_prefix('=')?.trim()))
}
