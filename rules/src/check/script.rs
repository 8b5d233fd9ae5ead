//! One script's definitions and rules.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::actions::{self, Action};
use crate::conditions::on_fetched_list::OnFetchedList;
use crate::conditions::{self, Condition, Parameter};
use crate::definitions::list::definition::Backend;
use crate::definitions::list::{self, List};
use crate::definitions::zone::Zone;
use crate::definitions::{Entry, Object, Objects, SearchId, pattern, rate, unescape};
use crate::diagnostic::{Code, Diagnostic};
use crate::events::BUILT_IN;
use crate::limiter::Limiter;
use crate::loader::{LoadError, Loader};
use crate::options::Options;
use crate::program::{ChainId, Ruleset};
use crate::refusal::Refusal;
use crate::scope::{Numbers, Scope};
use crate::syntax::ast::{self, Item, Text};
use crate::syntax::span::Span;

use super::Candidate;
use super::refused::{about_value, definition_syntax, diagnostic};
use super::unknown::{unknown_action, unknown_condition};

/// A condition line that was understood.
pub(super) struct CheckDraft {
    pub(super) condition: Box<dyn Condition>,
    /// The condition's name in the table.
    pub(super) name: &'static str,
    pub(super) is_negated: bool,
    /// Conditions with the same key ask the same.
    pub(super) key: (u32, String),
    pub(super) text: String,
}

/// A rule that was understood.
pub(super) struct RuleDraft {
    pub(super) chain: ChainId,
    pub(super) line: u32,
    pub(super) checks: Vec<CheckDraft>,
    pub(super) steps: Vec<(Box<dyn Action>, u32, String)>,
    pub(super) jumps: Vec<ChainId>,
    pub(super) events: Vec<String>,
}

/// What scripts are compiled with.
pub(super) struct Tools<'c> {
    pub(super) options: &'c Options,
    pub(super) loader: &'c dyn Loader,
    pub(super) previous: Option<&'c Ruleset>,
    pub(super) numbers: Numbers,
    pub(super) objects: Objects,
}

impl Tools<'_> {
    /// Makes the objects that a script defines.
    pub(super) fn define(&mut self, number: u32, candidate: &Candidate, out: &mut Vec<Diagnostic>) {
        for item in &candidate.parsed.items {
            let Item::Definition(definition) = item else {
                continue;
            };
            let mut warnings = Vec::new();
            let made = self.object(candidate, definition, &mut warnings);
            warn(warnings, definition.value.span, out);
            match made {
                Ok((object, value)) => {
                    let entry = Entry {
                        script: candidate.loaded.name.clone(),
                        name: definition.name.text.clone(),
                        value,
                        object,
                        script_index: number,
                        span: definition.name.span,
                        is_used: AtomicBool::new(false),
                    };
                    if self.objects.add(entry) {
                        let message = format!(
                            "{} is defined twice; the last definition counts",
                            definition.name.text
                        );
                        out.push(Diagnostic::warning(
                            Code::Duplicate,
                            definition.name.span,
                            message,
                        ));
                    }
                }
                Err(refusal) => {
                    let value = Some(&definition.value).filter(|value| !value.text.is_empty());
                    let keyword = definition.keyword.text.as_str();
                    let syntax = definition_syntax(keyword);
                    out.push(about_value(refusal, value, definition.span, syntax));
                    self.objects.failed(number, keyword, &definition.name.text);
                }
            }
        }
    }

    fn object(
        &mut self,
        candidate: &Candidate,
        definition: &ast::Definition,
        warnings: &mut Vec<Refusal>,
    ) -> Result<(Object, String), Refusal> {
        let value = if definition.is_file {
            let bytes = self
                .loader
                .read(&definition.value.text)
                .map_err(unreadable)?;
            let text = String::from_utf8_lossy(&bytes)
                .replace("\r\n", " ")
                .replace('\n', " ");
            unescape(text.trim_end())
        } else {
            unescape(&definition.value.text)
        };
        let keyword = definition.keyword.text.as_str();
        let name = definition.name.text.as_str();
        let same = self
            .previous
            .and_then(|previous| {
                previous
                    .objects
                    .same(&candidate.loaded.name, keyword, name, &value)
            })
            .filter(|object| matches!(object, Object::List(_) | Object::Rate(_)));
        let object = match (keyword, same) {
            // The file may have changed since: what rules did to the list stays, the contents are the loader's.
            ("LIST", Some(Object::List(list))) if list.definition().backend != Backend::Memory => {
                self.loader.list(list.definition()).map_err(unreadable)?;
                Object::List(list.clone())
            }
            (_, Some(object)) => self.keep(object),
            ("ZONE", _) => Object::Zone(Arc::new(Zone::new(&value))),
            ("LIST", _) => {
                let definition = list::definition::parse(&value)?;
                if value.contains("missing:")
                    && !value.contains("missing: ignore")
                    && !value.contains("missing:ignore")
                {
                    let message = "a missing file counts as an empty list here: write `missing: ignore` to say so, or leave it out";
                    warnings.push(Refusal::new(Code::Suspicious, message));
                }
                let strays = list::strays::strays(&value, &definition.backend);
                warnings.extend(
                    strays
                        .into_iter()
                        .map(|stray| Refusal::new(Code::Suspicious, stray)),
                );
                let contents = self.loader.list(&definition).map_err(unreadable)?;
                Object::List(Arc::new(List::new(definition, contents)))
            }
            ("RATE", _) => {
                let definition = rate::parse(&value, self.options.limiter_entries)?;
                Object::Rate(Arc::new(Limiter::new(definition)))
            }
            ("SEARCH", _) => Object::Search(SearchId(self.numbers.path(&value)?)),
            _ => {
                if let Some(hidden) = pattern::parse(name, &value)? {
                    warnings.push(hidden);
                }
                Object::Pattern(value.as_str().into())
            }
        };
        Ok((object, value))
    }

    /// A limiter or memory list goes on, unless the configuration has changed what its definition means.
    fn keep(&self, object: &Object) -> Object {
        match object {
            Object::Rate(limiter) => Object::Rate(limiter.clone()),
            other => other.clone(),
        }
    }

    /// Gives the rules of a script their meaning.
    pub(super) fn rules(
        &mut self,
        number: u32,
        candidate: &Candidate,
        out: &mut Vec<Diagnostic>,
    ) -> Vec<RuleDraft> {
        let mut rules = Vec::new();
        let mut chain = self.numbers.chain("deliver");
        for item in &candidate.parsed.items {
            match item {
                Item::Chain(switch) => match self.chain(&switch.name.text) {
                    Ok(id) => chain = id,
                    Err(refusal) => out.push(diagnostic(refusal, switch.name.span)),
                },
                Item::Rule(rule) => rules.push(self.rule(number, chain, rule, out)),
                Item::Metadata(metadata)
                    if metadata.key.text == "trace" && !self.options.supports("@@ trace") =>
                {
                    out.push(diagnostic(
                        unsupported("option", "@@ trace"),
                        metadata.key.span,
                    ));
                }
                Item::Metadata(metadata) => out.extend(doubts(metadata)),
                Item::Definition(_) | Item::Test(_) => {}
            }
        }
        rules
    }

    fn chain(&mut self, name: &str) -> Result<ChainId, Refusal> {
        let extra = self
            .options
            .extra_chains
            .iter()
            .find(|extra| extra.name == name);
        if extra.is_some_and(|extra| !extra.is_event_chain) {
            return Err(Refusal::new(
                Code::UnknownChain,
                "Only event chains supported at the moment",
            ));
        }
        if extra.is_none() && !BUILT_IN.contains(&name) && !name.starts_with("user/") {
            let known = self.options.extra_chains.iter().map(|extra| &*extra.name);
            let refusal = Refusal::new(Code::UnknownChain, format!("Unknown chain: {name}"));
            if let Some(nearest) =
                crate::diagnostic::nearest(name, BUILT_IN.into_iter().chain(known))
            {
                return Err(refusal.help(format!("did you mean `{nearest}`?")));
            }
            return Err(refusal
                .help("the chains are preroute, deliver, deliver_remote and your own, which begin with user/"));
        }
        if !self.options.supports(name) {
            return Err(unsupported("chain", name));
        }
        Ok(self.numbers.chain(name))
    }

    fn rule(
        &mut self,
        number: u32,
        chain: ChainId,
        rule: &ast::Rule,
        out: &mut Vec<Diagnostic>,
    ) -> RuleDraft {
        let mut draft = RuleDraft {
            chain,
            line: rule.span.line,
            checks: Vec::with_capacity(rule.conditions.len()),
            steps: Vec::with_capacity(rule.actions.len()),
            jumps: Vec::new(),
            events: Vec::new(),
        };
        for condition in &rule.conditions {
            draft.checks.extend(self.condition(number, condition, out));
        }
        for action in &rule.actions {
            self.action(number, action, &mut draft, out);
        }
        draft
    }

    fn scope(&mut self, script: u32) -> Scope<'_> {
        Scope {
            numbers: &mut self.numbers,
            objects: &self.objects,
            script,
            jumps: Vec::new(),
            events: Vec::new(),
            warnings: Vec::new(),
            is_script_bound: false,
            list: None,
        }
    }

    fn condition(
        &mut self,
        number: u32,
        condition: &ast::Condition,
        out: &mut Vec<Diagnostic>,
    ) -> Option<CheckDraft> {
        let name = condition.name.text.as_str();
        let Some(spec) = conditions::named(name) else {
            out.push(unknown_condition(condition));
            return None;
        };
        if let Some(refusal) = lacking(self.options, spec.name) {
            out.push(diagnostic(refusal, condition.name.span));
            return None;
        }
        let value = match parameter(spec.parameter, condition.value.as_ref(), spec.syntax) {
            Ok(value) => value,
            Err(refusal) => {
                out.push(diagnostic(refusal, condition.line.span));
                return None;
            }
        };
        let span = condition
            .value
            .as_ref()
            .map_or(condition.line.span, |value| value.span);
        let mut scope = self.scope(number);
        let parsed = (spec.parse)(&mut scope, value);
        let script = if scope.is_script_bound {
            number
        } else {
            u32::MAX
        };
        let list = scope.list;
        warn(scope.warnings, span, out);
        match parsed {
            Ok(made) => {
                let key = (script, format!("{name}:{}", value.unwrap_or_default()));
                let draft = CheckDraft {
                    condition: made,
                    name: spec.name,
                    is_negated: condition.negated,
                    key,
                    text: condition.line.text.clone(),
                };
                Some(self.with_unknown(draft, list))
            }
            Err(refusal) => {
                if !refusal.is_echo {
                    let value = condition.value.as_ref();
                    let line = condition.line.span;
                    out.push(about_value(refusal, value, line, spec.syntax));
                }
                None
            }
        }
    }

    /// A condition on a list that may be unknown sees to its `NOT` itself: unknown is neither true nor false.
    fn with_unknown(&self, mut draft: CheckDraft, list: Option<Arc<List>>) -> CheckDraft {
        let Some(list) = list.filter(|list| list.may_be_unknown()) else {
            return draft;
        };
        let policy = list.definition().when_unknown;
        let policy = policy.unwrap_or(self.options.when_unknown);
        if draft.is_negated {
            draft.key.1.insert_str(0, "NOT ");
        }
        draft.condition = Box::new(OnFetchedList {
            condition: draft.condition,
            list,
            is_negated: std::mem::take(&mut draft.is_negated),
            when_unknown: policy,
        });
        draft
    }

    fn action(
        &mut self,
        number: u32,
        action: &ast::Action,
        draft: &mut RuleDraft,
        out: &mut Vec<Diagnostic>,
    ) {
        let name = action.name.text.as_str();
        let line = action.line.span.line;
        let Some(spec) = actions::named(name) else {
            out.push(unknown_action(action));
            return;
        };
        let spaced = spec.name.replace('_', " ");
        if !self.options.supports(&spaced) {
            return out.push(diagnostic(unsupported("action", &spaced), action.name.span));
        }
        let value = match parameter(spec.parameter, action.value.as_ref(), spec.syntax) {
            Ok(value) => value,
            Err(refusal) => return out.push(diagnostic(refusal, action.line.span)),
        };
        let span = action
            .value
            .as_ref()
            .map_or(action.line.span, |value| value.span);
        if draft
            .steps
            .last()
            .is_some_and(|(last, ..)| last.ends_rule())
        {
            let message = "this action is never reached: the one above it ends the rule".to_owned();
            out.push(
                Diagnostic::warning(Code::UnreachableAction, action.line.span, message)
                    .with_help("move it above that action, or leave it out"),
            );
        }
        let mut scope = self.scope(number);
        let parsed = (spec.parse)(&mut scope, value);
        draft.jumps.append(&mut scope.jumps);
        draft.events.append(&mut scope.events);
        warn(scope.warnings, span, out);
        match parsed {
            Ok(made) => draft.steps.push((made, line, action.line.text.clone())),
            Err(refusal) if refusal.is_echo => {}
            Err(refusal) => {
                let (value, line) = (action.value.as_ref(), action.line.span);
                out.push(about_value(refusal, value, line, spec.syntax));
            }
        }
    }
}

fn warn(warnings: Vec<Refusal>, span: Span, out: &mut Vec<Diagnostic>) {
    for warning in warnings {
        let made = Diagnostic::warning(warning.code, span, warning.message);
        out.push(match warning.help {
            Some(help) => made.with_help(help),
            None => made,
        });
    }
}

/// The value that a condition or action works with.
fn parameter<'v>(
    parameter: Parameter,
    value: Option<&'v Text>,
    syntax: &str,
) -> Result<Option<&'v str>, Refusal> {
    match (parameter, value) {
        (Parameter::Required(missing), None) => {
            Err(Refusal::new(Code::MissingValue, missing).help(format!("write `{syntax}`")))
        }
        (Parameter::None, _) => Ok(None),
        (_, value) => Ok(value.map(|value| value.text.as_str())),
    }
}

/// What looks like a mistake in `@@ key = value`. What is not known is kept and means nothing.
fn doubts(metadata: &ast::Metadata) -> Option<Diagnostic> {
    let (key, value) = (&metadata.key, &metadata.value);
    let (span, message) = match key.text.as_str() {
        "trace" if super::TRACE.contains(&&*value.text) => return None,
        "trace" => (value.span, "`@@ trace` is `on` or `off`".to_owned()),
        other => (
            key.span,
            format!("`@@ {other}` means nothing to this version"),
        ),
    };
    Some(Diagnostic::warning(Code::Metadata, span, message))
}

fn unsupported(what: &str, name: &str) -> Refusal {
    Refusal::new(
        Code::Unsupported,
        format!("the {what} {name} is not supported by this version"),
    )
}

/// Why no script can use the condition `name` here.
fn lacking(options: &Options, name: &str) -> Option<Refusal> {
    if !options.supports(name) {
        return Some(unsupported("condition", name));
    }
    let cure = options.cure(name)?;
    let message = format!("the condition {name} lacks a setting");
    Some(Refusal::new(Code::Unsupported, message).help(cure))
}

fn unreadable(error: LoadError) -> Refusal {
    let code = match &error {
        LoadError::Missing(_) => {
            return Refusal::new(Code::Unreadable, error.to_string())
                .help("create it; a list whose file may be missing says `(missing: ignore)`");
        }
        LoadError::Unsupported(_) => Code::Unsupported,
        _ => Code::Unreadable,
    };
    Refusal::new(code, error.to_string())
}
