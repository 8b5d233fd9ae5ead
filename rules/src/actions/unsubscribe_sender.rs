//! `UNSUBSCRIBE SENDER`: end the sender's subscription.

use xmpp::jid::BareJid;
use xmpp::stanza::{Stanza, StanzaKind};

use crate::actions::{Action, Flow, Spec};
use crate::conditions::Parameter;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "UNSUBSCRIBE_SENDER",
    parameter: Parameter::None,
    syntax: "UNSUBSCRIBE SENDER.",
    summary: "The sender no longer receives the presence of the recipient, an account of this server, and is told so.",
    example: "KIND: presence
TYPE: probe
UNSUBSCRIBE SENDER.
DROP.

%TEST the sender loses its subscription: drop
roster juliet@example.com: romeo@example.net from
<presence type='probe' from='romeo@example.net/x' to='juliet@example.com'/>
ran: UNSUBSCRIBE SENDER.
",
    parse,
};

#[derive(Debug)]
struct UnsubscribeSender;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    Ok(Box::new(UnsubscribeSender))
}

impl Action for UnsubscribeSender {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        let (Some(to), Some(from)) = (run.to.bare(), run.from.bare()) else {
            return Flow::Continue;
        };
        let is_local = run
            .to
            .host()
            .is_some_and(|host| run.facts.is_local_host(host));
        if run.to.node().is_none() || !is_local {
            return Flow::Continue;
        }
        let (Ok(user), Ok(contact)) = (BareJid::new(to), BareJid::new(from)) else {
            return Flow::Continue;
        };
        let mut presence = Stanza::new(StanzaKind::Presence);
        presence.set_type(Some("unsubscribed"));
        presence.set_from(Some(user.clone().into()));
        presence.set_to(Some(contact.clone().into()));
        run.effect(Effect::Unsubscribe { user, contact });
        run.effect(Effect::Route(presence));
        run.forget();
        Flow::Continue
    }
}
