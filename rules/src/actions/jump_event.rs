//! `JUMP EVENT`: fire a server event and do as it says.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::program::Value;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "JUMP_EVENT",
    parameter: Parameter::Required("Expected the name of an event"),
    syntax: "JUMP EVENT=name",
    summary: "As `EVENT`, but this chain ends with what the chains of the event decide.",
    example: "KIND: message
JUMP EVENT=custom/thing

%TEST without a chain for the event nothing is decided: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
ran: JUMP EVENT=custom/thing
",
    parse,
};

#[derive(Debug)]
struct JumpEvent {
    name: String,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let name = crate::events::own(required(value))?.to_owned();
    scope.events.push(name.clone());
    Ok(Box::new(JumpEvent { name }))
}

impl Action for JumpEvent {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.effect(Effect::Event(self.name.clone()));
        let ruleset = run.ruleset;
        match ruleset.fire(run, &self.name) {
            Value::Nothing => Flow::Return,
            value => Flow::Inherit(value),
        }
    }

    fn ends_rule(&self) -> bool {
        true
    }
}
