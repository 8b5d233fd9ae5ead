//! `ORIGIN MARKED`: the session that sent the stanza carries a mark.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::facts::Timestamp;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "ORIGIN MARKED",
    parameter: Parameter::Required("Error parsing mark name, see documentation for usage examples"),
    syntax: "ORIGIN MARKED: name, or ORIGIN MARKED: name (10s)",
    summary: "The session that sent the stanza carries this mark; with a number of seconds, one that is younger than that.",
    examples: &[
        Example {
            definitions: "KIND: message\nMARK ORIGIN=seen\n",
            line: "ORIGIN MARKED: seen (60s)",
            stanza: "<message from='alice@example.com/phone' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "ORIGIN MARKED: seen",
            stanza: "<message from='alice@example.com/phone' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct OriginMarked {
    name: String,
    age: Option<f64>,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let (name, age) = crate::marks::with_age(required(value))?;
    Ok(Box::new(OriginMarked { name, age }))
}

/// When the mark was set, with what this run has done so far.
fn marked(run: &mut Run<'_>, name: &str) -> Option<Timestamp> {
    for effect in run.effects.iter().rev() {
        match effect {
            Effect::MarkOrigin(mark) if mark == name => return Some(run.now()),
            Effect::UnmarkOrigin(mark) if mark == name => return None,
            _ => {}
        }
    }
    run.facts.origin_mark(name)
}

impl Condition for OriginMarked {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        match (marked(run, &self.name), self.age) {
            (Some(at), Some(age)) => run.now().seconds_since(at) < age,
            (at, _) => at.is_some(),
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        for effect in run.effects.iter().rev() {
            match effect {
                Effect::MarkOrigin(mark) if *mark == self.name => {
                    return sight.add("mark of the session", Some("set by this run"));
                }
                Effect::UnmarkOrigin(mark) if *mark == self.name => {
                    return sight.add("mark of the session", Some("removed by this run"));
                }
                _ => {}
            }
        }
    }
}
