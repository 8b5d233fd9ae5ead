//! Physical lines to logical lines: trimming, continuation, line numbers.

use std::borrow::Cow;

use super::span::Span;

/// One logical line: what is left after trimming and joining.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The text without surrounding white space; continued parts are joined directly.
    pub text: Cow<'a, str>,
    /// All of the line in the script.
    pub span: Span,
}

impl Line<'_> {
    /// The place of `start..end` of the text. A joined line has no single place for its parts, so it
    /// answers with its whole extent.
    #[must_use]
    pub fn part(&self, start: usize, end: usize) -> Span {
        match self.text {
            Cow::Borrowed(_) => Span::new(
                self.span.start.saturating_add(start).min(self.span.end),
                self.span.start.saturating_add(end).min(self.span.end),
                self.span.line,
            ),
            Cow::Owned(_) => self.span,
        }
    }
}

/// White space as the C locale knows it; the line feed never reaches here.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{b}' | '\u{c}')
}

/// Splits a script into logical lines. A byte-order mark at the start is skipped, and a continuation that is
/// still open at the end of the text counts as a complete line.
#[must_use]
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let mut found = Vec::new();
    let mut held: Option<(String, usize)> = None;
    let mut offset = 0;
    let mut number = 0_u32;
    let mut pieces = text.split('\n').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() && piece.is_empty() && number > 0 {
            break;
        }
        number = number.saturating_add(1);
        let line_start = offset;
        offset += piece.len() + 1;
        let (piece, skipped) = match piece.strip_prefix('\u{feff}') {
            Some(rest) if number == 1 => (rest, 3),
            _ => (piece, 0),
        };
        let left = piece.trim_start_matches(is_blank);
        let start = line_start + skipped + (piece.len() - left.len());
        let stripped = left.trim_end_matches(is_blank);
        let end = start + stripped.len();
        if let Some(part) = stripped.strip_suffix('\\') {
            let (text, _) = held.get_or_insert_with(|| (String::new(), start));
            text.push_str(part);
            continue;
        }
        found.push(match held.take() {
            Some((mut joined, first)) => {
                joined.push_str(stripped);
                Line {
                    text: Cow::Owned(joined),
                    span: Span::new(first, end, number),
                }
            }
            None => Line {
                text: Cow::Borrowed(stripped),
                span: Span::new(start, end, number),
            },
        });
    }
    if let Some((joined, first)) = held {
        found.push(Line {
            text: Cow::Owned(joined),
            span: Span::new(first, text.len(), number),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<(String, u32)> {
        lines(script)
            .into_iter()
            .map(|line| (line.text.into_owned(), line.span.line))
            .collect()
    }

    #[test]
    fn lines_are_trimmed_and_numbered() {
        assert_eq!(
            texts("  KIND: iq\r\n\n\tDROP.\u{c}"),
            [
                ("KIND: iq".into(), 1),
                (String::new(), 2),
                ("DROP.".into(), 3)
            ]
        );
    }

    #[test]
    fn continuation_keeps_blanks_before_it_and_drops_indentation_behind() {
        assert_eq!(
            texts("FROM: a \\\n   b\nx"),
            [("FROM: a b".into(), 2), ("x".into(), 3)]
        );
    }

    #[test]
    fn continuation_at_the_end_is_a_line() {
        assert_eq!(texts("DROP.\\"), [("DROP.".into(), 1)]);
    }

    #[test]
    fn byte_order_mark_is_skipped() {
        assert_eq!(texts("\u{feff}# x")[0].0, "# x");
    }

    #[test]
    fn parts_point_into_the_script() {
        let found = lines("  KIND: iq");
        assert_eq!(found[0].part(6, 8), Span::new(8, 10, 1));
    }
}
