//! kill -9 in the middle of writing: what was answered is there after the restart.
//!
//! A roster change is answered by its result. An offline message is answered by the result of a ping that was sent
//! after it on the same stream, which waits for its commit.

use std::collections::BTreeMap;

use harness::{Event, HOST, Item, TestClient, TestNode};

const ROUNDS: usize = 100;
const CONTACTS: usize = 40;
const WRITES: usize = 60;

/// What the node has promised so far.
#[derive(Default)]
struct Promised {
    /// Contact number to the least that its name must say.
    roster: BTreeMap<usize, usize>,
    /// Numbers of offline messages that bob has not seen yet.
    messages: Vec<usize>,
}

#[tokio::test]
async fn nothing_that_was_answered_is_lost_in_a_hundred_crashes() {
    let mut node =
        TestNode::with_users("[limits]\noffline_messages = 10000", &["alice", "bob"]).await;
    let mut promised = Promised::default();
    for round in 0..ROUNDS {
        let mut alice = node.login("alice").await;
        check_roster(&mut alice, &promised).await;
        check_messages(&node, &mut promised, round * WRITES).await;
        alice.send(&writes(round)).await;
        // Each round dies somewhere else in the stream of answers.
        let answers = 1 + (round * 7) % (2 * WRITES);
        read_answers(&mut alice, answers, &mut promised).await;
        node.kill9().await;
        // What had arrived before the death was answered too.
        read_answers(&mut alice, usize::MAX, &mut promised).await;
    }
    let mut alice = node.login("alice").await;
    check_roster(&mut alice, &promised).await;
    check_messages(&node, &mut promised, ROUNDS * WRITES).await;
    assert!(!promised.roster.is_empty());
}

/// A roster change, an offline message and a ping, over and over, in one go.
fn writes(round: usize) -> String {
    (0..WRITES)
        .map(|n| {
            let serial = round * WRITES + n;
            let contact = n % CONTACTS;
            format!(
                "<iq type='set' id='r{serial}'><query xmlns='jabber:iq:roster'>\
                 <item jid='c{contact}@example.net' name='{serial}'/></query></iq>\
                 <message type='chat' to='bob@{HOST}'><body>{serial}</body></message>\
                 <iq type='get' id='p{serial}'><ping xmlns='urn:xmpp:ping'/></iq>"
            )
        })
        .collect()
}

/// Notes the promises in so many answers, or in all that come before the connection ends.
async fn read_answers(alice: &mut TestClient, answers: usize, promised: &mut Promised) {
    let mut seen = 0;
    while seen < answers {
        let Event::Item(Item::Element(stanza)) = alice.event().await else {
            return;
        };
        if stanza.attr("type") != Some("result") {
            continue;
        }
        seen += 1;
        let (kind, serial) = stanza.attr("id").unwrap().split_at(1);
        let serial: usize = serial.parse().unwrap();
        match kind {
            "r" => drop(promised.roster.insert(serial % WRITES % CONTACTS, serial)),
            _ => promised.messages.push(serial),
        }
    }
}

/// A name may be newer than promised, never older.
async fn check_roster(alice: &mut TestClient, promised: &Promised) {
    let answer = alice
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    let items = &answer.child("query").unwrap().children;
    for (contact, serial) in &promised.roster {
        let jid = format!("c{contact}@example.net");
        let item = items.iter().find(|item| item.attr("jid") == Some(&jid));
        let found = item.and_then(|item| item.attr("name")?.parse::<usize>().ok());
        assert!(
            found >= Some(*serial),
            "{jid} was answered with {serial} and is {found:?}"
        );
    }
}

/// Bob gets every message that was promised, in order and once; others of the same round may come too.
async fn check_messages(node: &TestNode, promised: &mut Promised, below: usize) {
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    let found = bob.sync().await;
    let messages = found.iter().filter(|stanza| stanza.name == "message");
    let serials: Vec<usize> = messages
        .filter_map(|m| m.child("body")?.text.parse().ok())
        .collect();
    assert!(
        serials.windows(2).all(|pair| pair[0] < pair[1]),
        "out of order or twice: {serials:?}"
    );
    assert!(serials.iter().all(|serial| *serial < below));
    for serial in promised.messages.drain(..) {
        assert!(
            serials.contains(&serial),
            "message {serial} was answered and is gone; {serials:?} came"
        );
    }
    // The messages are bob's now; a second look finds none, also after the crash that follows.
    bob.sync().await;
    bob.close().await;
}
