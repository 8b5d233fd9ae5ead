use std::rc::Rc;
use std::sync::Arc;

use portcullis_config::{ListenerConfig, Sources};

use xmpp::xml::Limits;

use super::*;
use crate::listener::{ListenerPolicy, Places};
use crate::session::StreamKind;

const SECOND: Duration = Duration::from_secs(1);

fn config(set: &str) -> ListenerConfig {
    let set = vec![format!("listener.clients.{set}")];
    let sources = Sources {
        set,
        ..Sources::default()
    };
    let config = portcullis_config::load(&sources).unwrap().config;
    config.listeners.values().next().unwrap().clone()
}

fn terms(set: &str) -> Rc<Terms> {
    let policy = ListenerPolicy::new(config(set), Places::default());
    Rc::new(Terms::new(policy, StreamKind::Client))
}

async fn news(watch: &mut Watch, terms: &Terms) -> News {
    poll_fn(|cx| watch.poll_news(terms, cx)).await
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_once_and_then_it_is_the_end() {
    let terms = terms("timeouts.read=\"10s\"");
    let since = Instant::now();
    let mut watch = Watch::new(10 * SECOND, terms.version());
    assert_eq!(news(&mut watch, &terms).await, News::Silence);
    assert_eq!(since.elapsed(), 10 * SECOND);
    assert_eq!(news(&mut watch, &terms).await, News::Dead);
    assert_eq!(since.elapsed(), 20 * SECOND);
}

#[test]
fn pieces_of_a_stanza_are_no_sign_of_life() {
    let mut parser = StreamParser::new(Limits::CLIENT);
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='h'>";
    assert!(parser.next(&mut header.as_bytes()).unwrap().is_some());
    let mut lives = |bytes: &str| parse(&mut parser, bytes.as_bytes()).is_sign_of_life();
    assert!(lives(" "), "white space is a keep-alive");
    assert!(!lives("<"));
    assert!(!lives("message><body>a"));
    assert!(!lives("b"));
    assert!(lives("</body></message>"));
    assert!(lives("<presence/><mess"), "a stanza came");
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_begins_a_new_period() {
    let terms = terms("timeouts.read=\"10s\"");
    let since = Instant::now();
    let mut watch = Watch::new(10 * SECOND, terms.version());
    tokio::time::advance(9 * SECOND).await;
    watch.heard();
    assert_eq!(news(&mut watch, &terms).await, News::Silence);
    assert_eq!(since.elapsed(), 19 * SECOND);
    watch.heard();
    assert_eq!(
        news(&mut watch, &terms).await,
        News::Silence,
        "the question was answered"
    );
}

#[tokio::test(start_paused = true)]
async fn another_period_holds_for_the_silence_that_is_under_way() {
    let terms = terms("timeouts.read=\"10s\"");
    let since = Instant::now();
    let mut parser = StreamParser::new(Limits::CLIENT);
    let mut watch = Watch::new(10 * SECOND, terms.version());
    tokio::time::advance(2 * SECOND).await;
    terms.policy.store(config("timeouts.read=\"3s\""));
    terms.changed();
    assert_eq!(news(&mut watch, &terms).await, News::Change);
    watch.follow(&terms, &mut parser);
    assert_eq!(news(&mut watch, &terms).await, News::Silence);
    assert_eq!(since.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn news_of_a_change_wake_the_reader() {
    let terms = terms("timeouts.read=\"10s\"");
    let mut watch = Watch::new(10 * SECOND, terms.version());
    let other = Rc::clone(&terms);
    let change = async move {
        tokio::time::sleep(SECOND).await;
        other.policy.store(config("timeouts.read=\"9s\""));
        other.changed();
    };
    let since = Instant::now();
    let (told, ()) = tokio::join!(news(&mut watch, &terms), change);
    assert_eq!((told, since.elapsed()), (News::Change, SECOND));
}

#[tokio::test(start_paused = true)]
async fn the_writer_is_patient_for_as_long_as_the_terms_say_by_then() {
    let terms = terms("timeouts.send=\"60s\"");
    let since = Instant::now();
    let stuck = terms.while_patient(std::future::pending::<()>());
    let change = async {
        tokio::time::sleep(5 * SECOND).await;
        terms.policy.store(config("timeouts.send=\"7s\""));
        terms.changed();
    };
    assert_eq!(tokio::join!(stuck, change).0, None);
    assert_eq!(since.elapsed(), 7 * SECOND);
    assert_eq!(terms.while_patient(async { 1 }).await, Some(1));
}

#[tokio::test]
async fn reading_pauses_while_too_much_is_held_back() {
    let credit = Credit::default();
    credit.batches.set(BATCHES);
    assert!(credit.is_spent());
    credit.give_back(STANZAS);
    assert!(credit.is_spent(), "the session holds stanzas back");
    let freed = async { credit.holds(STANZAS - 1) };
    tokio::join!(credit.available(), freed);
    assert!(!credit.is_spent());
}

#[test]
fn what_came_before_an_error_is_handed_over() {
    let mut parser = StreamParser::new(Limits::CLIENT);
    let bytes =
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                  version='1.0' to='a'>";
    let mut input = &bytes[..];
    parser.next(&mut input).unwrap();
    let batch = parse(&mut parser, b"<presence/><presence/></iq>");
    assert_eq!(batch.stanzas.len(), 2);
    assert!(matches!(batch.end, Some(ReaderEnd::Error(_))));
}

#[test]
fn arcs_of_the_policy_are_shared() {
    let policy = ListenerPolicy::new(config("timeouts.read=\"10s\""), Places::default());
    let terms = Terms::new(Arc::clone(&policy), StreamKind::Client);
    policy.store(config("timeouts.close=\"9s\""));
    assert_eq!(terms.close(), 9 * SECOND);
}
