//! `INSPECT`: look at any place of the stanza.

use std::borrow::Cow;

use memchr::memmem::{self, Finder};

use crate::conditions::{
    Condition, Cost, Example, Guard, Key, Parameter, Spec, TextGuard, required,
};
use crate::diagnostic::Code;
use crate::explain::sight::Sight;
use crate::expression::Template;
use crate::lua_pattern::{Mode, Pattern};
use crate::refusal::Refusal;
use crate::run::{PathId, Run};
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "INSPECT",
    parameter: Parameter::Required("Expected a stanza path"),
    syntax: "INSPECT: path, INSPECT: path=text, path/=text, path~=pattern, or with $ before the operator",
    summary: "The path leads somewhere; or the text there is exactly (`=`), contains (`/=`) or matches the Lua pattern (`~=`). With `$` before the operator, expressions in the text are expanded first. For `/=` and `~=` a missing node counts as empty text.",
    examples: &[
        Example {
            definitions: "",
            line: "INSPECT: body",
            stanza: "<message><body>x</body></message>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "INSPECT: {jabber:iq:register}query/username#=admin",
            stanza: "<iq type='set'><query xmlns='jabber:iq:register'><username>admin</username></query></iq>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "INSPECT: body#/=buy",
            stanza: "<message><body>I buy</body></message>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "INSPECT: body#~=^buy",
            stanza: "<message><body>I buy</body></message>",
            holds: false,
        },
        Example {
            definitions: "",
            line: "INSPECT: body#$/=$<@from|node>",
            stanza: "<message from='juliet@remote.example'><body>juliet here</body></message>",
            holds: true,
        },
    ],
    parse,
};

#[derive(Debug)]
enum Test {
    Exists,
    Equals(String),
    Contains(Box<Finder<'static>>),
    Matches(Box<Pattern>),
    EqualsExpanded(Template),
    ContainsExpanded(Template),
    MatchesExpanded(Template),
}

#[derive(Debug)]
struct Inspect {
    path: PathId,
    /// The namespace of the child that the path begins with, if it is written.
    payload: Option<Box<str>>,
    test: Test,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let text = required(value);
    let Some(equals) = first_equals(text) else {
        let path = scope.path(text)?;
        return Ok(Box::new(Inspect {
            path,
            payload: scope.payload_of(path),
            test: Test::Exists,
        }));
    };
    let before = text.get(..equals).unwrap_or_default();
    let operand = text.get(equals + 1..).unwrap_or_default();
    let path = before.trim_end_matches(['~', '/', '$']);
    let operator = before.get(path.len()..).unwrap_or_default();
    let has_attribute = path
        .rsplit_once('@')
        .is_some_and(|(_, name)| !name.is_empty() && !name.starts_with('/'));
    if !path.ends_with('#') && !has_attribute {
        return Err(Refusal::new(
            Code::Path,
            "Stanza path does not return a string (append # for text content or @name for value of named attribute)",
        ));
    }
    let path = scope.path(path)?;
    let is_expanded = operator.contains('$');
    let test = match (operator.replace('$', "").as_str(), is_expanded) {
        ("", false) => Test::Equals(operand.to_owned()),
        ("/", false) => Test::Contains(Box::new(Finder::new(operand).into_owned())),
        ("~", false) => Test::Matches(Box::new(
            Pattern::new(operand.as_bytes(), Mode::Search).map_err(|error| {
                Refusal::new(
                    Code::Pattern,
                    format!("Invalid pattern '{operand}': {error}"),
                )
            })?,
        )),
        ("", true) => Test::EqualsExpanded(scope.template(operand)?),
        ("/", true) => Test::ContainsExpanded(scope.template(operand)?),
        ("~", true) => Test::MatchesExpanded(scope.template(operand)?),
        (other, _) => {
            return Err(
                Refusal::invalid(format!("Unrecognised comparison '{other}='"))
                    .help("the comparisons are =, /= and ~=, each with $ before it or not"),
            );
        }
    };
    Ok(Box::new(Inspect {
        path,
        payload: None,
        test,
    }))
}

/// The first `=` that is not part of a namespace in braces.
fn first_equals(text: &str) -> Option<usize> {
    let mut is_in_braces = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => is_in_braces = true,
            b'}' => is_in_braces = false,
            b'=' if !is_in_braces => return Some(at),
            _ => {}
        }
    }
    text.find('=').filter(|_| is_in_braces)
}

/// Steps that looking for a literal costs: many bytes are looked at together.
fn fast_cost(text: &[u8]) -> u64 {
    text.len() as u64 / 16 + 1
}

impl Inspect {
    /// What exists in a namespace needs a child of that namespace.
    fn payload_guard(&self) -> Guard {
        match &self.payload {
            Some(ns) => Guard::Keys(vec![Key::Payload(ns.to_string())]),
            None => Guard::None,
        }
    }
}

impl Condition for Inspect {
    fn cost(&self) -> Cost {
        match self.test {
            Test::Matches(_) | Test::MatchesExpanded(_) => Cost::Search,
            _ => Cost::Content,
        }
    }

    fn holds(&self, run: &mut Run<'_>) -> bool {
        let path = self.path;
        match &self.test {
            Test::Exists => run.exists(path),
            Test::Equals(text) => run.text(path) == Some(text),
            Test::Contains(finder) => {
                let (text, budget) = run.search(path);
                budget.take(fast_cost(text)) && finder.find(text).is_some()
            }
            Test::Matches(pattern) => {
                let (text, budget) = run.search(path);
                pattern.is_match(text, budget)
            }
            Test::EqualsExpanded(template) => template.with(run, |run, expected| {
                run.text(path)
                    .is_some_and(|text| text.as_bytes() == expected)
            }),
            Test::ContainsExpanded(template) => template.with(run, |run, expected| {
                let (text, budget) = run.search(path);
                budget.take(fast_cost(text)) && memmem::find(text, expected).is_some()
            }),
            Test::MatchesExpanded(template) => template.with(run, |run, pattern| {
                // Only now is the pattern known; a malformed one matches nothing.
                let Ok(pattern) = Pattern::new(pattern, Mode::Search) else {
                    return false;
                };
                let (text, budget) = run.search(path);
                pattern.is_match(text, budget)
            }),
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        run.load_xml(self.path);
        let text = run.string(self.path).map(Cow::into_owned);
        sight.add("found", text.as_deref());
        let text = text.unwrap_or_default();
        match &self.test {
            Test::EqualsExpanded(template)
            | Test::ContainsExpanded(template)
            | Test::MatchesExpanded(template) => {
                sight.add("compared with", Some(template.to_text(run)));
            }
            Test::Matches(pattern) => {
                if let Some(found) = pattern.matches(text.as_bytes(), &run.budget).next() {
                    let part = text.as_bytes().get(found.start..found.end);
                    sight.bytes("match", part.unwrap_or_default());
                }
            }
            Test::Exists | Test::Equals(_) | Test::Contains(_) => {}
        }
    }

    fn guard(&self) -> Guard {
        let (literal, is_whole) = match &self.test {
            Test::Exists => return self.payload_guard(),
            Test::Equals(text) => (text.as_bytes(), true),
            Test::Contains(finder) => (finder.needle(), false),
            Test::Matches(pattern) => (pattern.required(), false),
            _ => return Guard::None,
        };
        if literal.is_empty() {
            return Guard::None;
        }
        Guard::Text(TextGuard {
            path: self.path,
            literal: literal.to_vec(),
            is_whole,
        })
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
