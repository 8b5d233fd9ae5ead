//! `MARK USER`: mark the account.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::facts::Needs;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "MARK_USER",
    parameter: Parameter::Required("Expected the name of a mark"),
    syntax: "MARK USER=name",
    summary: "The account of the client that sent the stanza is marked, for all its sessions and for good. Only clients of the current host have one.",
    example: "::preroute

USER MARKED: spammer
DROP.

TO: trap@example.com
MARK USER=spammer

%TEST all sessions of the user are marked:
chain: preroute
<message from='juliet@example.com/balcony' to='trap@example.com'/>
expect: none
<message from='juliet@example.com/phone' to='romeo@example.net'/>
expect: drop
",
    parse,
};

#[derive(Debug)]
struct MarkUser {
    name: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(MarkUser {
        name: crate::marks::name(required(value))?,
    }))
}

impl Action for MarkUser {
    fn perform(&self, run: &mut Run<'_>, line: u32) -> Flow {
        if !crate::marks::is_own_client(run) {
            crate::marks::warn_foreign(run, line);
            return Flow::Continue;
        }
        run.effect(Effect::MarkUser(self.name.clone()));
        run.forget();
        Flow::Continue
    }

    fn needs(&self) -> Needs {
        Needs::USER_MARKS
    }
}
