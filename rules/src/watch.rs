//! Telling an observer about rules: what they evaluate, and beside the run what they saw.

use crate::explain::sight::{Sight, WatchedFacts};
use crate::observer::{Held, Observer, Seen, Watched};
use crate::program::{Check, Rule};
use crate::run::Run;

impl Run<'_> {
    fn wants_reasons(&self) -> bool {
        self.observer
            .as_deref()
            .is_some_and(Observer::wants_reasons)
    }

    fn tell(&mut self, what: impl FnOnce(&mut dyn Observer)) {
        if let Some(observer) = self.observer.as_deref_mut() {
            what(observer);
        }
    }

    fn tell_condition(&mut self, check: &Check, held: Held, seen: Vec<Seen>) {
        let text = &check.text;
        self.tell(|observer| observer.condition(Watched { text, held, seen }));
    }

    /// Evaluates the conditions of a rule as [`Rule`] itself does, and says each of them.
    pub(crate) fn observe_rule(&mut self, rule: &Rule) -> bool {
        self.tell(|observer| observer.rule(rule.line));
        let mut do_hold = true;
        for check in &rule.checks {
            if !do_hold {
                self.tell_condition(check, Held::NotEvaluated, Vec::new());
                continue;
            }
            let seen = self.reasons(check);
            do_hold = check.holds(self);
            let held = match self.fault {
                Some(_) => Held::Undecided,
                None => Held::of(do_hold),
            };
            self.tell_condition(check, held, seen);
        }
        do_hold
    }

    /// Says of rules that the index has left out which condition of each can not hold.
    pub(crate) fn observe_left_out(&mut self, rules: &[Rule]) {
        for (at, rule) in rules.iter().enumerate() {
            if !self.wants_reasons() {
                return self.tell(|observer| observer.left_out(rules.len() - at));
            }
            self.tell(|observer| observer.left_out_rule(rule.line));
            let mut held = Held::Yes;
            for check in &rule.checks {
                if held != Held::Yes {
                    self.tell_condition(check, Held::NotEvaluated, Vec::new());
                    continue;
                }
                let seen = self.reasons(check);
                held = self.would_hold(check);
                self.tell_condition(check, held, seen);
            }
        }
    }

    /// The outcome of a condition that the run does not ask.
    fn would_hold(&mut self, check: &Check) -> Held {
        if check.condition.has_side_effect() {
            return Held::Undecided;
        }
        let mut aside = self.aside(self.facts, self.reasons_left);
        let holds = check.condition.holds(&mut aside) != check.is_negated;
        let left = aside.budget.left();
        self.reasons_left = left;
        if left == 0 {
            return Held::Undecided;
        }
        Held::of(holds)
    }

    /// What a condition looks at, found out beside the run; all conditions of a run share one more step budget for it.
    fn reasons(&mut self, check: &Check) -> Vec<Seen> {
        if !self.wants_reasons() || self.reasons_left == 0 {
            return Vec::new();
        }
        let facts = WatchedFacts::new(self.facts);
        let mut sight = Sight::default();
        let mut aside = self.aside(&facts, self.reasons_left);
        if !check.condition.has_side_effect() {
            check.condition.holds(&mut aside);
        }
        check.condition.seen(&mut aside, &mut sight);
        self.reasons_left = aside.budget.left();
        let mut seen = sight.into_seen();
        seen.append(&mut facts.into_seen());
        seen
    }
}
