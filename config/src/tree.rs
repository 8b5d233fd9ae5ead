//! The merged configuration before it is typed: values that know where they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use config::{Map, Value as Layered, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{KeyPath, Place, Problems};

/// A value with its key path and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) path: KeyPath,
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What TOML can say, less dates, which no key takes.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Value {
    /// The kind of value in words, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Where each key path was last set.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<KeyPath, Place>);

impl Places {
    pub(crate) fn insert(&mut self, path: KeyPath, place: Place) {
        self.0.insert(path, place);
    }

    pub(crate) fn insert_new(&mut self, path: KeyPath, place: Place) {
        self.0.entry(path).or_insert(place);
    }

    pub(crate) fn get(&self, path: &KeyPath) -> Place {
        self.0.get(path).cloned().unwrap_or(Place::BuiltIn)
    }
}

/// Parses one TOML file into a layer, noting places and reporting every syntax error.
pub(crate) fn parse_file(
    file: &Arc<Path>,
    text: &str,
    places: &mut Places,
    problems: &mut Problems,
) -> Map<String, Layered> {
    let lines = Lines::new(text);
    let (_, errors) = DeTable::parse_recoverable(text);
    let mut bad_lines = BTreeSet::new();
    for error in &errors {
        let line = lines.number(error.span().map_or(0, |span| span.start));
        if bad_lines.insert(line) {
            let place = Place::File(Arc::clone(file), line);
            let reason = format!("not valid TOML: {}", error.message());
            problems.error(&place, file.display(), reason);
            problems.is_partial = true;
        }
    }
    let readable = without(text, &bad_lines);
    let Ok(table) = DeTable::parse(&readable) else {
        return Map::new();
    };
    let lines = Lines::new(&readable);
    let place_of = |offset: usize| Place::File(Arc::clone(file), lines.number(offset));
    let mut reader = Reader {
        place_of: &place_of,
        places,
        problems,
    };
    reader.table(table.get_ref(), &KeyPath::default())
}

/// Parses the value of one `--set` argument, whose every part has the place of the argument.
pub(crate) fn parse_value(
    text: &str,
    path: &KeyPath,
    place: &Place,
    places: &mut Places,
    problems: &mut Problems,
) -> Option<Layered> {
    match DeValue::parse(text) {
        Ok(value) => {
            let place_of = |_| place.clone();
            Reader {
                place_of: &place_of,
                places,
                problems,
            }
            .value(&value, path)
        }
        Err(error) => {
            problems.error(
                place,
                path,
                format!("not a TOML value: {}", error.message()),
            );
            None
        }
    }
}

/// The text with the bad lines empty, so that the rest can be checked in the same run.
fn without(text: &str, bad_lines: &BTreeSet<usize>) -> String {
    let kept = text.split('\n').enumerate().map(|(position, line)| {
        if bad_lines.contains(&(position + 1)) {
            ""
        } else {
            line
        }
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Line numbers of byte offsets.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(breaks.map(|(offset, _)| offset).collect())
    }

    fn number(&self, offset: usize) -> usize {
        self.0.partition_point(|line_break| *line_break < offset) + 1
    }
}

struct Reader<'a> {
    place_of: &'a dyn Fn(usize) -> Place,
    places: &'a mut Places,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &KeyPath) -> Map<String, Layered> {
        let mut map = Map::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let path = path.join(name);
            self.places
                .insert(path.clone(), (self.place_of)(key.span().start));
            if let Some(value) = self.value(value, &path) {
                map.insert(name.to_owned(), value);
            }
        }
        map
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &KeyPath) -> Option<Layered> {
        let place = (self.place_of)(value.span().start);
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.as_ref().to_owned()),
            DeValue::Boolean(boolean) => ValueKind::Boolean(*boolean),
            DeValue::Integer(integer) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(number) => ValueKind::I64(number),
                    Err(_) => {
                        self.problems.error(
                            &place,
                            path,
                            format!("the integer {integer} is out of range"),
                        );
                        return None;
                    }
                }
            }
            DeValue::Float(float) => ValueKind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Datetime(date) => {
                let reason = format!("a date is not accepted here, found {date}");
                self.problems.error(&place, path, reason);
                return None;
            }
            DeValue::Array(array) => ValueKind::Array(self.array(array, path)),
            DeValue::Table(table) => ValueKind::Table(self.table(table, path)),
        };
        Some(Layered::new(None, kind))
    }

    fn array(&mut self, array: &[Spanned<DeValue<'_>>], path: &KeyPath) -> Vec<Layered> {
        let mut items = Vec::with_capacity(array.len());
        for (position, item) in array.iter().enumerate() {
            let path = path.join(&position.to_string());
            self.places
                .insert(path.clone(), (self.place_of)(item.span().start));
            items.extend(self.value(item, &path));
        }
        items
    }
}

/// Gives the merged values their paths and places back.
pub(crate) fn locate(value: Layered, path: KeyPath, places: &Places) -> Option<Node> {
    let place = places.get(&path);
    let value = match value.kind {
        ValueKind::Boolean(boolean) => Value::Boolean(boolean),
        ValueKind::I64(number) => Value::Integer(number),
        ValueKind::Float(number) => Value::Float(number),
        ValueKind::String(text) => Value::Text(text),
        ValueKind::Array(items) => {
            let located = items.into_iter().enumerate();
            Value::List(
                located
                    .filter_map(|(position, item)| {
                        locate(item, path.join(&position.to_string()), places)
                    })
                    .collect(),
            )
        }
        ValueKind::Table(map) => {
            let mut table = BTreeMap::new();
            for (name, item) in map {
                if let Some(node) = locate(item, path.join(&name), places) {
                    table.insert(name, node);
                }
            }
            Value::Table(table)
        }
        // Our layers never contain the rest.
        ValueKind::Nil | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            return None;
        }
    };
    Some(Node { path, place, value })
}
