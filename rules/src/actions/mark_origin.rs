//! `MARK ORIGIN`: mark the session.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "MARK_ORIGIN",
    parameter: Parameter::Required("Expected the name of a mark"),
    syntax: "MARK ORIGIN=name",
    summary: "The session that sent the stanza is marked, until it ends.",
    example: "::preroute

ORIGIN MARKED: spammer
DROP.

TO: trap@example.com
MARK ORIGIN=spammer

%TEST the session is marked, other sessions are not:
chain: preroute
<message from='juliet@example.com/balcony' to='trap@example.com'/>
expect: none
<message from='juliet@example.com/balcony' to='romeo@example.net'/>
expect: drop
<message from='juliet@example.com/phone' to='romeo@example.net'/>
expect: none
",
    parse,
};

#[derive(Debug)]
struct MarkOrigin {
    name: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(MarkOrigin {
        name: crate::marks::name(required(value))?,
    }))
}

impl Action for MarkOrigin {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.effect(Effect::MarkOrigin(self.name.clone()));
        run.forget();
        Flow::Continue
    }
}
