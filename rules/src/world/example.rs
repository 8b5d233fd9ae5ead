//! The world in which the examples of conditions and actions run.

use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::{Roster, Session, World};
use crate::{Compiled, NoFiles, Options, OriginKind, Source, Subscription, Verdict, compile};

fn world() -> World {
    let mut world = World::default();
    let mut remote = Session::of_kind(OriginKind::ServerInbound);
    remote.from_host = Some("remote.example".into());
    remote.ip = "203.0.113.9".parse().ok();
    let mut alice = Session::of_kind(OriginKind::Client);
    alice.host = Some("example.com".into());
    alice.full_jid = Some("alice@example.com/phone".into());
    alice.directed.insert("room@rooms.example/nick".into());
    world.sessions.insert("remote".into(), remote);
    world.sessions.insert("alice".into(), alice);
    let mut roster = Roster::default();
    let groups = ["Friends".to_owned()].into();
    roster.items.insert(
        "juliet@remote.example".into(),
        (Some(Subscription::Both), groups),
    );
    roster.pending.insert("nurse@remote.example".into());
    world.rosters.insert("bob@example.com".into(), roster);
    world.groups.insert(
        "Staff".into(),
        ["alice@example.com".to_owned(), "bob@example.com".to_owned()].into(),
    );
    world.admins.insert(
        "example.com".into(),
        ["alice@example.com".to_owned()].into(),
    );
    world.permissions.insert(
        "prosody:registered".into(),
        ["example:speak".to_owned()].into(),
    );
    if let Ok(ip) = "203.0.113.9".parse() {
        world
            .countries
            .insert(ip, ["SE", "SWE", "EU"].map(|code| Some(code.to_owned())));
    }
    world
}

fn compiled(script: &str) -> Compiled {
    let source = Source {
        name: "example.pfw".into(),
        text: script.as_bytes().to_vec(),
    };
    compile(
        "example.com",
        &[source],
        &Options::default(),
        &NoFiles,
        None,
    )
}

/// Whether a script drops a stanza in chain `deliver`, or why it could not be loaded.
pub(crate) fn example_drops(script: &str, stanza: &str) -> Result<bool, String> {
    let compiled = compiled(script);
    if compiled.reports[0].has_errors() {
        return Err(compiled.reports[0].render(false));
    }
    let stanza = Stanza::from_xml(stanza.as_bytes(), &Limits::default())
        .map_err(|error| error.to_string())?;
    let mut world = world();
    let is_alice = stanza
        .from()
        .is_some_and(|from| from.as_str() == "alice@example.com/phone");
    world.origin = if is_alice { "alice" } else { "remote" }.into();
    Ok(compiled.ruleset.run("deliver", &stanza, &world).verdict == Verdict::Drop)
}

/// The errors of a script.
pub(crate) fn load_errors(script: &str) -> Vec<String> {
    let compiled = compiled(script);
    compiled.reports[0]
        .diagnostics
        .iter()
        .filter(|one| one.is_error())
        .map(ToString::to_string)
        .collect()
}
