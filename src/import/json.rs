//! JSON whose values know their lines.

use std::rc::Rc;

use super::Unusable;
use super::value::{Node, Place, Table, Value};

/// Reads a text that must be JSON as a whole.
///
/// # Errors
///
/// Where and why it is none.
pub(super) fn parse(text: &str, file: &Rc<str>) -> Result<Node, Unusable> {
    // It knows every rule of JSON and bounds the depth; what it has accepted needs no second check.
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| {
        Unusable(format!(
            "{file}:{}: {error}: correct the JSON",
            error.line()
        ))
    })?;
    let mut reader = Reader {
        text: text.chars().collect(),
        at: 0,
        line: 1,
        file: Rc::clone(file),
    };
    Ok(reader.value())
}

struct Reader {
    text: Vec<char>,
    at: usize,
    line: usize,
    file: Rc<str>,
}

impl Reader {
    /// The next character that is neither a blank nor a comma nor a colon.
    fn peek(&mut self) -> Option<char> {
        while let Some(c) = self.text.get(self.at) {
            if !c.is_whitespace() && !",:".contains(*c) {
                return Some(*c);
            }
            self.line += usize::from(*c == '\n');
            self.at += 1;
        }
        None
    }

    fn value(&mut self) -> Node {
        let first = self.peek();
        let place = Place {
            file: Rc::clone(&self.file),
            line: self.line,
        };
        let value = match first {
            Some('{') => Value::Table(self.members('}')),
            Some('[') => Value::Table(self.members(']')),
            Some('"') => Value::Text(self.text()),
            _ => self.word(),
        };
        Node { value, place }
    }

    fn members(&mut self, end: char) -> Table {
        self.at += 1;
        let mut table = Table::default();
        while let Some(next) = self.peek() {
            if next == end {
                self.at += 1;
                break;
            }
            if end == '}' {
                let name = self.text();
                table.fields.push((name, self.value()));
            } else {
                table.items.push(self.value());
            }
        }
        table
    }

    fn text(&mut self) -> String {
        let mut quoted = String::from('"');
        self.at += 1;
        let mut is_escaped = false;
        while let Some(c) = self.text.get(self.at) {
            self.at += 1;
            quoted.push(*c);
            if *c == '"' && !is_escaped {
                break;
            }
            is_escaped = *c == '\\' && !is_escaped;
        }
        serde_json::from_str(&quoted).unwrap_or_default()
    }

    fn word(&mut self) -> Value {
        let mut word = String::new();
        while let Some(c) = self
            .text
            .get(self.at)
            .filter(|c| !c.is_whitespace() && !",]}".contains(**c))
        {
            word.push(*c);
            self.at += 1;
        }
        match word.as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Nil,
            _ => Value::Number(word),
        }
    }
}
