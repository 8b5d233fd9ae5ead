//! One case: load the scripts, walk the steps, compare.

use std::collections::BTreeMap;

use serde_json::Value;
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::world::{self, DIRECTORY, Files, text};
use super::xml;
use crate::explain::{Explanation, Trial};
use crate::world::World;
use crate::{
    Effect, Observer, Options, Outcome, Report, Ruleset, ScriptState, Source, Verdict, compile,
};

type Failure = String;

/// Runs a case; the error says what was not as expected.
pub(super) fn run(case: &Value) -> Result<(), Failure> {
    let context = case.get("context").unwrap_or(&Value::Null);
    let better = case.get("better").filter(|better| !better.is_null());
    let is_quirk = case.get("quirk").and_then(Value::as_bool).unwrap_or(false);
    let mut server = Server::start(case, context);
    if (is_quirk && better.is_none()) || was_unknown_then(case) {
        return Ok(());
    }
    let recorded = case.get("load").unwrap_or(&Value::Null);
    let is_ok = |load: &Value| load.get("ok").and_then(Value::as_bool).unwrap_or(true);
    let accepted = Value::Object([("ok".to_owned(), Value::Bool(true))].into_iter().collect());
    let load = match better {
        Some(better) => better.get("load").unwrap_or(&accepted),
        None => recorded,
    };
    server.check_load(load)?;
    let better_steps = better
        .and_then(|better| better.get("steps"))
        .and_then(Value::as_array);
    // What was recorded while nothing was active says nothing about rules that ours accepts or rejects.
    let is_comparable = better.is_none() || is_ok(load) == is_ok(recorded);
    if better.is_some() && !is_ok(load) && better_steps.is_none() {
        return Ok(());
    }
    let steps = case
        .get("steps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for (number, step) in steps.enumerate() {
        let wanted = better_steps
            .and_then(|steps| steps.get(number))
            .filter(|step| !step.is_null());
        let expect = match wanted {
            Some(wanted) => Some((wanted, true)),
            None if is_comparable => step.get("expect").map(|expect| (expect, false)),
            None => None,
        };
        server
            .step(step, expect)
            .map_err(|reason| format!("step {}: {reason}", number + 1))?;
    }
    if is_comparable {
        server.check_rosters(case)?;
        server.check_requests(case)?;
    }
    Ok(())
}

/// True if only an old version knew nothing of what the script uses: that says nothing about today's language.
fn was_unknown_then(case: &Value) -> bool {
    let reason = case
        .get("load")
        .and_then(|load| text(load.get("reason")))
        .unwrap_or_default();
    let is_old = text(case.get("recorded_from")) == Some("debian-2023")
        && list(case.get("same_in")).is_empty();
    is_old && (reason.starts_with("Unknown condition") || reason.starts_with("Unknown action"))
}

struct Server {
    world: World,
    files: Files,
    options: Options,
    sources: Vec<Source>,
    rulesets: BTreeMap<String, Ruleset>,
    reports: Vec<Report>,
}

#[derive(Default)]
struct Actions(Vec<String>);

impl Observer for Actions {
    fn action(&mut self, _script: &str, _line: u32, text: &str) {
        self.0.push(text.to_owned());
    }
}

impl Server {
    fn start(case: &Value, context: &Value) -> Self {
        let world = world::world(context);
        let source = |name: &str, text: &str| Source {
            name: name.to_owned(),
            text: text.replace("@DIR@", DIRECTORY).into_bytes(),
        };
        let sources = match case.get("scripts").and_then(Value::as_array) {
            Some(scripts) => scripts
                .iter()
                .filter_map(|script| {
                    Some(source(text(script.get("name"))?, text(script.get("text"))?))
                })
                .collect(),
            None => vec![source(
                "test.pfw",
                text(case.get("script")).unwrap_or_default(),
            )],
        };
        let mut server = Self {
            files: Files::new(context, world.now),
            world,
            options: world::options(context),
            sources,
            rulesets: BTreeMap::new(),
            reports: Vec::new(),
        };
        server.load(&world::hosts(context));
        server
    }

    fn load(&mut self, hosts: &[String]) {
        for (number, host) in hosts.iter().enumerate() {
            let previous = self.rulesets.get(host);
            let compiled = compile(host, &self.sources, &self.options, &self.files, previous);
            if number == 0 {
                self.reports = compiled.reports;
            }
            self.rulesets.insert(host.clone(), compiled.ruleset);
        }
    }

    fn check_load(&self, load: &Value) -> Result<(), Failure> {
        let rejected = self
            .reports
            .iter()
            .find(|report| report.state != ScriptState::Loaded);
        let is_ok = load.get("ok").and_then(Value::as_bool).unwrap_or(true);
        let report = match (is_ok, rejected) {
            (true, None) => return Ok(()),
            (true, Some(report)) => return Err(format!("not loaded: {}", first_error(report))),
            (false, None) => return Err("loaded, but should be rejected".into()),
            (false, Some(report)) => report,
        };
        let error = report.diagnostics.iter().find(|one| one.is_error());
        let line = load.get("line").and_then(Value::as_u64);
        if line.is_some() && line != error.map(|error| u64::from(error.span.line)) {
            return Err(format!(
                "rejected, but not on line {}: {}",
                line.unwrap_or(0),
                first_error(report)
            ));
        }
        Ok(())
    }

    fn step(&mut self, step: &Value, expect: Option<(&Value, bool)>) -> Result<(), Failure> {
        if let Some(now) = step.get("now").and_then(world::time) {
            self.world.now = now;
            self.files.advance(now);
        }
        if let Some(reload) = step.get("reload") {
            self.reload(reload);
        }
        let Some(chain) = text(step.get("chain")) else {
            return Ok(());
        };
        let given = text(step.get("stanza_as_routed"))
            .or(text(step.get("stanza")))
            .unwrap_or_default();
        let stanza = Stanza::from_xml(given.as_bytes(), &Limits::default())
            .map_err(|error| format!("the stanza can not be read: {error}"))?;
        self.world.origin = text(step.get("origin")).unwrap_or_default().to_owned();
        let host = self.host_of(chain, &stanza);
        let Some(ruleset) = self.rulesets.get(&host) else {
            return Err(format!("no rules for host {host}"));
        };
        let explained = ruleset.explain(chain, &stanza, &self.world, Trial::Dry);
        let mut actions = Actions::default();
        let outcome = match chain.strip_prefix("event:") {
            Some(event) => ruleset.run_event(event, &stanza, &self.world),
            None => ruleset.run_observed(chain, &stanza, &self.world, Some(&mut actions)),
        };
        if !chain.starts_with("event:") {
            compare_explanation(&explained, &outcome)?;
        }
        self.world.apply(&outcome);
        match expect {
            Some((expect, is_partial)) => {
                self.compare(&outcome, &actions.0, expect, is_partial, given)
            }
            None => Ok(()),
        }
    }

    fn reload(&mut self, reload: &Value) {
        let files = reload
            .get("files")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (name, content) in files {
            let content = content.as_str().unwrap_or_default();
            match self.sources.iter_mut().find(|source| source.name == *name) {
                Some(source) => source.text = content.replace("@DIR@", DIRECTORY).into_bytes(),
                None => self.files.write(name, content),
            }
        }
        let hosts: Vec<String> = self.rulesets.keys().cloned().collect();
        self.load(&hosts);
    }

    /// The host that owns the event.
    fn host_of(&self, chain: &str, stanza: &Stanza) -> String {
        let origin = self.world.sessions.get(&self.world.origin);
        let own = origin.and_then(|session| session.host.clone());
        let domain = |jid: Option<&xmpp::jid::Jid>| jid.map(|jid| jid.domain().as_str().to_owned());
        let candidates = match chain {
            "preroute" => [own, None, None],
            "deliver_remote" => [domain(stanza.from()), own, None],
            _ => [domain(stanza.to()), own, domain(stanza.from())],
        };
        let known = candidates
            .into_iter()
            .flatten()
            .find(|host| self.rulesets.contains_key(host));
        known
            .or_else(|| self.rulesets.keys().next().cloned())
            .unwrap_or_default()
    }

    fn compare(
        &self,
        outcome: &Outcome,
        actions: &[String],
        expect: &Value,
        is_partial: bool,
        given: &str,
    ) -> Result<(), Failure> {
        let wanted = |field: &str| !is_partial || expect.get(field).is_some();
        let verdict = text(expect.get("verdict")).unwrap_or("pass");
        let is_lost = verdict == "error" && outcome.verdict == Verdict::Drop;
        if wanted("verdict") && verdict != outcome.verdict.name() && !is_lost {
            return Err(format!(
                "verdict {} instead of {verdict} {:?}",
                outcome.verdict.name(),
                outcome.fault
            ));
        }
        if wanted("sent") {
            compare_sent(outcome, expect.get("sent"))?;
        }
        if wanted("stanza_after") && !is_lost {
            compare_stanza(outcome, expect.get("stanza_after"), given)?;
        }
        if wanted("log") && !is_lost {
            compare_log(outcome, expect.get("log"))?;
        }
        if wanted("actions") && self.sources.len() == 1 && expect.get("actions").is_some() {
            compare_actions(actions, expect.get("actions"))?;
        }
        if wanted("marks") {
            let session = self.world.sessions.get(&self.world.origin);
            let marks = session.into_iter().flat_map(|session| session.marks.keys());
            compare_names("marks", marks, expect.get("marks"))?;
        }
        if wanted("user_marks") {
            let full = self
                .world
                .sessions
                .get(&self.world.origin)
                .and_then(|session| session.full_jid.as_deref());
            let account = full.and_then(crate::address::split).map(|parts| parts.bare);
            let marks = account.and_then(|account| self.world.user_marks.get(account));
            compare_names(
                "user marks",
                marks.into_iter().flat_map(BTreeMap::keys),
                expect.get("user_marks"),
            )?;
        }
        Ok(())
    }

    fn check_rosters(&self, case: &Value) -> Result<(), Failure> {
        let rosters = case
            .get("rosters_after")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (owner, items) in rosters {
            for (contact, item) in items.as_object().into_iter().flatten() {
                let found = self
                    .world
                    .rosters
                    .get(owner)
                    .and_then(|roster| roster.items.get(contact));
                let found = found.and_then(|(subscription, _)| *subscription);
                let found = found.map(|subscription| format!("{subscription:?}").to_lowercase());
                let wanted = text(item.get("subscription")).map(str::to_owned);
                if found != wanted {
                    return Err(format!(
                        "roster of {owner}: {contact} is {found:?} instead of {wanted:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_requests(&self, case: &Value) -> Result<(), Failure> {
        let Some(requests) = case.get("http_requests").and_then(Value::as_array) else {
            return Ok(());
        };
        // The original fetches once for each host, ours once for all.
        let mut wanted: Vec<world::Asked> = Vec::new();
        for request in requests {
            let asked = world::Asked {
                url: text(request.get("url")).unwrap_or_default().to_owned(),
                at: request
                    .get("at")
                    .and_then(Value::as_f64)
                    .unwrap_or_default(),
                if_none_match: text(request.get("if_none_match")).map(str::to_owned),
                is_insecure: request
                    .get("insecure")
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
            };
            if !wanted.contains(&asked) {
                wanted.push(asked);
            }
        }
        let asked = self.files.asked.borrow();
        if *asked == wanted {
            Ok(())
        } else {
            Err(format!("requests {asked:?} instead of {wanted:?}"))
        }
    }
}

fn first_error(report: &Report) -> String {
    let error = report.diagnostics.iter().find(|one| one.is_error());
    error
        .map(|error| error.headline(&report.script))
        .unwrap_or_default()
}

fn list(value: Option<&Value>) -> &[Value] {
    value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// An explanation comes to what the run comes to, and an index leaves out only what can not hold.
fn compare_explanation(
    (told, foreseen): &(Explanation, Outcome),
    outcome: &Outcome,
) -> Result<(), Failure> {
    let is_same = foreseen.verdict == outcome.verdict
        && foreseen.decided_by == outcome.decided_by
        && foreseen.fault == outcome.fault
        && foreseen.effects.len() == outcome.effects.len()
        && foreseen.stanza.as_ref().map(xml::text_of) == outcome.stanza.as_ref().map(xml::text_of);
    if !is_same {
        return Err(format!("explained otherwise: {told}"));
    }
    if told.has_wrongly_left_out() {
        return Err(format!("left out a rule that may hold: {told}"));
    }
    Ok(())
}

fn compare_sent(outcome: &Outcome, expected: Option<&Value>) -> Result<(), Failure> {
    let sent: Vec<(&str, String)> = outcome
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Reply(stanza) => Some(("reply", xml::text_of(stanza))),
            Effect::Route(stanza) => Some(("route", xml::text_of(stanza))),
            _ => None,
        })
        .collect();
    let expected = list(expected);
    let is_equal = |(via, found): &(&str, String), wanted: &Value| {
        let xml = text(wanted.get("xml")).unwrap_or_default();
        let ignored: &[&str] = if xml.contains("RANDOM-ID") {
            &["id"]
        } else {
            &[]
        };
        text(wanted.get("via")) == Some(*via) && xml::same(found, xml, ignored)
    };
    if sent.len() == expected.len()
        && sent
            .iter()
            .zip(expected)
            .all(|(sent, wanted)| is_equal(sent, wanted))
    {
        return Ok(());
    }
    Err(format!("sent {sent:?} instead of {expected:?}"))
}

fn compare_stanza(outcome: &Outcome, expected: Option<&Value>, given: &str) -> Result<(), Failure> {
    let found = outcome
        .stanza
        .as_ref()
        .map_or_else(|| given.to_owned(), xml::text_of);
    let expected = text(expected).unwrap_or(given);
    if xml::same(&found, expected, &[]) {
        return Ok(());
    }
    Err(format!("the stanza is {found} instead of {expected}"))
}

fn compare_log(outcome: &Outcome, expected: Option<&Value>) -> Result<(), Failure> {
    let logged: Vec<(&str, &str)> = outcome
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Log { level, message, .. } => Some((level.name(), message.as_str())),
            _ => None,
        })
        .collect();
    let expected: Vec<&Value> = list(expected)
        .iter()
        .filter(|line| text(line.get("source")) == Some("rule"))
        .collect();
    let is_equal = |(level, message): &(&str, &str), wanted: &Value| {
        text(wanted.get("level")) == Some(*level)
            && xml::same_text(message, text(wanted.get("message")).unwrap_or_default())
    };
    if logged.len() == expected.len()
        && logged
            .iter()
            .zip(&expected)
            .all(|(line, wanted)| is_equal(line, wanted))
    {
        return Ok(());
    }
    Err(format!("logged {logged:?} instead of {expected:?}"))
}

fn compare_actions(actions: &[String], expected: Option<&Value>) -> Result<(), Failure> {
    let is_jump = |line: &str| {
        line.to_ascii_uppercase()
            .replace('_', " ")
            .starts_with("JUMP")
    };
    let done: Vec<&str> = actions
        .iter()
        .map(String::as_str)
        .filter(|line| !is_jump(line))
        .collect();
    let expected: Vec<&str> = list(expected)
        .iter()
        .filter_map(Value::as_str)
        .filter(|line| !is_jump(line))
        .collect();
    let expected: Vec<String> = expected
        .iter()
        .map(|line| line.replace("@DIR@", DIRECTORY))
        .collect();
    if done == expected {
        return Ok(());
    }
    Err(format!("ran {done:?} instead of {expected:?}"))
}

fn compare_names<'n>(
    what: &str,
    found: impl Iterator<Item = &'n String>,
    expected: Option<&Value>,
) -> Result<(), Failure> {
    let found: Vec<&str> = found.map(String::as_str).collect();
    let mut expected: Vec<&str> = list(expected).iter().filter_map(Value::as_str).collect();
    expected.sort_unstable();
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what} {found:?} instead of {expected:?}"))
    }
}
