//! What a `%TEST` block says, before it runs.

use std::borrow::Cow;
use std::time::Duration;

use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::expectation::Expectation;
use crate::context;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::ast::{Test, TestLine, Text};
use crate::syntax::lexer::Line;
use crate::syntax::span::Span;

/// The steps of a block, in order.
pub(super) struct Plan<'t> {
    pub(super) steps: Vec<Step<'t>>,
}

/// One step of a block.
pub(super) enum Step<'t> {
    /// A statement about the world.
    World(Line<'t>),
    /// Time passes.
    Wait(Duration),
    /// A stanza arrives.
    Stanza {
        stanza: Box<Stanza>,
        span: Span,
        times: u32,
        expectations: Vec<Expectation>,
    },
}

/// The statements that only tests have, for suggestions and the reference.
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    (
        "expect: bounce policy-violation",
        "What becomes of the stanza above: `pass`, `drop`, `bounce [CONDITION]`, `redirect [JID]`, `default`; `none` if \
         no rule decides, `return` for a `user/` chain that does not. Stands for the verdict behind the name of the test.",
    ),
    (
        "by: 12",
        "The rule that decides: the number of its first line, or one of its lines as written.",
    ),
    (
        "ran: MARK ORIGIN=spammer",
        "An action that runs for the stanza above, as written in the script.",
    ),
    ("not ran: LOG=seen", "An action that does not run."),
    (
        "logged: seen spam.example",
        "A text that `LOG` writes, its expressions filled in.",
    ),
    (
        "repeat: 5",
        "How often the stanza above arrives; each time what is expected holds.",
    ),
    ("wait: 10s", "Time passes before the next stanza."),
];

impl<'t> Plan<'t> {
    /// Reads the lines of a block.
    pub(super) fn read(test: &'t Test) -> Result<Self, Vec<Diagnostic>> {
        let mut mistakes = Vec::new();
        let mut plan = Self { steps: Vec::new() };
        let common = match &test.verdict {
            Some(verdict) => match Expectation::verdict(&verdict.text, verdict.span) {
                Ok(expectation) => Some(expectation),
                Err(mistake) => {
                    mistakes.push(mistake);
                    None
                }
            },
            None => None,
        };
        for line in &test.lines {
            let read = match line {
                TestLine::Stanza(text) => plan.stanza(text, common.as_ref()),
                TestLine::Statement(text) => plan.statement(text),
            };
            mistakes.extend(read.err());
        }
        if mistakes.is_empty() && !plan.expects() {
            let message = "this test expects nothing of any stanza".to_owned();
            let mistake = Diagnostic::error(Code::Test, test.span, message);
            mistakes.push(mistake.with_help(
                "write a stanza below it and `expect: drop` (or pass, bounce ...) below the stanza",
            ));
        }
        if mistakes.is_empty() {
            Ok(plan)
        } else {
            Err(mistakes)
        }
    }

    fn expects(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Stanza { expectations, .. } => !expectations.is_empty(),
            _ => false,
        })
    }

    fn stanza(&mut self, text: &Text, common: Option<&Expectation>) -> Result<(), Diagnostic> {
        let stanza = Stanza::from_xml(text.text.as_bytes(), &Limits::default())
            .map_err(|error| Diagnostic::error(Code::Test, text.span, error.to_string()))?;
        self.steps.push(Step::Stanza {
            stanza: Box::new(stanza),
            span: text.span,
            times: 1,
            expectations: common.cloned().into_iter().collect(),
        });
        Ok(())
    }

    fn statement(&mut self, text: &'t Text) -> Result<(), Diagnostic> {
        let mistake = |message: String, help: &str| {
            Diagnostic::error(Code::Test, text.span, message).with_help(help)
        };
        let (keyword, value) = match text.text.split_once(':') {
            Some((keyword, value)) => (keyword.trim_end(), value.trim()),
            None => ("", ""),
        };
        let make: fn(&str, Span) -> Result<Expectation, Diagnostic> = match keyword {
            "expect" => Expectation::verdict,
            "by" => Expectation::decision,
            "ran" => Expectation::ran,
            "not ran" => Expectation::not_ran,
            "logged" => Expectation::logged,
            "wait" => {
                let time = context::parse_span(value).map_err(|refusal| {
                    mistake(refusal.message, refusal.help.as_deref().unwrap_or_default())
                })?;
                self.steps.push(Step::Wait(time));
                return Ok(());
            }
            "repeat" => return self.repeat(value, text.span),
            _ => {
                self.steps.push(Step::World(line(text)));
                return Ok(());
            }
        };
        if value.is_empty() {
            return Err(mistake(
                format!("`{keyword}` has no value"),
                "write what is expected behind the colon",
            ));
        }
        let made = make(value, text.span)?;
        let Some(Step::Stanza { expectations, .. }) = self.steps.last_mut() else {
            return Err(mistake(
                format!("`{keyword}` does not follow a stanza"),
                "write it below the stanza that it is about",
            ));
        };
        if made.is_verdict() {
            expectations.retain(|other| !other.is_verdict());
        }
        expectations.push(made);
        Ok(())
    }

    fn repeat(&mut self, value: &str, span: Span) -> Result<(), Diagnostic> {
        let number = value.parse().ok();
        let number = number.filter(|number| (1..=super::MAX_STANZAS).contains(number));
        match (number, self.steps.last_mut()) {
            (Some(number), Some(Step::Stanza { times, .. })) => {
                *times = number;
                Ok(())
            }
            (None, _) => {
                let message = format!("{value} is no number of times");
                let help = format!("write a number from 1 to {}", super::MAX_STANZAS);
                Err(Diagnostic::error(Code::Test, span, message).with_help(help))
            }
            _ => {
                let message = "`repeat` does not follow a stanza".to_owned();
                let help = "write it below the stanza that it is about";
                Err(Diagnostic::error(Code::Test, span, message).with_help(help))
            }
        }
    }
}

/// The statement as a line, whose parts can be pointed at if it was not joined.
fn line(text: &Text) -> Line<'_> {
    let is_joined = text.span.end.saturating_sub(text.span.start) != text.text.len();
    let words = if is_joined {
        Cow::Owned(text.text.clone())
    } else {
        Cow::Borrowed(text.text.as_str())
    };
    Line {
        text: words,
        span: text.span,
    }
}
