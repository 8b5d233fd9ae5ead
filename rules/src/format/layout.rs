//! Physical lines in, physical lines out.

use super::line::{Kind, canonical};
use crate::syntax::lexer::is_blank;
use crate::syntax::test_block::StanzaLines;

/// Lays a whole script out. Its form has no errors.
pub(super) fn lay_out(text: &str) -> String {
    let mut sheet = Sheet::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parts: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        let part = line.trim_matches(is_blank);
        parts.push(part);
        if !part.ends_with('\\') {
            sheet.logical(&parts, line);
            parts.clear();
        }
    }
    if let Some(last) = parts.pop() {
        // A continuation that the end of the file cuts off is complete as it stands; a blank before it is kept.
        match last.strip_suffix('\\') {
            Some(whole) if !whole.ends_with(is_blank) => parts.push(whole),
            _ => parts.extend([last, ""]),
        }
        sheet.logical(&parts, last);
    }
    sheet.finish()
}

/// What is open while lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Conditions,
    Actions,
    Test,
    Chain,
    Definitions,
}

#[derive(Default)]
struct Sheet {
    out: String,
    open: Open,
    wants_blank: bool,
    /// Comments that belong to what follows.
    comments: Vec<String>,
    /// The lines of a stanza that is not complete.
    stanza: Option<StanzaLines>,
}

impl Sheet {
    /// Takes the parts of one logical line; `raw` is the last of them as it stands in the file.
    fn logical(&mut self, parts: &[&str], raw: &str) {
        let joined = join(parts);
        if let Some(stanza) = &mut self.stanza
            && !joined.is_empty()
        {
            let is_complete = stanza.add(&joined);
            let indented = raw.trim_end_matches(is_blank);
            match parts {
                [_] => self.verbatim(&[indented]),
                _ => self.verbatim(parts),
            }
            if is_complete {
                self.stanza = None;
            }
            return;
        }
        if joined.is_empty() {
            self.stanza = None;
            return self.blank();
        }
        if joined.starts_with(['#', ';']) {
            return self.comment(parts);
        }
        if self.open == Open::Test && !joined.starts_with(['%', '@']) && !joined.starts_with("::") {
            return self.in_test(&joined, parts);
        }
        let (kind, text) = canonical(&joined);
        self.separate(kind);
        match parts {
            [_] => self.push(&text),
            _ => self.verbatim(parts),
        }
    }

    fn in_test(&mut self, joined: &str, parts: &[&str]) {
        self.flush_comments();
        self.verbatim(parts);
        if joined.starts_with('<') {
            let mut stanza = StanzaLines::default();
            if !stanza.add(joined) {
                self.stanza = Some(stanza);
            }
        }
    }

    fn blank(&mut self) {
        self.flush_comments();
        self.open = match self.open {
            Open::Chain | Open::Definitions => self.open,
            _ => Open::Nothing,
        };
        self.wants_blank = true;
    }

    fn comment(&mut self, parts: &[&str]) {
        let mut text = String::new();
        write(&mut text, parts);
        self.comments.push(text);
    }

    /// Writes what must stand before a line of that kind.
    fn separate(&mut self, kind: Kind) {
        let continues = match kind {
            Kind::Action => !matches!(self.open, Open::Test | Open::Chain | Open::Definitions),
            Kind::Condition => matches!(self.open, Open::Nothing | Open::Conditions),
            Kind::Definition | Kind::Metadata => {
                matches!(self.open, Open::Nothing | Open::Definitions)
            }
            Kind::Chain | Kind::Test => self.open == Open::Nothing,
        };
        self.wants_blank |= !continues;
        self.flush_comments();
        self.open = match kind {
            Kind::Action => Open::Actions,
            Kind::Condition => Open::Conditions,
            Kind::Definition | Kind::Metadata => Open::Definitions,
            Kind::Chain => Open::Chain,
            Kind::Test => Open::Test,
        };
    }

    fn flush_comments(&mut self) {
        for comment in std::mem::take(&mut self.comments) {
            self.gap();
            self.out.push_str(&comment);
        }
    }

    fn gap(&mut self) {
        if std::mem::take(&mut self.wants_blank) && !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn push(&mut self, text: &str) {
        self.gap();
        self.out.push_str(text.trim_end_matches(is_blank));
        self.out.push('\n');
    }

    fn verbatim(&mut self, parts: &[&str]) {
        self.gap();
        write(&mut self.out, parts);
    }

    fn finish(mut self) -> String {
        self.flush_comments();
        self.out
    }
}

/// The logical line that the parts make.
fn join(parts: &[&str]) -> String {
    let mut joined = String::new();
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        joined.push_str(part.strip_suffix('\\').filter(|_| !is_last).unwrap_or(part));
    }
    joined
}

/// Writes the parts, those behind the first indented.
fn write(out: &mut String, parts: &[&str]) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 && !part.is_empty() {
            out.push_str("  ");
        }
        out.push_str(part);
        out.push('\n');
    }
}
