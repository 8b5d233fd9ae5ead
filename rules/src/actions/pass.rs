//! `PASS`: let the stanza go on.

use crate::actions::{Action, Flow, Spec};
use crate::conditions::Parameter;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "PASS",
    parameter: Parameter::None,
    syntax: "PASS.",
    summary: "The stanza goes on. Nothing more of this chain and of the chains that jumped to it is run; the same chain of other scripts is.",
    example: "FROM: <*>@example.net
PASS.

DROP.

%TEST later rules do not see it: pass
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
<message from='romeo@example.org/x' to='juliet@example.com'/>
expect: drop
",
    parse,
};

#[derive(Debug)]
struct Pass;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Pass))
}

impl Action for Pass {
    fn perform(&self, _: &mut Run<'_>, _: u32) -> Flow {
        Flow::Pass
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
