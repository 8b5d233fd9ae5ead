//! `LIMIT`: count an event, and see whether there were too many.

use std::sync::Arc;

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::expression::Template;
use crate::limiter::{Balance, Limiter};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "LIMIT",
    parameter: Parameter::Required("Unable to parse LIMIT specification"),
    syntax: "LIMIT: rate, or LIMIT: rate on expression",
    summary: "Counts an event against the named `%RATE` and holds when that is over its limit. With `on`, every value of the expression has a limit of its own. A stanza counts once for each limiter, value and chain run, when the condition is reached.",
    examples: &[
        Example {
            definitions: "%RATE r: 1 (burst 2)",
            line: "LIMIT: r",
            stanza: "<message/>",
            holds: false,
        },
        Example {
            definitions: "%RATE r: 1",
            line: "LIMIT: r on $<@from|host>",
            stanza: "<message from='a@remote.example'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct Limit {
    limiter: Arc<Limiter>,
    key: Option<Template>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let text = required(value);
    let (name, key) = match text.split_once(" on ") {
        Some((name, key)) if !key.is_empty() => (name, Some(key)),
        _ => (text, None),
    };
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err(Refusal::invalid("Unable to parse LIMIT specification")
            .help("write `LIMIT: rate` or `LIMIT: rate on expression`"));
    }
    let limiter = scope.limiter(name)?;
    let key = key.map(|key| scope.template(key)).transpose()?;
    Ok(Box::new(Limit { limiter, key }))
}

impl Condition for Limit {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        match &self.key {
            None => run.poll(&self.limiter, None),
            Some(key) => key.with(run, |run, key| run.poll(&self.limiter, Some(key))),
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        let key = self
            .key
            .as_ref()
            .map(|key| key.with(run, |_, key| key.to_vec()));
        if let Some(key) = &key {
            sight.bytes("key", key);
        }
        let (now, rate) = (run.now(), self.limiter.definition());
        let balance = match self.limiter.peek(key.as_deref(), now) {
            Balance::Bucket(events) => {
                let (most, each) = (rate.capacity, rate.rate);
                format!("{events:.2} of {most} events, {each} a second")
            }
            Balance::Full => format!("no room for another key beside {}", rate.entries),
        };
        sight.add("balance", Some(balance));
    }

    fn has_side_effect(&self) -> bool {
        true
    }
}
