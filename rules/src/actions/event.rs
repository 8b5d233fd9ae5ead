//! `EVENT`: fire a server event.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "EVENT",
    parameter: Parameter::Required("Expected the name of an event"),
    syntax: "EVENT=name",
    summary: "An event of your own is fired, with a slash in its name: chains that the configuration attached to it (`firewall.extra_chains`) are run, and the rule goes on, whatever they decide.",
    example: "KIND: message
EVENT=custom/thing

%TEST the stanza goes on: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
ran: EVENT=custom/thing
",
    parse,
};

#[derive(Debug)]
struct Event {
    name: String,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let name = crate::events::own(required(value))?.to_owned();
    scope.events.push(name.clone());
    Ok(Box::new(Event { name }))
}

impl Action for Event {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.effect(Effect::Event(self.name.clone()));
        let ruleset = run.ruleset;
        // What the chains of the event decide about the stanza is not for this rule.
        let (verdict, decided_by) = (run.verdict, run.decided_by);
        ruleset.fire(run, &self.name);
        (run.verdict, run.decided_by) = (verdict, decided_by);
        Flow::Continue
    }
}
