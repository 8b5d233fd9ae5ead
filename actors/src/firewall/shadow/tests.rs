use std::borrow::Cow;
use std::net::IpAddr;

use portcullis_config::{Config, ScriptSource};
use rules::world::World;
use rules::{CountryField, Facts, Origin, Subscription, Timestamp, Verdict};
use xmpp::Stanza;
use xmpp::xml::Limits;

use super::{ShadowOrder, ShadowReport, ShadowState};
use crate::firewall::Firewall;
use crate::firewall::tests::{Fixture, HOST};
use crate::supervise::ActorPath;

fn stanza(from: &str) -> Stanza {
    let xml =
        format!("<message from='{from}' to='bob@{HOST}' id='7'><body>secret</body></message>");
    Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap()
}

fn run(firewall: &Firewall, from: &str, facts: &dyn Facts) -> Verdict {
    let rules = firewall.rules(HOST).unwrap();
    rules.run("deliver", &stanza(from), facts).verdict
}

fn order(fixture: &Fixture, scripts: &[&str]) -> ShadowOrder {
    let script = |name: &&str| ScriptSource::File(fixture.directory.path().join(name));
    ShadowOrder {
        host: HOST.to_owned(),
        scripts: scripts.iter().map(script).collect(),
        keeps_contents: false,
    }
}

fn report(firewall: &Firewall) -> ShadowReport {
    firewall.shadow_report(HOST, 0, 100).unwrap()
}

/// A node whose rules in force are `active`, and `shadow` on trial.
fn trial(active: &str, shadow: &str) -> (Fixture, Config, Firewall) {
    let fixture = Fixture::new();
    fixture.write("a.pfw", active);
    fixture.write("b.pfw", shadow);
    let (config, firewall) = (fixture.config(&["a.pfw"]), fixture.start(&["a.pfw"]));
    firewall
        .load_shadow(&config, order(&fixture, &["b.pfw"]))
        .unwrap();
    (fixture, config, firewall)
}

#[actix_rt::test]
async fn a_shadow_decides_nothing_and_tells_where_it_differs() {
    let (fixture, _, firewall) = trial(
        "FROM: spam.example\nDROP.\n",
        "FROM: spam.example\nDROP.\n\nFROM: ham.example\nBOUNCE=policy-violation\n",
    );
    let world = World::default();
    assert_eq!(run(&firewall, "spam.example", &world), Verdict::Drop);
    assert_eq!(run(&firewall, "ham.example", &world), Verdict::Pass);
    assert_eq!(run(&firewall, "other.example", &world), Verdict::Pass);
    let found = report(&firewall);
    let counts = &found.counts;
    assert_eq!((counts.seen, counts.same, counts.other_verdict), (3, 2, 1));
    let [way] = &found.differences[..] else {
        panic!("{found:?}");
    };
    assert_eq!((&*way.active, &way.active_rule), ("pass", &None));
    let rule = fixture.directory.path().join("b.pfw").display().to_string() + ":4";
    assert_eq!(
        (&*way.shadow, way.shadow_rule.as_ref()),
        ("bounce", Some(&rule))
    );
    assert_eq!(way.samples[0].from.as_deref(), Some("ham.example"));
    assert!(!format!("{found:?}").contains("secret"), "{found:?}");
    assert!(counts.nanoseconds >= counts.slowest_nanoseconds && counts.slowest_nanoseconds > 0);
    let path = ActorPath::root("firewall").child(HOST).child("shadow");
    assert!(fixture.running(&path).await);
    assert!(firewall.drop_shadow(HOST) && !firewall.drop_shadow(HOST));
    assert!(firewall.shadow_report(HOST, 0, 1).is_none());
}

#[actix_rt::test]
async fn a_shadow_changes_nothing_outside_of_itself() {
    let script = "%LIST l: memory\n%RATE r: 0.001\n\nLIMIT: r\nDROP.\n\nCHECK LIST: l contains $<@from>\nDROP.\n\n\
                  ADD TO=l $<@from>\nMARK ORIGIN=seen\n";
    let (_fixture, _, firewall) = trial("NOT KIND: iq\nPASS.\n", script);
    let world = World::default();
    for _ in 0..2 {
        assert_eq!(run(&firewall, "a.example", &world), Verdict::Pass);
    }
    // Its own limiter counts, and its own list is filled.
    let found = report(&firewall);
    assert_eq!(
        (found.counts.other_verdict, found.counts.other_actions),
        (1, 1)
    );
    assert!(
        !firewall
            .rules(HOST)
            .unwrap()
            .ruleset()
            .objects()
            .iter()
            .any(|_| true)
    );
}

#[actix_rt::test]
async fn marks_of_a_shadow_are_seen_by_it_alone() {
    let script = "ORIGIN MARKED: seen\nDROP.\n\nMARK ORIGIN=seen\n";
    let (_fixture, _, firewall) = trial("ORIGIN MARKED: seen\nBOUNCE.\n", script);
    let world = Client(World::default());
    for _ in 0..3 {
        assert_eq!(run(&firewall, "a.example", &world), Verdict::Pass);
    }
    let counts = report(&firewall).counts;
    assert_eq!(
        (counts.marks, counts.other_actions, counts.other_verdict),
        (1, 1, 2)
    );
}

#[actix_rt::test]
async fn a_panic_ends_the_shadow_and_nothing_else() {
    let (_fixture, _, firewall) = trial("FROM: spam.example\nDROP.\n", "TO FULL JID?\nDROP.\n");
    let world = Client(World::default());
    for _ in 0..2 {
        let xml = format!("<message from='spam.example' to='bob@{HOST}/boom'/>");
        let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap();
        let rules = firewall.rules(HOST).unwrap();
        assert_eq!(rules.run("deliver", &stanza, &world).verdict, Verdict::Drop);
    }
    let counts = report(&firewall).counts;
    assert!(matches!(counts.state, ShadowState::Failed(why) if why.contains("boom")));
    assert_eq!(counts.seen, 0);
}

#[actix_rt::test]
async fn a_shadow_that_is_cut_off_is_a_difference() {
    let (_fixture, _, firewall) = trial(
        "PASS.\n",
        "JUMP CHAIN=user/a\n\n::user/a\nJUMP CHAIN=user/a\n",
    );
    assert_eq!(
        run(&firewall, "a.example", &World::default()),
        Verdict::Pass
    );
    let found = report(&firewall);
    assert_eq!(
        (found.counts.faults, &*found.differences[0].shadow),
        (1, "fault")
    );
}

#[actix_rt::test]
async fn arming_puts_what_was_watched_in_force() {
    let list = "%LIST l: memory\n\n";
    let (fixture, config, firewall) = trial(
        &format!("{list}ADD TO=l $<@from>\n"),
        &format!("{list}FROM: x.example\nDROP.\n"),
    );
    let world = World::default();
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Pass);
    fixture.write("b.pfw", "BROKEN\n");
    let armed = firewall.arm_shadow(&config, HOST).unwrap().unwrap();
    assert!(!armed.is_permanent());
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Drop);
    assert_eq!(firewall.armed(), [HOST]);
    assert_eq!(firewall.arm_shadow(&config, HOST).unwrap(), None);
    firewall.reload(&config).unwrap();
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Pass);
    assert!(firewall.armed().is_empty());
}

#[actix_rt::test]
async fn arming_the_configured_scripts_keeps_state_and_lasts() {
    let script =
        "%LIST l: memory\n\nCHECK LIST: l contains $<@from>\nBOUNCE.\n\nADD TO=l $<@from>\n";
    let fixture = Fixture::new();
    fixture.write("a.pfw", script);
    let (config, firewall) = (fixture.config(&["a.pfw"]), fixture.start(&["a.pfw"]));
    let world = World::default();
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Pass);
    fixture.write("a.pfw", &script.replace("BOUNCE", "DROP"));
    firewall.load_shadow(&config, order(&fixture, &[])).unwrap();
    let armed = firewall.arm_shadow(&config, HOST).unwrap().unwrap();
    assert!(armed.is_permanent(), "{armed:?}");
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Drop);
    firewall.reload(&config).unwrap();
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Drop);
}

#[actix_rt::test]
async fn shadows_survive_a_reload_and_broken_ones_are_refused() {
    let (fixture, config, firewall) = trial("PASS.\n", "FROM: x.example\nDROP.\n");
    let world = World::default();
    firewall.reload(&config).unwrap();
    assert_eq!(run(&firewall, "x.example", &world), Verdict::Pass);
    assert_eq!(report(&firewall).counts.other_verdict, 1);
    fixture.write("b.pfw", "FRUM: x\nDROP.\n");
    let problems = firewall
        .load_shadow(&config, order(&fixture, &["b.pfw"]))
        .unwrap_err();
    assert!(
        problems[0].to_string().contains("b.pfw:1:1"),
        "{problems:?}"
    );
    assert_eq!(report(&firewall).counts.other_verdict, 1);
    let elsewhere = ShadowOrder {
        host: "elsewhere.example".to_owned(),
        ..order(&fixture, &["a.pfw"])
    };
    assert!(firewall.load_shadow(&config, elsewhere).is_err());
}

#[actix_rt::test]
async fn a_host_without_rules_can_have_a_shadow() {
    let fixture = Fixture::new();
    fixture.write("b.pfw", "DROP.\n");
    let (config, firewall) = (fixture.config(&[]), fixture.start(&[]));
    assert!(firewall.rules(HOST).is_none());
    firewall
        .load_shadow(&config, order(&fixture, &["b.pfw"]))
        .unwrap();
    assert!(firewall.sees_deliver(HOST));
    assert_eq!(
        run(&firewall, "x.example", &World::default()),
        Verdict::Pass
    );
    firewall.reload(&config).unwrap();
    assert_eq!(report(&firewall).counts.other_verdict, 1);
    firewall.drop_shadow(HOST);
    assert!(firewall.rules(HOST).is_none());
}

/// A world whose origin is a session, and that panics when it is asked for a resource of a certain name.
struct Client(World);

impl Facts for Client {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn utc_offset(&self) -> i32 {
        0
    }
    fn origin(&self) -> Origin<'_> {
        Origin {
            host: Some(HOST),
            full_jid: Some("alice@example.com/desk"),
            id: Some(rules::SessionName {
                text: "c2s",
                number: Some(1),
            }),
            ..Origin::of_kind(rules::OriginKind::Client)
        }
    }
    fn is_local_host(&self, host: &str) -> bool {
        host == HOST
    }
    fn is_bound(&self, full: &str) -> bool {
        assert!(!full.ends_with("/boom"), "boom");
        false
    }
    fn is_online(&self, _: &str) -> bool {
        false
    }
    fn roster_item(&self, _: &str, _: &str) -> Option<Subscription> {
        None
    }
    fn is_in_roster_group(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }
    fn has_pending_request(&self, _: &str, _: &str) -> bool {
        false
    }
    fn has_sent_directed_presence(&self, _: &str, _: &str) -> bool {
        false
    }
    fn is_in_group(&self, _: &str, _: &str) -> bool {
        false
    }
    fn role(&self, _: &str, _: &str) -> Option<Cow<'_, str>> {
        None
    }
    fn origin_may(&self, _: &str) -> bool {
        false
    }
    fn may(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }
    fn is_admin(&self, _: &str, _: Option<&str>) -> bool {
        false
    }
    fn origin_mark(&self, _: &str) -> Option<Timestamp> {
        None
    }
    fn user_mark(&self, _: &str) -> Option<Timestamp> {
        None
    }
    fn country(&self, _: IpAddr, _: CountryField) -> Option<Cow<'_, str>> {
        None
    }
}
