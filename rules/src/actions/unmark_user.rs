//! `UNMARK USER`: remove a mark from the account.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::facts::Needs;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "UNMARK_USER",
    parameter: Parameter::Required("Expected the name of a mark"),
    syntax: "UNMARK USER=name",
    summary: "A mark is removed from the account of the client that sent the stanza.",
    example: "::preroute

USER MARKED: muted
TO: support@example.com
UNMARK USER=muted

USER MARKED: muted
DROP.

%TEST the mark is gone:
chain: preroute
mark user juliet@example.com: muted
<message from='juliet@example.com/balcony' to='romeo@example.net'/>
expect: drop
<message from='juliet@example.com/balcony' to='support@example.com'/>
expect: none
<message from='juliet@example.com/phone' to='romeo@example.net'/>
expect: none
",
    parse,
};

#[derive(Debug)]
struct UnmarkUser {
    name: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(UnmarkUser {
        name: crate::marks::name(required(value))?,
    }))
}

impl Action for UnmarkUser {
    fn perform(&self, run: &mut Run<'_>, line: u32) -> Flow {
        if !crate::marks::is_own_client(run) {
            crate::marks::warn_foreign(run, line);
            return Flow::Continue;
        }
        run.effect(Effect::UnmarkUser(self.name.clone()));
        run.forget();
        Flow::Continue
    }

    fn needs(&self) -> Needs {
        Needs::USER_MARKS
    }
}
