//! `SUBSCRIBED`: the recipient is subscribed to the sender's presence, or both are the same account.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::facts::{Needs, Subscription};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "SUBSCRIBED",
    parameter: Parameter::None,
    syntax: "SUBSCRIBED?",
    summary: "The recipient is subscribed to the sender's presence, or both are the same account. For recipients elsewhere the mirrored entry in the roster of the local sender is used.",
    examples: &[
        Example {
            definitions: "",
            line: "SUBSCRIBED?",
            stanza: "<message from='juliet@remote.example/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "SUBSCRIBED?",
            stanza: "<message from='stranger@remote.example' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct Subscribed;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(Subscribed))
}

impl Condition for Subscribed {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (to, from) = (run.to.bare(), run.from.bare());
        // Between two servers, both may be absent: that is the same address too.
        if to == from {
            return true;
        }
        let (Some(to), Some(from)) = (to, from) else {
            return false;
        };
        if run.to.node().is_none() {
            return false;
        }
        let facts = run.facts;
        let is_local = super::local_recipient(run).is_some();
        if is_local && facts.is_online(to) {
            return facts.roster_item(to, from).is_some_and(Subscription::is_to);
        }
        let is_from_local = run.from.node().is_some()
            && run
                .from
                .host()
                .is_some_and(|host| facts.is_local_host(host));
        if is_from_local && (facts.is_online(from) || !is_local) {
            return facts
                .roster_item(from, to)
                .is_some_and(Subscription::is_from);
        }
        is_local && facts.roster_item(to, from).is_some_and(Subscription::is_to)
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROSTER.union(Needs::SENDER_ROSTER)
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::world::example_drops;

    #[test]
    fn an_address_is_subscribed_to_itself_even_if_absent() {
        for line in ["SUBSCRIBED?", "PENDING SUBSCRIPTION FROM SENDER?"] {
            let script = format!("{line}\nDROP.\n");
            let holds = |stanza| example_drops(&script, stanza).expect("a script");
            assert!(holds("<message from='a@b.example/x' to='a@b.example'/>"));
            assert!(holds("<message/>"));
            assert!(!holds("<message from='a@b.example'/>"));
            assert!(!holds("<message to='a@b.example'/>"));
        }
    }
}
