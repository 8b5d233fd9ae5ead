//! `USER MARKED`: the account of the client that sent the stanza carries a mark.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::facts::{Needs, Timestamp};
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "USER MARKED",
    parameter: Parameter::Required("Error parsing mark name, see documentation for usage examples"),
    syntax: "USER MARKED: name, or USER MARKED: name (10s)",
    summary: "The account of the client that sent the stanza carries this mark; with a number of seconds, one that is younger than that.",
    examples: &[
        Example {
            definitions: "KIND: message\nMARK USER=seen\n",
            line: "USER MARKED: seen (60s)",
            stanza: "<message from='alice@example.com/phone' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "USER MARKED: seen",
            stanza: "<message from='alice@example.com/phone' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct UserMarked {
    name: String,
    age: Option<f64>,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let (name, age) = crate::marks::with_age(required(value))?;
    Ok(Box::new(UserMarked { name, age }))
}

/// When the mark was set, with what this run has done so far.
fn marked(run: &mut Run<'_>, name: &str) -> Option<Timestamp> {
    for effect in run.effects.iter().rev() {
        match effect {
            Effect::MarkUser(mark) if mark == name => return Some(run.now()),
            Effect::UnmarkUser(mark) if mark == name => return None,
            _ => {}
        }
    }
    run.facts.user_mark(name)
}

impl Condition for UserMarked {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        match (marked(run, &self.name), self.age) {
            (Some(at), Some(age)) => run.now().seconds_since(at) < age,
            (at, _) => at.is_some(),
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        for effect in run.effects.iter().rev() {
            match effect {
                Effect::MarkUser(mark) if *mark == self.name => {
                    return sight.add("mark of the account", Some("set by this run"));
                }
                Effect::UnmarkUser(mark) if *mark == self.name => {
                    return sight.add("mark of the account", Some("removed by this run"));
                }
                _ => {}
            }
        }
    }

    fn needs(&self) -> Needs {
        Needs::USER_MARKS
    }
}
