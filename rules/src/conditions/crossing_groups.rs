//! `CROSSING GROUPS`: sender and recipient are not together in any of some groups.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "CROSSING GROUPS",
    parameter: Parameter::Required("Expected a list of groups"),
    syntax: "CROSSING GROUPS: group, group ...",
    summary: "Sender and recipient are not both members of any one of the listed groups.",
    examples: &[
        Example {
            definitions: "",
            line: "CROSSING GROUPS: Sales, Staff",
            stanza: "<message from='alice@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
        Example {
            definitions: "",
            line: "CROSSING GROUPS: Sales",
            stanza: "<message from='alice@example.com/x' to='bob@example.com'/>",
            holds: true,
        },
    ],
    parse,
};

#[derive(Debug)]
struct CrossingGroups {
    groups: Vec<String>,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let groups: Vec<String> = required(value)
        .split(',')
        .map(str::trim)
        .filter(|group| !group.is_empty())
        .map(str::to_owned)
        .collect();
    if groups.is_empty() {
        return Err(Refusal::invalid("Expected a list of groups"));
    }
    Ok(Box::new(CrossingGroups { groups }))
}

impl Condition for CrossingGroups {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (Some(to), Some(from)) = (run.to.bare(), run.from.bare()) else {
            return true;
        };
        let are_in =
            |group: &String| run.facts.is_in_group(group, to) && run.facts.is_in_group(group, from);
        !self.groups.iter().any(are_in)
    }

    fn needs(&self) -> Needs {
        Needs::GROUPS
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
