//! `COPY`: send a copy elsewhere.

use crate::actions::{Action, Flow, Spec, Target, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "COPY",
    parameter: Parameter::Required("Expected a JID to send to"),
    syntax: "COPY=jid",
    summary: "A copy of the stanza goes to another address, with the same sender; the stanza itself goes on.",
    example: "KIND: message
NOT TO: archive@example.com
COPY=archive@example.com

%TEST the message goes on: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
ran: COPY=archive@example.com
",
    parse,
};

#[derive(Debug)]
struct Copy {
    to: Target,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Copy {
        to: Target::parse(scope, required(value)),
    }))
}

impl Action for Copy {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        let copy = self.to.address(run.current().clone());
        run.effect(Effect::Route(copy));
        Flow::Continue
    }
}
