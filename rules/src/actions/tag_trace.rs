//! `TAG TRACE`: name the trace of this evaluation.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::diagnostic::Code;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TAG_TRACE",
    parameter: Parameter::Required("Expected a tag"),
    syntax: "TAG TRACE=tag",
    summary: "Traces of this evaluation carry the tag from here on.",
    example: "TAG TRACE=suspicious\n",
    parse,
};

#[derive(Debug)]
struct TagTrace {
    tag: String,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    scope.warn(
        Code::Unsupported,
        "traces are not kept yet: the tag is only seen by `explain`",
    );
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
