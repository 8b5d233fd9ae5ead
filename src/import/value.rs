//! What is read from another server's file: values that know their place.

use std::fmt;
use std::rc::Rc;

/// A line of a file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: Rc<str>,
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nil,
    Boolean(bool),
    /// In decimal, as TOML writes it too.
    Number(String),
    Text(String),
    Table(Table),
    /// Something that only the other server could work out; already reported.
    Computed,
}

/// A Lua table, or a list or an object of JSON.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    pub(super) items: Vec<Node>,
    /// In the order of the file; numbers as keys are written in decimal.
    pub(super) fields: Vec<(String, Node)>,
}

impl Table {
    /// The last value given to a name.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        let mut fields = self.fields.iter().rev();
        fields.find(|(key, _)| key == name).map(|(_, node)| node)
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.value {
            Value::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// A whole number, also one in quotation marks.
    pub(super) fn integer(&self) -> Option<i64> {
        match &self.value {
            Value::Number(text) | Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The members of a list; a single value stands for a list of one.
    pub(super) fn items(&self) -> Vec<&Node> {
        match &self.value {
            Value::Table(table) => table.items.iter().collect(),
            Value::Nil | Value::Computed => Vec::new(),
            _ => vec![self],
        }
    }

    /// The value as TOML, or `None` for what TOML has no form of.
    pub(super) fn toml(&self) -> Option<String> {
        match &self.value {
            Value::Boolean(boolean) => Some(boolean.to_string()),
            Value::Number(text) => Some(text.clone()),
            Value::Text(text) => Some(quote(text)),
            Value::Table(table) if table.fields.is_empty() => Some(list(table.items.iter())),
            Value::Nil | Value::Computed | Value::Table(_) => None,
        }
    }
}

fn list<'a>(nodes: impl Iterator<Item = &'a Node>) -> String {
    let items: Vec<_> = nodes.filter_map(Node::toml).collect();
    format!("[{}]", items.join(", "))
}

/// A list of TOML from the members of a list or a single value.
pub(super) fn as_list(node: &Node) -> String {
    list(node.items().into_iter())
}

/// A basic string of TOML.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
