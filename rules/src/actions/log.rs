//! `LOG`: write to the log.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::expression::Template;
use crate::outcome::{Effect, LogLevel};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

/// Bytes of a message that are logged.
const MAX_MESSAGE: usize = 8 * 1024;

pub(crate) const SPEC: Spec = Spec {
    name: "LOG",
    parameter: Parameter::Required("Expected a text to log"),
    syntax: "LOG=text or LOG=[level] text",
    summary: "A line is written to the log; the level is `debug`, `info` (if none is given), `warn` or `error`. Expressions are expanded. A message is cut behind 8 KiB, and control characters in it are written as `\\n` or `\\u{1b}`: a stanza can not make a line of its own.",
    example: "KIND: message
LOG=[warn] message from $<@from> of type $<@type||\"normal\">

%TEST expressions are filled in: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
logged: message from romeo@example.net/x of type normal
",
    parse,
};

#[derive(Debug)]
struct Log {
    level: LogLevel,
    text: Template,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let value = required(value);
    let bracketed = value
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let (level, text) = match bracketed {
        Some((word, rest))
            if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
        {
            let level = LogLevel::named(word).ok_or_else(|| {
                Refusal::invalid(format!("unknown log level: {word}"))
                    .help("the levels are debug, info, warn and error")
            })?;
            (level, rest.strip_prefix(' ').unwrap_or(rest))
        }
        _ => (LogLevel::Info, value),
    };
    Ok(Box::new(Log {
        level,
        text: scope.template(text)?,
    }))
}

/// The text, cut where it gets too long for a log.
fn bounded(text: &[u8]) -> String {
    let Some(kept) = text
        .get(..MAX_MESSAGE)
        .filter(|kept| kept.len() < text.len())
    else {
        return String::from_utf8_lossy(text).into_owned();
    };
    let kept = String::from_utf8_lossy(kept);
    // A cut in the middle of a character leaves nothing of it.
    let kept = kept.trim_end_matches(char::REPLACEMENT_CHARACTER);
    format!("{kept} [cut, {} bytes in all]", text.len())
}

impl Action for Log {
    fn perform(&self, run: &mut Run<'_>, line: u32) -> Flow {
        let message = self.text.with(run, |_, text| bounded(text));
        let script = run.ruleset.script_name(run.place.0).to_owned();
        run.effect(Effect::Log {
            level: self.level,
            message,
            script,
            line,
        });
        Flow::Continue
    }
}
