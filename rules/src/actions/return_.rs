//! `RETURN`: leave this chain.

use crate::actions::{Action, Flow, Spec};
use crate::conditions::Parameter;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "RETURN",
    parameter: Parameter::None,
    syntax: "RETURN.",
    summary: "Leaves this chain; the one that jumped here goes on behind its jump. In a built-in chain it means PASS.",
    example: "KIND: message
JUMP CHAIN=user/check
LOG=the caller goes on

::user/check

TYPE: chat
RETURN.

DROP.

%TEST the rest of the chain is left out:
<message type='chat' from='romeo@example.net/x' to='juliet@example.com'/>
expect: none
logged: the caller goes on
<message from='romeo@example.net/x' to='juliet@example.com'/>
expect: drop
",
    parse,
};

#[derive(Debug)]
struct Return;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(Return))
}

impl Action for Return {
    fn perform(&self, _: &mut Run<'_>, _: u32) -> Flow {
        Flow::Return
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
