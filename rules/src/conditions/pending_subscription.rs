//! `PENDING SUBSCRIPTION FROM SENDER`: the sender has asked the recipient for a subscription that is not answered yet, or both are the same account.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "PENDING SUBSCRIPTION FROM SENDER",
    parameter: Parameter::None,
    syntax: "PENDING SUBSCRIPTION FROM SENDER?",
    summary: "The sender has asked the recipient for a subscription that is not answered yet, or both are the same account.",
    examples: &[
        Example {
            definitions: "",
            line: "PENDING SUBSCRIPTION FROM SENDER?",
            stanza: "<message from='nurse@remote.example/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "PENDING SUBSCRIPTION FROM SENDER?",
            stanza: "<message from='juliet@remote.example' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct PendingSubscription;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(PendingSubscription))
}

impl Condition for PendingSubscription {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (to, from) = (run.to.bare(), run.from.bare());
        let asks = |owner| from.is_some_and(|from| run.facts.has_pending_request(owner, from));
        // Between two servers, both may be absent: that is the same address too.
        to == from || super::local_recipient(run).is_some_and(asks)
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROSTER
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
