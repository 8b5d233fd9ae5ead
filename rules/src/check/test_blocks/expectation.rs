//! What a `%TEST` block expects of a stanza.

use xmpp::jid::Jid;
use xmpp::stanza::Stanza;

use super::lines_of;
use crate::diagnostic::{Code, Diagnostic};
use crate::outcome::{Effect, Outcome, Verdict};
use crate::syntax::ast::Rule;
use crate::syntax::span::Span;

const STANZAS_NS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// One expectation and its place.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    what: What,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
enum What {
    /// The verdict, with the condition of a bounce or the address of a redirection.
    Verdict(Verdict, Option<String>),
    /// Nobody decides.
    None,
    /// The rule that begins on that line decides.
    DecidedOn(u32),
    /// A rule with that line decides.
    DecidedBy(String),
    /// An action runs, or does not.
    Action(String, bool),
    /// A text is logged.
    Logged(String),
}

impl Expectation {
    /// `drop`, `bounce policy-violation`, `redirect jid` and so on.
    pub(super) fn verdict(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let mut words = text.splitn(2, ' ');
        let word = words.next().unwrap_or_default();
        let detail = words.next().map(str::trim).filter(|word| !word.is_empty());
        let known = [
            Verdict::Pass,
            Verdict::Drop,
            Verdict::Bounce,
            Verdict::Redirect,
            Verdict::Default,
            Verdict::Return,
        ];
        let verdict = known.into_iter().find(|verdict| verdict.name() == word);
        let takes_detail = matches!(verdict, Some(Verdict::Bounce | Verdict::Redirect));
        if let (Some(detail), false) = (detail, takes_detail) {
            let message = format!("unexpected text behind `{word}`: {detail}");
            return Err(Diagnostic::error(Code::Test, span, message)
                .with_help("only bounce and redirect have something behind them"));
        }
        let what = match verdict {
            Some(verdict) => What::Verdict(verdict, detail.map(str::to_owned)),
            None if word == "none" => What::None,
            None => {
                let message = format!("unknown verdict: {word}");
                let names = known.iter().map(|verdict| verdict.name()).chain(["none"]);
                let mistake = Diagnostic::error(Code::Test, span, message).with_help(
                    "the verdicts are pass, drop, bounce, redirect, default, return and none",
                );
                return Err(mistake.with_nearest(word, names));
            }
        };
        Ok(Self { what, span })
    }

    /// The number of the deciding rule's first line, or one of its lines.
    pub(super) fn decision(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let number = text.strip_prefix("line ").unwrap_or(text).trim();
        let what = match number.parse() {
            Ok(line) => What::DecidedOn(line),
            Err(_) => What::DecidedBy(text.to_owned()),
        };
        Ok(Self { what, span })
    }

    pub(super) fn ran(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let what = What::Action(text.to_owned(), true);
        Ok(Self { what, span })
    }

    pub(super) fn not_ran(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let what = What::Action(text.to_owned(), false);
        Ok(Self { what, span })
    }

    pub(super) fn logged(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let what = What::Logged(text.to_owned());
        Ok(Self { what, span })
    }

    /// True if it is about what becomes of the stanza.
    pub(super) fn is_verdict(&self) -> bool {
        matches!(self.what, What::Verdict(..) | What::None)
    }

    /// Why it is not met; `None` if it is.
    pub(super) fn unmet(
        &self,
        outcome: &Outcome,
        actions: &[String],
        rule: Option<&Rule>,
    ) -> Option<String> {
        if let Some(fault) = &outcome.fault {
            return Some(format!(
                "the evaluation was cut off in line {}: {}",
                fault.line,
                fault.kind.describe()
            ));
        }
        match &self.what {
            What::Verdict(verdict, detail) => unmet_verdict(*verdict, detail.as_deref(), outcome),
            What::None => {
                let is_undecided = outcome.decided_by.is_none()
                    && matches!(outcome.verdict, Verdict::Pass | Verdict::Return);
                (!is_undecided).then(|| format!("expected none, got {}", shown(outcome)))
            }
            What::DecidedOn(line) => {
                let is_met = rule.is_some_and(|rule| rule.span.line == *line);
                (!is_met).then(|| format!("expected the rule on line {line} to decide"))
            }
            What::DecidedBy(text) => {
                let is_met = rule.is_some_and(|rule| lines_of(rule).any(|line| line == text));
                (!is_met).then(|| format!("expected a rule with the line `{text}` to decide"))
            }
            What::Action(text, true) => (!actions.contains(text))
                .then(|| format!("expected the action `{text}` to run; {}", ran(actions))),
            What::Action(text, false) => actions
                .contains(text)
                .then(|| format!("expected the action `{text}` not to run")),
            What::Logged(text) => unmet_log(text, outcome),
        }
    }
}

fn unmet_verdict(verdict: Verdict, detail: Option<&str>, outcome: &Outcome) -> Option<String> {
    let is_met = outcome.verdict == verdict
        && (detail.is_none() || detail == self::detail(outcome).as_deref());
    (!is_met).then(|| {
        let expected = [Some(verdict.name()), detail];
        let expected: Vec<&str> = expected.into_iter().flatten().collect();
        format!("expected {}, got {}", expected.join(" "), shown(outcome))
    })
}

fn unmet_log(text: &str, outcome: &Outcome) -> Option<String> {
    let logged: Vec<&str> = outcome
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Log { message, .. } => Some(message.as_str()),
            _ => None,
        })
        .collect();
    (!logged.iter().any(|line| line.trim() == text)).then(|| match logged.as_slice() {
        [] => format!("expected `{text}` in the log, where nothing was written"),
        lines => format!("expected `{text}` in the log, got `{}`", lines.join("`, `")),
    })
}

fn ran(actions: &[String]) -> String {
    if actions.is_empty() {
        return "no action ran".to_owned();
    }
    format!("what ran: `{}`", actions.join("`, `"))
}

/// The verdict as a test would name it.
fn shown(outcome: &Outcome) -> String {
    let name = outcome.verdict.name();
    match detail(outcome) {
        Some(detail) => format!("{name} {detail}"),
        None => name.to_owned(),
    }
}

/// The condition of a bounce, the address of a redirection.
fn detail(outcome: &Outcome) -> Option<String> {
    match outcome.verdict {
        Verdict::Bounce => outcome
            .effects
            .iter()
            .rev()
            .find_map(|effect| match effect {
                Effect::Reply(stanza) if stanza.type_attr() == Some("error") => condition(stanza),
                _ => None,
            }),
        Verdict::Redirect => outcome
            .effects
            .iter()
            .rev()
            .find_map(|effect| match effect {
                Effect::Route(stanza) => stanza.to().map(Jid::to_string),
                _ => None,
            }),
        _ => None,
    }
}

fn condition(stanza: &Stanza) -> Option<String> {
    let error = stanza.child("error", "jabber:client")?;
    let mut children = error.children();
    let found = children.find(|child| child.ns() == STANZAS_NS && child.name() != "text")?;
    Some(found.name().to_owned())
}
