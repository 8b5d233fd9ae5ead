//! `FORWARD`: send the stanza inside a message.

use xmpp::jid::Jid;
use xmpp::stanza::{Stanza, StanzaKind};
use xmpp::xml::XmlWriter;

use crate::actions::{Action, Flow, Spec, Target, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FORWARD",
    parameter: Parameter::Required("Expected a JID to forward to"),
    syntax: "FORWARD=jid",
    summary: "A message from the current host takes the whole stanza to another address (XEP-0297); the stanza itself goes on.",
    example: "KIND: message
NOT TO: abuse@example.com
FORWARD=abuse@example.com

%TEST the message goes on: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
ran: FORWARD=abuse@example.com
",
    parse,
};

const FORWARD: &str = "urn:xmpp:forward:0";

#[derive(Debug)]
struct Forward {
    to: Target,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Forward {
        to: Target::parse(scope, required(value)),
    }))
}

/// A message from the current host that holds the stanza.
pub(super) fn message(run: &Run<'_>, to: &Target, more: impl FnOnce(&mut XmlWriter)) -> Stanza {
    let mut xml = XmlWriter::new();
    xml.open("forwarded", FORWARD);
    xml.stanza(run.current());
    xml.close();
    more(&mut xml);
    let mut message = Stanza::new(StanzaKind::Message);
    message.set_from(Jid::new(run.ruleset.host()).ok());
    message.set_content(xml.finish());
    to.address(message)
}

impl Action for Forward {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        let message = message(run, &self.to, |_| {});
        run.effect(Effect::Route(message));
        Flow::Continue
    }
}
