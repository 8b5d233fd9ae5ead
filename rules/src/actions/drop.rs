//! `DROP`: the stanza is gone.

use crate::actions::{Action, Flow, Spec};
use crate::conditions::Parameter;
use crate::outcome::Verdict;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "DROP",
    parameter: Parameter::None,
    syntax: "DROP.",
    summary: "The stanza is gone, and nobody is told.",
    example: "KIND: message
DROP.

%TEST messages are gone: drop
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
by: DROP.

%TEST presence is not: none
<presence from='romeo@example.net/x' to='juliet@example.com'/>
",
    parse,
};

#[derive(Debug)]
struct Drop;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Drop))
}

impl Action for Drop {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.verdict = Verdict::Drop;
        Flow::Gone
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
