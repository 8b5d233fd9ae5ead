//! `ADD TO`: add to a list.

use std::sync::Arc;

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::definitions::list::List;
use crate::expression::Template;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "ADD_TO",
    parameter: Parameter::Required("Expected a list and a value"),
    syntax: "ADD TO=list expression",
    summary: "The expanded text becomes an entry of the list. File lists keep it in memory only; http lists take nothing.",
    example: "%LIST spammers: memory (limit: 1000)

CHECK LIST: spammers contains $<@from|bare>
DROP.

INSPECT: body#/=buy
ADD TO=spammers $<@from|bare>

%TEST who has said it once is on the list:
<message from='romeo@example.net/x' to='juliet@example.com'><body>buy</body></message>
expect: none
<message from='romeo@example.net/y' to='juliet@example.com'><body>Hello</body></message>
expect: drop
",
    parse,
};

#[derive(Debug)]
struct AddTo {
    list: Arc<List>,
    text: Template,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let value = required(value).trim_start();
    let (name, text) = match value.split_once(' ') {
        Some((name, text)) if !text.is_empty() => (name, text),
        _ => {
            return Err(
                Refusal::invalid("Expected a list and a value").help("write `ADD TO=list value`")
            );
        }
    };
    let list = scope.list(name)?;
    Ok(Box::new(AddTo {
        list,
        text: scope.template(text)?,
    }))
}

impl Action for AddTo {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        self.text
            .with(run, |run, text| run.change_list(&self.list, text, true));
        Flow::Continue
    }
}
