use rules::Verdict;
use rules::world::World;
use xmpp::xml::Limits;

use super::super::tests::{Fixture, HOST};
use super::*;

const SCRIPT: &str = "KIND: message\nJUMP CHAIN=user/inner\n\nKIND: presence\nDROP.\n\n\
                      ::user/inner\n\nTAG TRACE=inner\n\nFROM: spam.example\nDROP.\n";

fn wish() -> TraceWish {
    TraceWish {
        host: None,
        jid: None,
        chain: None,
        rule: None,
        tag: None,
        stanzas: Shown::Full,
        rate: 1000,
    }
}

fn run(firewall: &Firewall, xml: &str) -> Verdict {
    let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap();
    let rules = firewall.rules(HOST).unwrap();
    firewall
        .run(&rules, "deliver", &stanza, &World::default())
        .verdict
}

fn waiting(stream: &mut TraceStream) -> Vec<Trace> {
    let mut traces = Vec::new();
    while let Ok(trace) = stream.receiver.try_recv() {
        traces.push(trace);
    }
    traces
}

fn firewall(fixture: &Fixture) -> Firewall {
    fixture.write("a.pfw", SCRIPT);
    fixture.start(&["a.pfw"])
}

const SPAM: &str = "<message from='spam.example' to='bob@example.com'><body>x</body></message>";

#[actix::test]
async fn inner_chains_come_before_outer_ones_and_tags_stay() {
    let fixture = Fixture::new();
    let firewall = firewall(&fixture);
    let mut stream = firewall.trace(wish()).unwrap();
    assert_eq!(run(&firewall, SPAM), Verdict::Drop);
    let traces = waiting(&mut stream);
    let chains: Vec<_> = traces
        .iter()
        .map(|trace| trace.report.chain.as_str())
        .collect();
    assert_eq!(chains, ["user/inner", "deliver"]);
    for trace in &traces {
        assert_eq!(trace.tag.as_deref(), Some("inner"));
        assert_eq!(
            (trace.verdict.as_str(), trace.host.as_str()),
            ("drop", HOST)
        );
        assert_eq!(trace.stanza.as_deref(), Some(SPAM));
    }
    assert_eq!(run(&firewall, "<presence from='a@b'/>"), Verdict::Drop);
    let traces = waiting(&mut stream);
    assert_eq!((traces.len(), &traces[0].tag), (1, &None));
}

#[actix::test]
async fn a_trace_changes_no_verdict_and_ends_with_its_reader() {
    let fixture = Fixture::new();
    let firewall = firewall(&fixture);
    let stanzas = [
        SPAM,
        "<message from='a@b'/>",
        "<presence/>",
        "<iq type='get' id='1'/>",
    ];
    let before: Vec<_> = stanzas.iter().map(|xml| run(&firewall, xml)).collect();
    assert!(!firewall.traces.is_watched());
    let streams: Vec<_> = (0..MAX_SUBSCRIBERS)
        .map(|_| firewall.trace(wish()).unwrap())
        .collect();
    assert!(firewall.trace(wish()).is_err());
    let watched: Vec<_> = stanzas.iter().map(|xml| run(&firewall, xml)).collect();
    assert_eq!(before, watched);
    drop(streams);
    assert!(!firewall.traces.is_watched());
    assert!(firewall.trace(wish()).is_ok());
}

#[actix::test]
async fn what_waits_and_what_a_second_brings_is_bounded() {
    let fixture = Fixture::new();
    let firewall = firewall(&fixture);
    let mut slow = firewall
        .trace(TraceWish {
            rate: 1000,
            ..wish()
        })
        .unwrap();
    let mut limited = firewall.trace(TraceWish { rate: 1, ..wish() }).unwrap();
    for _ in 0..WAITING {
        run(&firewall, SPAM);
    }
    let (kept, left_out) = (waiting(&mut slow).len() as u64, slow.take_dropped());
    assert_eq!((kept, left_out), (WAITING as u64, WAITING as u64));
    assert_eq!(slow.take_dropped(), 0);
    let kept = waiting(&mut limited).len() as u64;
    assert_eq!(kept + limited.take_dropped(), 2 * WAITING as u64);
    assert!(kept < WAITING as u64, "{kept} within the rate");
}

#[actix::test]
async fn rules_chains_tags_and_addresses_choose() {
    let fixture = Fixture::new();
    let firewall = firewall(&fixture);
    let wishes = [
        (
            TraceWish {
                chain: Some("deliver".into()),
                ..wish()
            },
            2,
        ),
        (
            TraceWish {
                rule: Some("a.pfw:9".into()),
                ..wish()
            },
            1,
        ),
        (
            TraceWish {
                rule: Some("b.pfw:9".into()),
                ..wish()
            },
            0,
        ),
        (
            TraceWish {
                tag: Some("inner".into()),
                ..wish()
            },
            2,
        ),
        (
            TraceWish {
                tag: Some("untagged".into()),
                ..wish()
            },
            1,
        ),
        (
            TraceWish {
                jid: Some("spam.example".into()),
                ..wish()
            },
            2,
        ),
        (
            TraceWish {
                host: Some(HOST.into()),
                ..wish()
            },
            3,
        ),
    ];
    let mut streams: Vec<_> = wishes
        .into_iter()
        .map(|(wish, expected)| (firewall.trace(wish.clone()).unwrap(), wish, expected))
        .collect();
    run(&firewall, SPAM);
    run(&firewall, "<presence from='a@b'/>");
    for (stream, wish, expected) in &mut streams {
        assert_eq!(waiting(stream).len(), *expected, "{wish:?}");
    }
    let elsewhere = TraceWish {
        host: Some("elsewhere.example".into()),
        ..wish()
    };
    assert!(firewall.trace(elsewhere).is_err());
}

#[actix::test]
async fn long_stanzas_are_cut() {
    let fixture = Fixture::new();
    let firewall = firewall(&fixture);
    let mut stream = firewall.trace(wish()).unwrap();
    let body = "x".repeat(2 * SHOWN);
    run(
        &firewall,
        &format!("<message from='a@b'><body>{body}</body></message>"),
    );
    let traces = waiting(&mut stream);
    let shown = traces[0].stanza.as_deref().unwrap();
    assert!(shown.len() < SHOWN + 100 && shown.ends_with(" bytes)"));
}
