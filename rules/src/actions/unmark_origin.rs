//! `UNMARK ORIGIN`: remove a mark from the session.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "UNMARK_ORIGIN",
    parameter: Parameter::Required("Expected the name of a mark"),
    syntax: "UNMARK ORIGIN=name",
    summary: "A mark is removed from the session that sent the stanza.",
    example: "::preroute

ORIGIN MARKED: muted
TO: support@example.com
UNMARK ORIGIN=muted

ORIGIN MARKED: muted
DROP.

%TEST the mark is gone:
chain: preroute
mark origin: muted
<message from='juliet@example.com/balcony' to='romeo@example.net'/>
expect: drop
<message from='juliet@example.com/balcony' to='support@example.com'/>
expect: none
<message from='juliet@example.com/balcony' to='romeo@example.net'/>
expect: none
",
    parse,
};

#[derive(Debug)]
struct UnmarkOrigin {
    name: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(UnmarkOrigin {
        name: crate::marks::name(required(value))?,
    }))
}

impl Action for UnmarkOrigin {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.effect(Effect::UnmarkOrigin(self.name.clone()));
        run.forget();
        Flow::Continue
    }
}
