//! `REDIRECT`: send the stanza elsewhere.

use crate::actions::{Action, Flow, Spec, Target, required};
use crate::conditions::Parameter;
use crate::outcome::{Effect, Verdict};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "REDIRECT",
    parameter: Parameter::Required("Expected a JID to send to"),
    syntax: "REDIRECT=jid",
    summary: "The stanza is gone, and a copy of it goes to another address. The sender stays the same.",
    example: "KIND: message
TO: sales@example.com
REDIRECT=desk@example.com

%TEST another address gets it: redirect desk@example.com
<message from='romeo@example.net/x' to='sales@example.com'/>
",
    parse,
};

#[derive(Debug)]
struct Redirect {
    to: Target,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Redirect {
        to: Target::parse(scope, required(value)),
    }))
}

impl Action for Redirect {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        let copy = self.to.address(run.current().clone());
        run.effect(Effect::Route(copy));
        run.verdict = Verdict::Redirect;
        Flow::Gone
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
