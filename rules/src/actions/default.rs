//! `DEFAULT`: leave the stanza unhandled.

use crate::actions::{Action, Flow, Spec};
use crate::conditions::Parameter;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "DEFAULT",
    parameter: Parameter::None,
    syntax: "DEFAULT.",
    summary: "Nothing else handles the stanza: the server answers it as one that nobody wanted. In a custom chain it means PASS.",
    example: "KIND: message
DEFAULT.

%TEST nobody handles it: default
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
",
    parse,
};

#[derive(Debug)]
struct Default;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Default))
}

impl Action for Default {
    fn perform(&self, _: &mut Run<'_>, _: u32) -> Flow {
        Flow::Default
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
