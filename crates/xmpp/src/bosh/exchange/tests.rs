use super::*;
use crate::bosh::{Bounds, Wish, request::Body};
use crate::stanza::Element;
use crate::xml::{Limits, Piece};

mod random;

const FEATURES: &[u8] = b"<stream:features/>";
const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.com' id='s1' version='1.0'>";
const BOUNDS: Bounds = Bounds {
    wait: Duration::from_secs(60),
    hold: 2,
    inactivity: Duration::from_secs(30),
    max_pause: Duration::from_secs(90),
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// An exchange whose session reads at once, and a clock. Carriers are named by numbers, mostly that of the request.
struct Trial {
    exchange: Exchange<u64>,
    now: Duration,
    /// What the session has read.
    read: Vec<u8>,
}

impl Trial {
    /// A session that was created by request 100.
    fn new(wish: Wish) -> Self {
        let mut trial = Self::begin(wish, "");
        trial.write(HEADER);
        trial.write(FEATURES);
        let answers = trial.answers();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert!(answers[0].1.contains("sid='the-sid'"), "{answers:?}");
        trial.read.clear();
        trial
    }

    fn begin(wish: Wish, attributes: &str) -> Self {
        let terms = Terms::agree(&wish, &BOUNDS);
        let request = request(100, attributes, "");
        let mut trial = Self {
            exchange: Exchange::new("the-sid", terms, request, 100, seconds(0)),
            now: seconds(0),
            read: Vec::new(),
        };
        trial.run();
        trial
    }

    fn hold(hold: u32) -> Self {
        Self::new(Wish {
            hold: Some(hold),
            ..Wish::default()
        })
    }

    /// The session reads all there is.
    fn run(&mut self) {
        let input = self.exchange.input().to_vec();
        self.read.extend_from_slice(&input);
        self.exchange.taken(input.len(), self.now);
    }

    fn send(&mut self, rid: u64, attributes: &str, inside: &str) -> Vec<(u64, String)> {
        self.send_over(rid, rid, attributes, inside)
    }

    fn send_over(
        &mut self,
        carrier: u64,
        rid: u64,
        attributes: &str,
        inside: &str,
    ) -> Vec<(u64, String)> {
        let request = request(rid, attributes, inside);
        self.exchange.request(request, carrier, self.now);
        self.run();
        self.answers()
    }

    fn write(&mut self, element: &[u8]) {
        let piece = match element {
            HEADER => Piece::Header(element),
            b"</>" => Piece::Closed,
            element => Piece::Element(element),
        };
        self.exchange.written(piece, self.now);
        self.exchange.tick(self.now);
    }

    fn wait(&mut self, time: Duration) -> Vec<(u64, String)> {
        self.now += time;
        self.exchange.tick(self.now);
        self.answers()
    }

    fn answers(&mut self) -> Vec<(u64, String)> {
        let answers = std::iter::from_fn(|| self.exchange.next_answer());
        let text = |bytes: Bytes| {
            Element::from_xml(&bytes, &Limits::STORED).expect("a body");
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.replace(" xmlns='http://jabber.org/protocol/httpbind'", "")
        };
        answers
            .map(|(carrier, bytes)| (carrier, text(bytes)))
            .collect()
    }
}

fn request(rid: u64, attributes: &str, inside: &str) -> Request {
    let sid = if rid == 100 { "" } else { "sid='the-sid'" };
    let body = format!(
        "<body rid='{rid}' {sid} {attributes} xmlns='http://jabber.org/protocol/httpbind' \
         xmlns:xmpp='urn:xmpp:xbosh'>{inside}</body>"
    );
    match Body::parse(body.as_bytes(), &Limits::CLIENT) {
        Ok(Body::Create(_, request) | Body::Next(_, request)) => request,
        Err(error) => panic!("{body}: {error}"),
    }
}

fn answer(carrier: u64, body: &str) -> (u64, String) {
    (carrier, body.to_owned())
}

const EMPTY: &str = "<body/>";
const NOT_FOUND: &str = "<body type='terminate' condition='item-not-found'/>";
const VIOLATION: &str = "<body type='terminate' condition='policy-violation'/>";

#[test]
fn the_first_request_waits_for_the_features() {
    let mut trial = Trial::begin(
        Wish {
            hold: Some(0),
            has_acks: true,
            ..Wish::default()
        },
        "to='example.com'",
    );
    assert!(trial.answers().is_empty());
    assert!(
        trial
            .read
            .starts_with(b"<?xml version='1.0'?><stream:stream")
    );
    trial.write(HEADER);
    assert!(trial.answers().is_empty());
    trial.write(FEATURES);
    let answers = trial.answers();
    for part in [
        "from='example.com'",
        "authid='s1'",
        "xmpp:version='1.0'",
        "requests='1'",
        "ack='100'",
        "<stream:features/>",
    ] {
        assert!(answers[0].1.contains(part), "{part} in {answers:?}");
    }
}

#[test]
fn a_request_is_held_until_there_is_something() {
    let mut trial = Trial::hold(1);
    assert!(trial.send(101, "", "").is_empty());
    assert_eq!(trial.read, b" ");
    trial.write(b"<message/>");
    assert_eq!(
        trial.answers(),
        [answer(101, "<body><message xmlns='jabber:client'/></body>")]
    );
    trial.write(b"<presence/>");
    trial.write(b"<presence/>");
    assert!(trial.answers().is_empty());
    let both = "<body><presence xmlns='jabber:client'/><presence xmlns='jabber:client'/></body>";
    trial.now += seconds(6);
    assert_eq!(trial.send(102, "", ""), [answer(102, both)]);
}

#[test]
fn a_request_is_held_no_longer_than_wait_and_hold_say() {
    let mut trial = Trial::hold(1);
    assert!(trial.send(101, "", "").is_empty());
    assert!(trial.wait(seconds(59)).is_empty());
    assert_eq!(trial.exchange.deadline(), Some(seconds(60)));
    assert_eq!(trial.wait(seconds(1)), [answer(101, EMPTY)]);
    assert!(trial.send(102, "", "").is_empty());
    assert_eq!(trial.send(103, "", "<presence/>"), [answer(102, EMPTY)]);
    assert!(trial.read.ends_with(b"<presence/>"));
}

#[test]
fn requests_that_overtake_others_wait_for_them() {
    let mut trial = Trial::hold(1);
    assert!(trial.send(102, "", "<iq id='2'/>").is_empty());
    assert!(trial.read.is_empty());
    assert_eq!(trial.send(101, "", "<iq id='1'/>"), [answer(101, EMPTY)]);
    assert_eq!(trial.read, b"<iq id='1'/><iq id='2'/>");
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_is_read_once() {
    let mut trial = Trial::hold(1);
    trial.write(b"<message/>");
    let message = "<body><message xmlns='jabber:client'/></body>";
    assert_eq!(trial.send(101, "", "<presence/>"), [answer(101, message)]);
    assert_eq!(
        trial.send_over(7, 101, "", "<presence/>"),
        [answer(7, message)]
    );
    assert_eq!(trial.read, b"<presence/>");
    assert!(trial.send(102, "", "").is_empty());
    assert!(trial.send_over(8, 102, "", "").is_empty());
    trial.write(b"<message/>");
    assert_eq!(trial.answers(), [answer(8, message)]);
}

#[test]
fn numbers_out_of_the_window_end_the_session() {
    for rid in [103, 1000, 99, MAX] {
        let mut trial = Trial::hold(1);
        assert_eq!(trial.send(rid, "", ""), [answer(rid, NOT_FOUND)], "{rid}");
        assert_eq!(trial.exchange.life(), Life::Over);
    }
    let mut trial = Trial::hold(1);
    for rid in 101..110 {
        trial.send(rid, "", "<presence/>");
    }
    assert_eq!(
        trial.send_over(5, 102, "", ""),
        [answer(109, NOT_FOUND), answer(5, NOT_FOUND)]
    );
}

const MAX: u64 = crate::bosh::MAX_RID;

#[test]
fn one_more_request_may_come_to_leave() {
    let mut trial = Trial::hold(1);
    assert!(trial.send(103, "type='terminate'", "").is_empty());
    assert!(trial.send(102, "", "<presence/>").is_empty());
    let released = [answer(101, EMPTY), answer(102, EMPTY)];
    assert_eq!(trial.send(101, "", ""), released);
    assert!(trial.read.ends_with(b"<presence/></stream:stream>"));
    trial.write(b"<message/>");
    assert!(trial.answers().is_empty());
    trial.write(b"</>");
    let last = "<body type='terminate'><message xmlns='jabber:client'/></body>";
    assert_eq!(trial.answers(), [answer(103, last)]);
    assert_eq!(trial.exchange.life(), Life::Over);
}

#[test]
fn the_error_of_the_stream_is_told_behind_what_came_before() {
    let error =
        b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let told = "<body type='terminate' condition='remote-stream-error'>\
        <conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></body>";
    let mut trial = Trial::hold(1);
    trial.send(101, "", "");
    trial.write(error);
    assert!(trial.answers().is_empty());
    trial.write(b"</>");
    assert_eq!(trial.answers(), [answer(101, told)]);
    assert_eq!(trial.exchange.life(), Life::Over);

    let mut trial = Trial::hold(1);
    trial.write(b"<message/>");
    trial.write(error);
    trial.write(b"</>");
    assert_eq!(trial.exchange.life(), Life::Leaving);
    let message = "<body><message xmlns='jabber:client'/></body>";
    assert_eq!(trial.send(101, "", ""), [answer(101, message)]);
    assert_eq!(trial.send(102, "", ""), [answer(102, told)]);
    assert_eq!(trial.exchange.life(), Life::Over);
}

#[test]
fn a_client_that_does_not_come_for_the_last_words_is_not_waited_for_long() {
    let mut trial = Trial::hold(1);
    trial.write(b"</>");
    assert_eq!(trial.exchange.deadline(), Some(FAREWELL));
    assert!(trial.send(102, "", "").is_empty());
    assert_eq!(trial.wait(FAREWELL), [answer(102, NOT_FOUND)]);
    assert_eq!(trial.exchange.life(), Life::Over);
}

#[test]
fn a_session_that_breaks_ends_with_a_condition() {
    let mut trial = Trial::hold(1);
    trial.send(101, "", "");
    trial.exchange.ended(trial.now);
    let told = "<body type='terminate' condition='undefined-condition'/>";
    assert_eq!(trial.answers(), [answer(101, told)]);
}

#[test]
fn a_domain_that_is_not_served_is_told_at_once() {
    let mut trial = Trial::begin(Wish::default(), "to='nowhere'");
    trial.write(HEADER);
    trial.write(
        b"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    );
    trial.write(b"</>");
    assert_eq!(
        trial.answers(),
        [answer(
            100,
            "<body type='terminate' condition='host-unknown'/>"
        )]
    );
}

#[test]
fn silence_ends_the_session() {
    let mut trial = Trial::hold(1);
    assert_eq!(trial.exchange.deadline(), Some(seconds(30)));
    trial.wait(seconds(29));
    assert_eq!(trial.exchange.life(), Life::Running);
    trial.wait(seconds(1));
    assert_eq!(trial.exchange.life(), Life::Over);
}

#[test]
fn a_pause_answers_all_and_lengthens_the_silence() {
    let mut trial = Trial::hold(2);
    trial.send(101, "", "<presence/>");
    trial.send(102, "", "<presence/>");
    assert_eq!(
        trial.send(103, "pause='80'", ""),
        [101, 102, 103].map(|rid| answer(rid, EMPTY))
    );
    trial.write(b"<message/>");
    trial.wait(seconds(79));
    assert_eq!(trial.exchange.life(), Life::Running);
    let message = "<body><message xmlns='jabber:client'/></body>";
    assert_eq!(trial.send(104, "", ""), [answer(104, message)]);
    trial.wait(seconds(30));
    assert_eq!(trial.exchange.life(), Life::Over);
    let mut trial = Trial::hold(1);
    assert_eq!(trial.send(101, "pause='91'", ""), [answer(101, VIOLATION)]);
}

#[test]
fn who_polls_is_answered_at_once_and_not_too_often() {
    let mut trial = Trial::hold(0);
    assert_eq!(trial.send(101, "", "<presence/>"), [answer(101, EMPTY)]);
    assert_eq!(trial.send(102, "", ""), [answer(102, EMPTY)]);
    trial.now += seconds(5);
    assert_eq!(trial.send(103, "", ""), [answer(103, EMPTY)]);
    trial.write(b"<message/>");
    trial.now += seconds(5);
    assert_eq!(trial.send(104, "", "").len(), 1);
    assert_eq!(trial.send(105, "", ""), [answer(105, EMPTY)]);
    assert_eq!(trial.send(106, "", ""), [answer(106, VIOLATION)]);
}

#[test]
fn empty_requests_that_push_each_other_out_are_too_many() {
    let mut trial = Trial::hold(1);
    assert!(trial.send(101, "", "").is_empty());
    assert_eq!(
        trial.send(102, "", ""),
        [answer(101, VIOLATION), answer(102, VIOLATION)]
    );
    let mut trial = Trial::hold(1);
    assert!(trial.send(101, "", "").is_empty());
    trial.now += seconds(5);
    assert_eq!(trial.send(102, "", ""), [answer(101, EMPTY)]);
}

#[test]
fn a_request_is_not_answered_before_the_session_has_read_it() {
    let mut trial = Trial::hold(1);
    trial.send(101, "", "");
    for rid in [102, 103] {
        trial
            .exchange
            .request(request(rid, "", "<presence/>"), rid, trial.now);
        trial.exchange.taken(3, trial.now);
    }
    // 101 gave way to 102, which the session has not read, so that 103 is one too many.
    assert_eq!(trial.answers(), [answer(101, EMPTY)]);
    trial.exchange.tick(trial.now + seconds(1000));
    assert!(trial.answers().is_empty());
    trial.run();
    assert_eq!(trial.answers(), [answer(102, EMPTY)]);
}

#[test]
fn what_waits_is_not_given_to_a_broken_connection() {
    let mut trial = Trial::hold(1);
    trial.send(101, "", "");
    trial.now += seconds(6);
    trial.exchange.forget_lost(trial.now, |_| true);
    assert_eq!(trial.exchange.deadline(), Some(seconds(36)));
    trial.write(b"<message/>");
    assert!(trial.answers().is_empty());
    let message = "<body><message xmlns='jabber:client'/></body>";
    assert_eq!(trial.send(102, "", ""), [answer(102, message)]);
    assert_eq!(trial.send_over(1, 101, "", ""), [answer(1, EMPTY)]);
}

#[test]
fn keys_are_checked_in_order() {
    let key = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let mut trial = Trial::begin(Wish::default(), &format!("newkey='{key}'"));
    trial.write(FEATURES);
    trial.answers();
    assert!(trial.send(101, "key='abc'", "").is_empty());
    assert_eq!(
        trial.send(102, "key='abd'", "<presence/>"),
        [answer(101, NOT_FOUND), answer(102, NOT_FOUND)]
    );
    assert_eq!(
        trial
            .read
            .strip_suffix(b" ")
            .map(|read| read.ends_with(b">")),
        Some(true)
    );
}

#[test]
fn acknowledgements_tell_what_was_received() {
    let mut trial = Trial::new(Wish {
        has_acks: true,
        ..Wish::default()
    });
    trial.send(101, "", "");
    assert_eq!(
        trial.send(102, "ack='100'", "<presence/>"),
        [answer(101, "<body ack='102'/>")]
    );
    trial.write(b"<message/>");
    assert_eq!(
        trial.answers(),
        [answer(102, "<body><message xmlns='jabber:client'/></body>")]
    );
    trial.send(103, "ack='102'", "<presence/>");
    assert_eq!(
        trial.send_over(1, 102, "", ""),
        [answer(103, NOT_FOUND), answer(1, NOT_FOUND)]
    );
}

#[test]
fn a_stream_begins_anew() {
    let mut trial = Trial::hold(1);
    assert!(
        trial
            .send(101, "xmpp:restart='true' to='example.com'", "")
            .is_empty()
    );
    assert!(
        trial
            .read
            .starts_with(b"<?xml version='1.0'?><stream:stream")
    );
    trial.write(HEADER);
    trial.write(FEATURES);
    assert_eq!(
        trial.answers(),
        [answer(
            101,
            "<body xmlns:stream='http://etherx.jabber.org/streams'><stream:features/></body>"
        )]
    );
}
