//! The translation: tables of TOML whose every line knows where it comes from.

use portcullis_config::{Place as Where, Severity, Sources, load};

use super::Unusable;
use super::report::Report;
use super::value::{Place, quote};

/// One key of the translation, or the head of a table that may stay empty.
#[derive(Debug)]
struct Entry {
    table: Vec<String>,
    /// `None`: the head of the table.
    line: Option<(String, String)>,
    origin: Place,
    /// It is written as a comment only.
    is_off: bool,
}

impl Entry {
    /// What stands in for an address or port that is refused: without it the default would open
    /// more than was asked for. `None` for other keys, and where it stands already.
    fn narrowed(&self) -> Option<&'static str> {
        let (key, value) = self.line.as_ref()?;
        let narrowed = match (self.table.first()?.as_str(), key.as_str()) {
            ("network", "interfaces" | "local_interfaces") => "[\"127.0.0.1\"]",
            ("listener", "bind" | "interfaces" | "ports") => "[]",
            _ => return None,
        };
        (value != narrowed).then_some(narrowed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Document {
    entries: Vec<Entry>,
}

/// A line of the output.
enum Line {
    Head(Vec<String>),
    Entry(usize),
    Comment,
}

impl Document {
    /// Opens a table, which is written even if it stays empty.
    pub(super) fn table(&mut self, table: &[&str], origin: &Place) {
        self.push(table, None, origin, false);
    }

    /// Sets a key to a value written in TOML, in place of an earlier one.
    pub(super) fn set(
        &mut self,
        table: &[&str],
        key: &str,
        value: impl Into<String>,
        origin: &Place,
    ) {
        let same = |entry: &Entry| {
            entry.table == table && entry.line.as_ref().is_some_and(|(name, _)| name == key)
        };
        self.entries.retain(|entry| !same(entry));
        self.push(table, Some((key.to_owned(), value.into())), origin, false);
    }

    /// Turns a table and those below it into comments.
    pub(super) fn turn_off(&mut self, table: &[String]) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.table.starts_with(table))
        {
            entry.is_off = true;
        }
    }

    fn push(
        &mut self,
        table: &[&str],
        line: Option<(String, String)>,
        origin: &Place,
        is_off: bool,
    ) {
        self.entries.push(Entry {
            table: table.iter().map(ToString::to_string).collect(),
            line,
            origin: origin.clone(),
            is_off,
        });
    }

    /// The translation that the node's own loader takes: what it refuses becomes a comment and a
    /// finding.
    ///
    /// # Errors
    ///
    /// What keeps the loader from trying it.
    pub(super) fn checked(mut self, report: &mut Report) -> Result<String, Unusable> {
        let failed =
            |error: std::io::Error| Unusable(format!("the translation can not be tried: {error}"));
        let directory = tempfile::tempdir().map_err(failed)?;
        let file = directory.path().join("portcullis.toml");
        for _ in 0..=self.entries.len() * 2 {
            let (text, lines) = self.render(report);
            std::fs::write(&file, text).map_err(failed)?;
            let sources = Sources {
                file: Some(file.clone()),
                ..Sources::default()
            };
            let problems = match load(&sources) {
                Ok(loaded) => loaded.warnings,
                Err(rejected) => rejected.problems,
            };
            let shown = file.display().to_string();
            let mut is_changed = false;
            let mut has_errors = false;
            for problem in &problems {
                let is_error = problem.severity == Severity::Error;
                has_errors |= is_error;
                let line = match &problem.place {
                    Where::File(_, line) => line.checked_sub(1).and_then(|line| lines.get(line)),
                    _ => None,
                };
                let reason = problem.reason.replace(&shown, "line");
                let reason = format!("{}: {reason}", problem.path);
                is_changed |= self.heed(line, &reason, is_error, report);
            }
            if !has_errors {
                return Ok(self.render(report).0);
            }
            if !is_changed {
                let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
                return Err(Unusable(reasons.join("\n")));
            }
        }
        Err(Unusable(
            "the translation can not be brought into a form that loads".to_owned(),
        ))
    }

    /// Takes a problem of the loader over; whether a line became a comment.
    fn heed(
        &mut self,
        line: Option<&Line>,
        reason: &str,
        is_error: bool,
        report: &mut Report,
    ) -> bool {
        let ending = if is_error { " (left out)" } else { "" };
        match line {
            Some(Line::Entry(index)) => {
                let Some(entry) = self.entries.get_mut(*index) else {
                    return false;
                };
                let ending = match is_error.then(|| entry.narrowed()).flatten() {
                    Some(narrowed) => {
                        let ending = format!(" ({narrowed} until you correct it)");
                        entry.line = entry.line.take().map(|(key, _)| (key, narrowed.to_owned()));
                        ending
                    }
                    None => {
                        entry.is_off |= is_error;
                        ending.to_owned()
                    }
                };
                report.note(&entry.origin, format!("{reason}{ending}"));
                is_error
            }
            Some(Line::Head(table)) => {
                let table = table.clone();
                let origin = self.entries.iter().find(|entry| entry.table == table);
                if let Some(entry) = origin {
                    report.note(&entry.origin, format!("{reason}{ending}"));
                }
                if is_error {
                    self.turn_off(&table);
                }
                is_error
            }
            Some(Line::Comment) | None => false,
        }
    }

    fn render(&self, report: &Report) -> (String, Vec<Line>) {
        let mut output = Output::default();
        output.line("# Translated by `portcullis import-config`.", Line::Comment);
        let findings = report.sorted();
        if !findings.is_empty() {
            output.line("#", Line::Comment);
            output.line(
                "# What was not taken over, or means something else here:",
                Line::Comment,
            );
        }
        for finding in findings {
            output.line(
                &format!(
                    "# {}: {}",
                    one_line(&finding.place.to_string()),
                    finding.text
                ),
                Line::Comment,
            );
        }
        let mut tables: Vec<&[String]> = Vec::new();
        for entry in &self.entries {
            if !tables.contains(&entry.table.as_slice()) {
                tables.push(&entry.table);
            }
        }
        for table in tables {
            self.render_table(table, &mut output);
        }
        (output.text, output.lines)
    }

    fn render_table(&self, table: &[String], output: &mut Output) {
        let of_table = || {
            self.entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| entry.table == table)
        };
        let hash = |is_off: bool| if is_off { "# " } else { "" };
        output.line("", Line::Comment);
        let is_off = of_table().all(|(_, entry)| entry.is_off);
        let names: Vec<_> = table.iter().map(|name| key(name)).collect();
        let head = format!("{}[{}]", hash(is_off), names.join("."));
        output.line(&head, Line::Head(table.to_owned()));
        for (index, entry) in of_table() {
            if let Some((name, value)) = &entry.line {
                let line = format!("{}{} = {value}", hash(entry.is_off), key(name));
                output.line(&line, Line::Entry(index));
            }
        }
    }
}

#[derive(Default)]
struct Output {
    text: String,
    lines: Vec<Line>,
}

impl Output {
    fn line(&mut self, text: &str, line: Line) {
        self.text.push_str(text);
        self.text.push('\n');
        self.lines.push(line);
    }
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare {
        name.to_owned()
    } else {
        quote(name)
    }
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
