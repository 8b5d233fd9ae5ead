//! Whatever is done to an exchange, each request is answered once, in order, and nothing is lost or doubled.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A request so far from the one that is due, with a stanza or without.
    Send(u8, bool),
    /// The request that is due, as a pause or as the last.
    Leave(bool),
    /// An earlier request once more.
    Again(u8),
    Write,
    Close,
    Lose(u8),
    Read(u8),
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u8..3, any::<bool>()).prop_map(|(at, full)| Step::Send(at, full)),
        1 => any::<bool>().prop_map(Step::Leave),
        2 => (0u8..5).prop_map(Step::Again),
        4 => Just(Step::Write),
        1 => Just(Step::Close),
        1 => (0u8..4).prop_map(Step::Lose),
        5 => any::<u8>().prop_map(Step::Read),
        3 => (0u8..40).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

/// What a run has seen.
struct Run {
    trial: Trial,
    /// The number of each carrier's request.
    carriers: Vec<u64>,
    /// Carriers that got their answer.
    answered: Vec<bool>,
    /// First answers by request.
    first: BTreeMap<u64, String>,
    written: usize,
    /// What the session is to read, by request.
    sent: BTreeMap<u64, String>,
    has_left: bool,
}

impl Run {
    fn request(&mut self, rid: u64, attributes: &str, is_full: bool) {
        let is_full = match self.sent.get(&rid) {
            Some(sent) => sent.contains("<iq"),
            None => is_full,
        };
        let inside = if is_full {
            format!("<iq id='{rid}'/>")
        } else {
            String::new()
        };
        let mut read = inside.clone();
        if attributes.contains("terminate") && !std::mem::replace(&mut self.has_left, true) {
            read.push_str("</stream:stream>");
        }
        self.sent.entry(rid).or_insert(read);
        self.carriers.push(rid);
        self.answered.push(false);
        let carrier = self.carriers.len() as u64 - 1;
        let request = request(rid, attributes, &inside);
        self.trial
            .exchange
            .request(request, carrier, self.trial.now);
    }

    fn step(&mut self, step: &Step) {
        let now = self.trial.now;
        match step {
            Step::Send(at, full) => {
                self.request(self.trial.exchange.next + u64::from(*at), "", *full)
            }
            Step::Leave(true) => self.request(self.trial.exchange.next, "pause='30'", false),
            Step::Leave(false) => self.request(self.trial.exchange.next, "type='terminate'", true),
            Step::Again(back) => {
                let rid = self
                    .trial
                    .exchange
                    .next
                    .saturating_sub(u64::from(*back))
                    .max(101);
                self.request(rid, "", false);
            }
            Step::Write => {
                if self.trial.exchange.farewell.is_none() {
                    self.written += 1;
                    self.trial
                        .write(format!("<message id='{}'/>", self.written).as_bytes());
                }
            }
            Step::Close => self.trial.write(b"</>"),
            Step::Lose(pick) => {
                let pick = u64::from(*pick);
                self.trial
                    .exchange
                    .forget_lost(now, |carrier| *carrier % 4 == pick);
            }
            Step::Read(most) => {
                let count = self.trial.exchange.input().len().min(usize::from(*most));
                self.trial
                    .read
                    .extend_from_slice(&self.trial.exchange.input()[..count]);
                self.trial.exchange.taken(count, now);
            }
            Step::Wait(time) => {
                self.trial.now += seconds((*time).into());
                self.trial.exchange.tick(self.trial.now);
            }
        }
    }

    fn check(&mut self) {
        for (carrier, body) in self.trial.answers() {
            let at = usize::try_from(carrier).unwrap();
            assert!(
                !std::mem::replace(&mut self.answered[at], true),
                "carrier {carrier} twice"
            );
            let rid = self.carriers[at];
            let is_end = body.contains("type='terminate'");
            let first = self.first.entry(rid).or_insert_with(|| body.clone());
            assert!(is_end || *first == body, "{rid}: {first} then {body}");
        }
        let exchange = &self.trial.exchange;
        assert!(exchange.open.len() as u64 <= exchange.terms.requests() + 1);
        assert!(exchange.early.len() as u64 <= exchange.terms.requests() + 1);
        assert!(exchange.kept.len() as u64 <= exchange.terms.requests());
    }

    /// Every stanza written was brought once, in order, as far as anything was.
    fn check_brought(&self) {
        let all: String = self.first.values().map(String::as_str).collect();
        let brought: Vec<usize> = all
            .split("<message xmlns='jabber:client' id='")
            .skip(1)
            .map(|rest| rest.split('\'').next().unwrap().parse().unwrap())
            .collect();
        let expected: Vec<usize> = (1..=brought.len()).collect();
        assert_eq!(brought, expected, "{all}");
        let read = String::from_utf8(self.trial.read.clone()).unwrap();
        let sent: String = self.sent.values().map(String::as_str).collect();
        let [read, sent] = [read, sent].map(|text| text.replace(' ', ""));
        assert!(sent.starts_with(&read), "{sent} was read as {read}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_doubled(hold in 0u32..3, steps in steps()) {
        let mut run = Run {
            trial: Trial::hold(hold),
            carriers: Vec::new(),
            answered: Vec::new(),
            first: BTreeMap::new(),
            written: 0,
            sent: BTreeMap::new(),
            has_left: false,
        };
        for step in &steps {
            if run.trial.exchange.life() == Life::Over {
                break;
            }
            run.step(step);
            run.check();
        }
        run.check_brought();
    }
}
