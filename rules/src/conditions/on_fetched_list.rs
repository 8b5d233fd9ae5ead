//! Conditions on lists that come from outside: what they come to before the list has ever been loaded.

use std::sync::Arc;

use crate::conditions::Condition;
use crate::definitions::list::List;
use crate::definitions::list::definition::WhenUnknown;
use crate::explain::sight::Sight;
use crate::facts::Needs;
use crate::run::Run;

/// A condition on a list that may be unknown. It sees to its own `NOT`, since unknown is neither true nor false.
#[derive(Debug)]
pub(crate) struct OnFetchedList {
    pub(crate) condition: Box<dyn Condition>,
    pub(crate) list: Arc<List>,
    pub(crate) is_negated: bool,
    pub(crate) when_unknown: WhenUnknown,
}

impl Condition for OnFetchedList {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        if self.list.is_known() {
            return self.condition.holds(run) != self.is_negated;
        }
        // What asks nothing of the list does not depend on it.
        match self.condition.asks_list(run) {
            true => self.when_unknown.holds(self.is_negated),
            false => self.is_negated,
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        if !self.list.is_known() {
            let policy = self.when_unknown.name();
            let shown = format!("never loaded, so when_unknown decides: {policy}");
            sight.add("unknown list", Some(shown));
        }
        self.condition.seen(run, sight);
    }

    fn needs(&self) -> Needs {
        self.condition.needs()
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::world::World;
    use crate::{NoFiles, Options, Source, Verdict, compile};
    use xmpp::stanza::Stanza;
    use xmpp::xml::Limits;

    fn drops(option: &str, condition: &str, stanza: &str) -> bool {
        let text = format!(
            "%LIST l: http://h.example/l{option}\n%SEARCH body: body#\n%PATTERN word: %a+\n\n{condition}\nDROP.\n"
        );
        let source = Source {
            name: "a.pfw".into(),
            text: text.into(),
        };
        let made = compile(
            "example.com",
            &[source],
            &Options::default(),
            &NoFiles,
            None,
        );
        let stanza = Stanza::from_xml(stanza.as_bytes(), &Limits::default()).expect("a stanza");
        let outcome = made.ruleset.run("deliver", &stanza, &World::default());
        outcome.verdict == Verdict::Drop
    }

    #[test]
    fn unknown_is_a_third_truth_value() {
        let stanza = "<message><body>word</body></message>";
        let plain = "CHECK LIST: l contains x";
        for (option, holds, negated_holds) in [
            ("", false, true),
            (" (when_unknown: not-listed)", false, true),
            (" (when_unknown: listed)", true, false),
            (" (when_unknown: skip)", false, false),
            (" (ttl: 5, when_unknown: match)", true, true),
        ] {
            for condition in [plain, "SCAN: body for word in l"] {
                let negated = format!("NOT {condition}");
                assert_eq!(
                    drops(option, condition, stanza),
                    holds,
                    "{option} {condition}"
                );
                assert_eq!(
                    drops(option, &negated, stanza),
                    negated_holds,
                    "{option} {negated}"
                );
            }
        }
    }

    #[test]
    fn a_scan_without_words_does_not_depend_on_the_list() {
        let scan = "SCAN: body for word in l";
        for stanza in ["<message/>", "<message><body>1 2 3</body></message>"] {
            assert!(!drops(" (when_unknown: match)", scan, stanza));
            assert!(drops(
                " (when_unknown: skip)",
                &format!("NOT {scan}"),
                stanza
            ));
        }
    }
}
