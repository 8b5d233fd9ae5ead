//! `REPORT TO`: report abuse, with the stanza as proof.

use crate::actions::{Action, Flow, Spec, Target, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "REPORT_TO",
    parameter: Parameter::Required("Expected a JID to report to"),
    syntax: "REPORT TO=jid reason text",
    summary: "A message from the current host takes the stanza and a report to another address (XEP-0377). The reason is `abuse` (if none is given), `spam` or a URI; a text may follow the reason. The stanza itself goes on.",
    example: "KIND: message
TO: trap@example.com
REPORT TO=antispam.example.com spam Caught by the honeypot

%TEST the message goes on: none
<message from='romeo@example.net/x' to='trap@example.com'/>
ran: REPORT TO=antispam.example.com spam Caught by the honeypot
",
    parse,
};

const REPORTING: &str = "urn:xmpp:reporting:1";

#[derive(Debug)]
struct ReportTo {
    to: Target,
    reason: String,
    text: Option<String>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let (to, rest) = cut_word(required(value));
    let (reason, text) = cut_word(rest);
    let reason = match reason {
        "" | "abuse" => "urn:xmpp:reporting:abuse",
        "spam" => "urn:xmpp:reporting:spam",
        uri => uri,
    };
    Ok(Box::new(ReportTo {
        to: Target::parse(scope, to),
        reason: reason.to_owned(),
        text: (!text.is_empty()).then(|| text.to_owned()),
    }))
}

/// The first word, and what follows the blanks behind it.
fn cut_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

impl Action for ReportTo {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        let mut report = super::forward::message(run, &self.to, |xml| {
            xml.open("report", REPORTING).attr("reason", &self.reason);
            if let Some(text) = &self.text {
                xml.text_element("text", REPORTING, text);
            }
            xml.close();
        });
        let id = format!(
            "{:016x}",
            run.ruleset.hash(&run.now().nanoseconds().to_ne_bytes())
        );
        report.set_id(Some(&id));
        run.effect(Effect::Route(report));
        Flow::Continue
    }
}
