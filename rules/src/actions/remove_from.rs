//! `REMOVE FROM`: remove from a list.

use std::sync::Arc;

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::definitions::list::List;
use crate::expression::Template;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "REMOVE_FROM",
    parameter: Parameter::Required("Expected a list and a value"),
    syntax: "REMOVE FROM=list expression",
    summary: "The expanded text is no longer an entry of the list. File lists forget it in memory only.",
    example: "%LIST muted: memory (limit: 1000)

INSPECT: body#=mute
ADD TO=muted $<@from|bare>

INSPECT: body#=unmute
REMOVE FROM=muted $<@from|bare>

CHECK LIST: muted contains $<@from|bare>
DROP.

%TEST what was added is taken out:
<message from='romeo@example.net/x' to='juliet@example.com'><body>mute</body></message>
expect: drop
<message from='romeo@example.net/x' to='juliet@example.com'><body>unmute</body></message>
expect: none
",
    parse,
};

#[derive(Debug)]
struct RemoveFrom {
    list: Arc<List>,
    text: Template,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let value = required(value).trim_start();
    let (name, text) = match value.split_once(' ') {
        Some((name, text)) if !text.is_empty() => (name, text),
        _ => {
            return Err(Refusal::invalid("Expected a list and a value")
                .help("write `REMOVE FROM=list value`"));
        }
    };
    let list = scope.list(name)?;
    Ok(Box::new(RemoveFrom {
        list,
        text: scope.template(text)?,
    }))
}

impl Action for RemoveFrom {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        self.text
            .with(run, |run, text| run.change_list(&self.list, text, false));
        Flow::Continue
    }
}
