//! `SCAN`: look up every match of a pattern.

use std::sync::Arc;

use crate::conditions::{Condition, Cost, Example, Parameter, Spec, required};
use crate::definitions::list::List;
use crate::explain::sight::Sight;
use crate::lua_pattern::{Budget, Capture, Found, Pattern};
use crate::refusal::Refusal;
use crate::run::{PathId, Run};
use crate::scope::Scope;

const SYNTAX: &str = "Error parsing SCAN expression, syntax: SEARCH for PATTERN in LIST";

pub(crate) const SPEC: Spec = Spec {
    name: "SCAN",
    parameter: Parameter::Required(SYNTAX),
    syntax: "SCAN: search for pattern in list",
    summary: "One of the matches of the pattern in the searched text is in the list. What is looked up is the first capture, or the whole match.",
    examples: &[
        Example {
            definitions: "%SEARCH body: body#\n%PATTERN word: %a+\n%LIST bad: memory\n\nADD TO=bad swear\n",
            line: "SCAN: body for word in bad",
            stanza: "<message><body>I swear!</body></message>",
            holds: true,
        },
        Example {
            definitions: "%SEARCH body: body#\n%PATTERN word: %a+\n%LIST bad: memory",
            line: "SCAN: body for word in bad",
            stanza: "<message><body>I swear!</body></message>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct Scan {
    search: PathId,
    pattern: Pattern,
    list: Arc<List>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let words: Vec<&str> = required(value).split(' ').collect();
    // The last five words, as in `... body for word in badwords`.
    let (search, pattern, list) = match words[..] {
        [.., search, "for", pattern, "in", list]
            if !search.is_empty() && !pattern.is_empty() && !list.is_empty() =>
        {
            (search, pattern, list)
        }
        _ => return Err(Refusal::invalid(SYNTAX)),
    };
    let search = scope.search(search)?;
    let pattern = scope.pattern(pattern)?;
    Ok(Box::new(Scan {
        search,
        pattern,
        list: scope.list(list)?,
    }))
}

impl Scan {
    fn token<'t>(text: &'t [u8], found: &Found, position: &'t mut String) -> &'t [u8] {
        match found.capture {
            Some(Capture::Text(from, to)) => text.get(from..to).unwrap_or_default(),
            Some(Capture::Position(at)) => {
                *position = at.to_string();
                position.as_bytes()
            }
            None => text.get(found.start..found.end).unwrap_or_default(),
        }
    }
}

impl Condition for Scan {
    fn cost(&self) -> Cost {
        Cost::Search
    }

    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.load_xml(self.search);
        let fork = run.fork(&self.list);
        let list = fork.as_deref().unwrap_or(&self.list);
        let (text, budget) = run.search(self.search);
        if text.len() < self.pattern.minimum_length() {
            return false;
        }
        if let Some(set) = self.pattern.run_of() {
            if !budget.take(text.len() as u64) {
                return false;
            }
            let quick = list.quick();
            return set.runs(text).any(|token| match &quick {
                Some(contents) => contents.contains(token),
                None => budget.take(list.cost(token)) && list.contains(token),
            });
        }
        let mut position = String::new();
        self.pattern.matches(text, budget).any(|found| {
            let token = Self::token(text, &found, &mut position);
            budget.take(list.cost(token)) && list.contains(token)
        })
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        let fork = run.fork(&self.list);
        sight.add("list", Some(self.list.describe()));
        run.load_xml(self.search);
        let searched = run.search(self.search).0.to_vec();
        sight.bytes("searched", &searched);
        let steps = Budget::new(run.budget.left());
        let mut position = String::new();
        let mut tried = 0;
        for found in self.pattern.matches(&searched, &steps) {
            let token = Self::token(&searched, &found, &mut position);
            tried += 1;
            if fork.as_deref().unwrap_or(&self.list).contains(token) {
                sight.bytes("entry", token);
                run.describe_entry(&self.list, token, sight);
                break;
            }
        }
        sight.add("matches looked up", Some(tried));
        run.budget
            .take(run.budget.left().saturating_sub(steps.left()));
    }

    fn asks_list(&self, run: &mut Run<'_>) -> bool {
        run.load_xml(self.search);
        let (text, budget) = run.search(self.search);
        self.pattern.matches(text, budget).next().is_some()
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
