//! `REPLY`: answer a message with a text.

use xmpp::ns;
use xmpp::stanza::{Stanza, StanzaKind};
use xmpp::xml::XmlWriter;

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "REPLY",
    parameter: Parameter::Required("Expected a text to reply with"),
    syntax: "REPLY=text",
    summary: "The sender of a message gets one back with this text. Errors, presence and iq get none.",
    example: "KIND: message
REPLY=Our office is closed.
DROP.

%TEST the sender hears that: drop
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
ran: REPLY=Our office is closed.
",
    parse,
};

#[derive(Debug)]
struct Reply {
    text: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Reply {
        text: required(value).to_owned(),
    }))
}

impl Action for Reply {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        let stanza = run.stanza;
        if run.kind() != StanzaKind::Message || run.type_attr == Some("error") {
            return Flow::Continue;
        }
        let mut reply = Stanza::new(StanzaKind::Message);
        reply.set_type(run.type_attr);
        reply.set_id(stanza.id());
        reply.set_from(stanza.to().cloned());
        reply.set_to(stanza.from().cloned());
        let mut xml = XmlWriter::new();
        xml.text_element("body", ns::CLIENT, &self.text);
        reply.set_content(xml.finish());
        run.effect(Effect::Reply(reply));
        Flow::Continue
    }
}
