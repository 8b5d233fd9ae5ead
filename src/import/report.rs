//! What an operator is told about a translation.

use super::value::Place;

/// What was not taken over as it stood: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) text: String,
}

/// The findings of one translation.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    /// Whether a part of the file could not be read at all.
    pub(crate) has_refused: bool,
}

impl Report {
    /// Something has no equal, or another meaning.
    pub(super) fn note(&mut self, place: &Place, text: impl Into<String>) {
        let text = text.into().replace(char::is_control, " ");
        let finding = Finding {
            place: place.clone(),
            text,
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Something could not be read.
    pub(super) fn refused(&mut self, place: &Place, text: impl Into<String>) {
        self.has_refused = true;
        self.note(place, text);
    }

    /// All findings, by file and line.
    pub(crate) fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<_> = self.findings.iter().collect();
        sorted.sort_by(|a, b| a.place.cmp(&b.place));
        sorted
    }
}
