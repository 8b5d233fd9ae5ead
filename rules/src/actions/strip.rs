//! `STRIP`: remove children.

use xmpp::stanza::ElementRef;

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::diagnostic::Code;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "STRIP",
    parameter: Parameter::Required("Expected the name of an element to strip"),
    syntax: "STRIP=name or STRIP=name namespace",
    summary: "All direct children with that name, in the stanza's own namespace or in the given one, are removed. `*` is any name.",
    example: "KIND: message
STRIP=html http://jabber.org/protocol/xhtml-im

PAYLOAD: http://jabber.org/protocol/xhtml-im
LOG=still there

%TEST later rules do not see the child: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body>
<html xmlns='http://jabber.org/protocol/xhtml-im'/></message>
not ran: LOG=still there
",
    parse,
};

const CLIENT: &str = "jabber:client";

#[derive(Debug)]
struct Strip {
    name: Option<String>,
    ns: String,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let value = required(value);
    let (name, ns) = match value.split_once(' ') {
        Some((name, ns)) if !name.is_empty() && !ns.is_empty() => (name, Some(ns)),
        _ => (value, None),
    };
    if ns == Some(CLIENT) {
        scope.warn(
            Code::Suspicious,
            "children in the stanza's own namespace are only stripped without a namespace",
        );
    }
    Ok(Box::new(Strip {
        name: (name != "*").then(|| name.to_owned()),
        // No child is in the empty namespace, which stands here for a written jabber:client.
        ns: match ns {
            None => CLIENT.to_owned(),
            Some(CLIENT) => String::new(),
            Some(ns) => ns.to_owned(),
        },
    }))
}

impl Strip {
    fn hits(&self, child: ElementRef<'_>) -> bool {
        self.name.as_deref().is_none_or(|name| name == child.name())
            && !self.ns.is_empty()
            && child.has_ns(&self.ns)
    }
}

impl Action for Strip {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.budget.take(run.current().content().len() as u64 / 64);
        if run.current().children().any(|child| self.hits(child)) {
            run.edit(|stanza| {
                stanza.retain_children(|child| !self.hits(child));
            });
        }
        Flow::Continue
    }
}
