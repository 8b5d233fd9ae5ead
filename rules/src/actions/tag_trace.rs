//! `TAG TRACE`: name the trace of this evaluation.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TAG_TRACE",
    parameter: Parameter::Required("Expected a tag"),
    syntax: "TAG TRACE=tag",
    summary: "Traces of this chain, and of those that run behind it for the same stanza, carry the tag: `firewall trace --tag` chooses by it.",
    example: "FROM: <*>@example.net
TAG TRACE=partner

%TEST the stanza goes on: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
ran: TAG TRACE=partner
",
    parse,
};

#[derive(Debug)]
struct TagTrace {
    tag: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(TagTrace {
        tag: required(value).to_owned(),
    }))
}

impl Action for TagTrace {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        if let Some(observer) = run.observer.as_deref_mut() {
            observer.tag(&self.tag);
        }
        Flow::Continue
    }
}
