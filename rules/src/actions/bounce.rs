//! `BOUNCE`: answer with an error.

use xmpp::stanza_error::{Condition, ErrorType, StanzaError};

use crate::actions::{Action, Flow, Spec};
use crate::conditions::Parameter;
use crate::outcome::{Effect, Verdict};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "BOUNCE",
    parameter: Parameter::Optional,
    syntax: "BOUNCE. or BOUNCE=condition:type (text)",
    summary: "The stanza is gone and its sender is told why: a condition of RFC 6120 §8.3.3 (`service-unavailable` if none is given), with another type and a text if wanted. Errors and results of requests are dropped without an answer.",
    example: "KIND: message
BOUNCE=policy-violation (Too fast)

%TEST the sender is told, but errors have no answer: bounce
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
expect: bounce policy-violation
<message type='error' from='romeo@example.net/x' to='juliet@example.com'/>
expect: drop
",
    parse,
};

#[derive(Debug)]
struct Bounce {
    error: StanzaError,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let value = value.unwrap_or_default();
    let word = value.split(char::is_whitespace).next().unwrap_or_default();
    let (name, type_name) = match word.split_once(':') {
        Some((name, type_name)) => (name, Some(type_name)),
        None => (word, None),
    };
    let condition = match name {
        "" => Condition::ServiceUnavailable,
        name => Condition::from_name(name).ok_or_else(|| {
            Refusal::invalid(format!("unknown stanza error condition: {name}"))
                .help("write a condition of RFC 6120 8.3.3 such as policy-violation, then a blank before (text)")
        })?,
    };
    let mut error = StanzaError::new(condition);
    if let Some(type_name) = type_name {
        error.type_ = ErrorType::from_name(type_name).ok_or_else(|| {
            Refusal::invalid(format!("unknown stanza error type: {type_name}"))
                .help("the types are auth, cancel, continue, modify and wait")
        })?;
    }
    let text = value
        .strip_suffix(')')
        .and_then(|value| value.split_once(" ("))
        .map(|(_, text)| text);
    error.text = text.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Box::new(Bounce { error }))
}

impl Action for Bounce {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.verdict = Verdict::Drop;
        if let Some(reply) = self.error.reply_to(run.current()) {
            run.effect(Effect::Reply(reply));
            run.verdict = Verdict::Bounce;
        }
        Flow::Gone
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
