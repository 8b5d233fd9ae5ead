use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::*;
use crate::facts::{Facts, OriginKind, Subscription};
use crate::{NoFiles, Options, Source, Verdict, compile};

fn stanza(text: &str) -> Stanza {
    Stanza::from_xml(text.as_bytes(), &Limits::default()).expect("a stanza")
}

#[test]
fn every_statement_is_read_as_its_syntax_shows() {
    for statement in STATEMENTS {
        let read = Context::parse(statement.syntax);
        assert!(read.is_ok(), "{}: {:?}", statement.keyword, read.err());
    }
}

#[test]
fn a_world_is_read() {
    let context = Context::parse(
        "# the world\nhost: Example.com, b.example\ntime: 2026-11-21T14:00:00+01:00\n\
         session: s2s example.net ip 203.0.113.9\nsession: c2s j@example.com/\"a b\" directed r@m.example/n marked x 5m\n\
         roster j@example.com: r@example.net to groups A B, \\\n  C\npending j@example.com: p@example.net\n\
         group All Staff: j@example.com\nmark user j@example.com: old 2h ago\ncountry 2001:db8::1: se - EU\n",
    )
    .expect("a context");
    let world = &context.world;
    assert_eq!(context.host(), "example.com");
    assert!(world.is_local_host("b.example"));
    assert_eq!(
        (world.now.seconds(), world.utc_offset),
        (1_795_266_000, 3600)
    );
    assert_eq!(
        world.roster_item("j@example.com", "r@example.net"),
        Some(Subscription::To)
    );
    assert!(world.is_in_roster_group("j@example.com", "r@example.net", "A B"));
    assert!(world.is_in_roster_group("j@example.com", "r@example.net", "C"));
    assert!(world.has_pending_request("j@example.com", "p@example.net"));
    assert!(world.is_in_group("All Staff", "j@example.com"));
    assert!(world.is_bound("j@example.com/a b"));
    assert!(world.has_sent_directed_presence("j@example.com", "r@m.example/n"));
    let ip = "2001:db8::1".parse().expect("an address");
    assert_eq!(
        world.country(ip, crate::CountryField::Code).as_deref(),
        Some("SE")
    );
    assert_eq!(world.country(ip, crate::CountryField::Code3), None);
    let marked = world.user_marks["j@example.com"]["old"];
    assert!((world.now.seconds_since(marked) - 7200.0).abs() < 0.001);
}

#[test]
fn origin_and_chain_follow_from_the_addresses() {
    let mut context = Context::default();
    let mut place = |text: &str| {
        let mut stanza = stanza(text);
        let place = context.place(&mut stanza);
        (context.world.origin().kind, place.chain, stanza)
    };
    let (kind, chain, _) = place("<message from='r@example.net/x' to='j@example.com'/>");
    assert_eq!(
        (kind, chain.as_str()),
        (OriginKind::ServerInbound, "deliver")
    );
    let (kind, chain, _) = place("<message from='j@example.com/x' to='r@example.net'/>");
    assert_eq!(
        (kind, chain.as_str()),
        (OriginKind::Client, "deliver_remote")
    );
    let (kind, _, sent) = place("<iq type='get' from='j@example.com/x' to='j@example.com'/>");
    assert_eq!((kind, sent.to()), (OriginKind::Client, None));
    let (kind, ..) = place("<message from='example.com' to='j@example.com'/>");
    assert_eq!(kind, OriginKind::Server);
    let (kind, ..) = place("<message to='j@example.com'/>");
    assert_eq!(kind, OriginKind::Server);
}

#[test]
fn what_is_said_goes_before_what_is_deduced() {
    let mut context = Context::parse(
        "chain: preroute\nfrom session: c2s j@example.com/x ip 192.0.2.1\nmark origin: new\nmark user: known 1d ago",
    )
    .expect("a context");
    let mut sent = stanza("<message to='r@example.net'/>");
    let place = context.place(&mut sent);
    assert_eq!(place.chain, "preroute");
    assert_eq!(sent.from().map(|jid| jid.as_str()), Some("j@example.com/x"));
    assert!(context.world.origin_mark("new").is_some());
    assert!(context.world.user_mark("known").is_some());
}

#[test]
fn lists_hold_what_is_said() {
    let script = "%LIST bad: http://127.0.0.1/ (hash: sha256)\n\nCHECK LIST: bad contains $<@from|host>\nDROP.\n";
    let source = Source {
        name: "a.pfw".into(),
        text: script.into(),
    };
    let loader = Pretend;
    let compiled = compile("example.com", &[source], &Options::default(), &loader, None);
    let mut context = Context::parse("list bad: spam.example").expect("a context");
    assert_eq!(context.bind(&compiled.ruleset), []);
    let mut sent = stanza("<message from='x@spam.example/y' to='j@example.com'/>");
    let place = context.place(&mut sent);
    let outcome = compiled.ruleset.run(&place.chain, &sent, &context.world);
    assert_eq!(outcome.verdict, Verdict::Drop);
    let context = Context::parse("chain: user/nosuch\nlist badd: x").expect("a context");
    let shown: Vec<String> = context
        .bind(&compiled.ruleset)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        shown,
        [
            "line 2: no script defines a list badd (did you mean `bad`?)",
            "line 1: no script has a chain user/nosuch"
        ]
    );
}

struct Pretend;

impl crate::Loader for Pretend {
    fn read(&self, path: &str) -> Result<Vec<u8>, crate::LoadError> {
        NoFiles.read(path)
    }

    fn list(
        &self,
        _: &crate::definitions::list::definition::ListDefinition,
    ) -> Result<crate::definitions::list::SharedContents, crate::LoadError> {
        Ok(crate::definitions::list::SharedContents::default())
    }
}

const MISTAKES: &[(&str, &str)] = &[
    (
        "rooster a@b: c@d",
        "line 1: unknown statement: rooster a@b (did you mean `roster`?)",
    ),
    (
        "from sesion: c2s a",
        "line 1: unknown statement: from sesion (did you mean `from session`?)",
    ),
    (
        "\nhost example.com",
        "line 2: unknown statement: host example.com (did you mean `host`?)",
    ),
    (
        "time: now",
        "line 1: now is no date and time (write it as in 2026",
    ),
    (
        "roster : a@b",
        "line 1: `roster` lacks its JID before the colon (write it as in `roster juliet",
    ),
    (
        "host x: y",
        "line 1: `host` has no x before its colon (write it as in",
    ),
    ("host:", "line 1: `host` has no value (write it as in"),
    (
        "session: c2s a@example.com",
        "line 1: a@example.com is no full JID (a client has one",
    ),
    (
        "session: c2s a@x.org/y",
        "line 1: x.org is no local host (write `host: x.org` above",
    ),
    (
        "session: tcp a",
        "line 1: unknown kind of session: tcp (the kinds are",
    ),
    (
        "session: s2s a ip here",
        "line 1: here is no IP address (write it as in",
    ),
    (
        "session: s2s a at b",
        "line 1: unknown word in a session: at (behind",
    ),
    (
        "session: s2s a ip",
        "line 1: `ip` has no value behind it (write it as in",
    ),
    (
        "session: s2s \"a",
        "line 1: a quotation mark is not closed (write",
    ),
    (
        "roster a@b: c@d friend",
        "line 1: unknown subscription: friend (the",
    ),
    (
        "roster b: c@d",
        "line 1: b is no account (write its bare JID",
    ),
    (
        "mark origin: x yesterday",
        "line 1: yesterday is no span of time (write",
    ),
    ("country here: SE", "line 1: here is no IP address (write"),
    ("group A: @", "line 1: malformed JID: @ (write [user@]host"),
];

#[test]
fn every_mistake_has_its_line_and_a_cure() {
    for (text, wanted) in MISTAKES {
        let mistakes = Context::parse(text).expect_err(text);
        assert_eq!(mistakes.len(), 1, "{text}");
        let shown = mistakes[0].to_string();
        assert!(shown.starts_with(wanted), "{text}: {shown}");
        assert_eq!(mistakes[0].code, Code::Context);
    }
}
