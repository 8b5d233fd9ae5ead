//! Cases through our own compiler and evaluator.

use rules::{Effect, Options, Outcome as RunOutcome, Source, Timestamp, Verdict, compile};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::canonical;
use super::case::{Answer, Case, Outcome, Step};
use super::scene::{self, HOST};
use rules::world::World;

/// Loads the script and runs the steps.
pub(crate) fn run(case: &Case) -> Answer {
    let source = Source {
        name: "test.pfw".to_owned(),
        text: case.script.clone().into_bytes(),
    };
    let compiled = compile(HOST, &[source], &Options::default(), &scene::Files, None);
    let report = &compiled.reports[0];
    if report.has_errors() {
        let errors = report.diagnostics.iter().filter(|one| one.is_error());
        let (lines, messages) = errors
            .map(|error| (error.span.line, error.message.clone()))
            .unzip();
        return Answer::Rejected { lines, messages };
    }
    let mut world = scene::world();
    let mut outcomes = Vec::new();
    for step in &case.steps {
        world.now = Timestamp::from_seconds(step.now);
        world.origin = step.origin.to_owned();
        let Ok(stanza) = Stanza::from_xml(step.stanza.as_bytes(), &Limits::default()) else {
            return Answer::Rejected {
                lines: Vec::new(),
                messages: vec![format!("our parser refuses {}", step.stanza)],
            };
        };
        let outcome = compiled.ruleset.run(step.chain, &stanza, &world);
        world.apply(&outcome);
        outcomes.push(described(&outcome, step, &world));
    }
    Answer::Ran(outcomes)
}

fn described(outcome: &RunOutcome, step: &Step, world: &World) -> Outcome {
    let result = match outcome.verdict {
        _ if outcome.fault.is_some() => "error",
        Verdict::Pass | Verdict::Return => "nil",
        Verdict::Default => "false",
        Verdict::Drop | Verdict::Bounce | Verdict::Redirect => "true",
    };
    let session = world.sessions.get(step.origin);
    let account = session
        .and_then(|session| session.full_jid.as_deref())
        .and_then(|full| full.split('/').next())
        .and_then(|account| world.user_marks.get(account));
    Outcome {
        result: result.to_owned(),
        effects: outcome.effects.iter().filter_map(effect).collect(),
        after: match &outcome.stanza {
            Some(stanza) => canonical::xml(&text_of(stanza)),
            None => canonical::xml(&step.stanza),
        },
        marks: session
            .into_iter()
            .flat_map(|session| session.marks.keys().cloned())
            .collect(),
        user_marks: account
            .into_iter()
            .flat_map(|marks| marks.keys().cloned())
            .collect(),
    }
}

/// An effect as the real one shows it; marks and rosters are compared by what they are afterwards.
fn effect(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Reply(stanza) => Some(format!("send {}", canonical::xml(&text_of(stanza)))),
        Effect::Route(stanza) => Some(format!("route {}", canonical::xml(&text_of(stanza)))),
        Effect::Log { level, message, .. } => Some(format!(
            "log {} {}",
            level.name(),
            canonical::mixed(message)
        )),
        Effect::Event(name) => Some(format!("event {name}")),
        _ => None,
    }
}

fn text_of(stanza: &Stanza) -> String {
    let mut xml = Vec::new();
    stanza.write_to(&mut xml);
    String::from_utf8_lossy(&xml).into_owned()
}
