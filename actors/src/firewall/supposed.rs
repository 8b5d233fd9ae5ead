//! What the rules in force would do with a stanza that nobody has sent. Nothing is changed by it.

use std::sync::Arc;
use std::time::Duration;

use rules::explain::{Explanation, Trial};
use rules::{Needs, OriginKind, Ruleset, Verdict};
use serde::{Deserialize, Serialize};
use xmpp::jid::{BareJid, FullJid, Jid};
use xmpp::stanza::Stanza;
use xmpp::xml::{Limits, XmlWriter};
use xmpp::{StanzaKind, ns};

use super::world::World;
use crate::account::AccountChanged;
use crate::core::Core;
use crate::delivery::Origin;
use crate::handle::SessionHandle;

/// The resource of a client that is made up.
const RESOURCE: &str = "explain";
/// How long the state of an account may take to be read.
const LOAD: Duration = Duration::from_secs(10);

/// A stanza, and where it is supposed to come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supposed {
    /// The stanza; without one a chat message.
    pub stanza: Option<String>,
    /// Its sender, in place of the one in the stanza.
    pub from: Option<String>,
    /// Its recipient, in place of the one in the stanza.
    pub to: Option<String>,
    /// The body of a message that is not given.
    pub body: String,
    /// The full JID of the session that it comes from; without one the session of its sender if there is one, or one
    /// that is made up.
    pub session: Option<String>,
    /// Only this chain; otherwise those that it would meet.
    pub chain: Option<String>,
}

/// The stanza that is meant: what is given, or a chat message, with these addresses where they are not `None`.
///
/// # Errors
/// What is wrong with them.
pub fn supposed_stanza(
    xml: Option<&str>,
    from: Option<&str>,
    to: Option<&str>,
    body: &str,
) -> Result<Stanza, String> {
    let address = |text: &str| Jid::new(text).map_err(|error| format!("{text}: {error}"));
    let mut stanza = match xml {
        Some(xml) => Stanza::from_xml(xml.trim().as_bytes(), &Limits::STORED)
            .map_err(|error| format!("the stanza can not be read: {error}"))?,
        None => {
            let mut message = Stanza::new(StanzaKind::Message);
            message.set_type(Some("chat"));
            let mut content = XmlWriter::new();
            content.text_element("body", ns::CLIENT, body);
            message.set_content(content.finish());
            message
        }
    };
    if let Some(from) = from {
        stanza.set_from(Some(address(from)?));
    }
    if let Some(to) = to {
        stanza.set_to(Some(address(to)?));
    }
    Ok(stanza)
}

/// Where a supposed stanza comes from.
#[derive(Clone, Debug)]
pub(super) enum Sender {
    /// A session of this node, or the node itself.
    Known(Origin),
    /// A client that is not connected.
    Client(FullJid),
    /// A component that is not connected: its domain.
    Component(String),
    /// Another server.
    Server {
        /// Its domain.
        from: String,
        /// The domain that it talks to.
        to: Option<String>,
    },
}

impl Sender {
    /// The full JID of a client.
    pub(super) fn client(&self) -> Option<&FullJid> {
        match self {
            Self::Known(origin) => origin.session().map(|session| &session.jid),
            Self::Client(jid) => Some(jid),
            Self::Component(_) | Self::Server { .. } => None,
        }
    }

    /// The origin, as far as it is made up.
    pub(super) fn origin(&self) -> rules::Origin<'_> {
        match self {
            Self::Known(_) => rules::Origin::of_kind(OriginKind::Server),
            Self::Client(jid) => rules::Origin {
                host: Some(jid.domain().as_str()),
                full_jid: Some(jid.as_str()),
                is_secure: true,
                ..rules::Origin::of_kind(OriginKind::Client)
            },
            Self::Component(domain) => rules::Origin {
                host: Some(domain),
                ..rules::Origin::of_kind(OriginKind::Component)
            },
            Self::Server { from, to } => rules::Origin {
                host: to.as_deref(),
                from_host: Some(from),
                to_host: to.as_deref(),
                is_secure: true,
                ..rules::Origin::of_kind(OriginKind::ServerInbound)
            },
        }
    }
}

/// Runs the chains that the stanza would meet, one after the other until one of them deals with it.
///
/// # Errors
/// Why nothing can be said.
pub async fn explain(core: &Arc<Core>, supposed: Supposed) -> Result<Vec<Explanation>, String> {
    let (xml, to) = (supposed.stanza.as_deref(), supposed.to.as_deref());
    let mut stanza = supposed_stanza(xml, supposed.from.as_deref(), to, &supposed.body)?;
    let sender = sender(core, &supposed, &stanza)?;
    as_routed(&sender, &mut stanza);
    let mut told = Vec::new();
    for (host, chain) in chains(core, &supposed, &sender, &stanza) {
        let Some(rules) = core.firewall.ruleset(&host) else {
            continue;
        };
        if rules.is_empty(&chain) && supposed.chain.is_none() {
            continue;
        }
        load(core, &rules, &chain, &stanza, &sender).await?;
        let (explanation, verdict, changed) =
            run(core, rules, chain.clone(), stanza.clone(), sender.clone()).await?;
        told.push(explanation);
        let goes_on = matches!(verdict, Verdict::Pass | Verdict::Return)
            || (verdict == Verdict::Default && chain == "preroute");
        if !goes_on {
            break;
        }
        stanza = changed.unwrap_or(stanza);
    }
    if told.is_empty() {
        return Err("no host that this stanza meets has rules for it: it passes".to_owned());
    }
    Ok(told)
}

/// Runs one chain beside the arbiters: an explanation may take long.
async fn run(
    core: &Arc<Core>,
    rules: Arc<Ruleset>,
    chain: String,
    stanza: Stanza,
    sender: Sender,
) -> Result<(Explanation, Verdict, Option<Stanza>), String> {
    let core = Arc::clone(core);
    let explained = tokio::task::spawn_blocking(move || {
        let world = World::of_sender(&core, &sender, rules.host());
        let (mut explanation, outcome) = rules.explain(&chain, &stanza, &world, Trial::Dry);
        explanation.fit();
        (explanation, outcome.verdict, outcome.stanza)
    });
    explained
        .await
        .map_err(|error| format!("the rules could not be run: {error}"))
}

/// A bound session.
fn session(core: &Core, full: &str) -> Option<Arc<SessionHandle>> {
    let jid = Jid::new(full).ok()?;
    let account = core.tables.active(jid.to_bare().as_str())?;
    let sessions = account.sessions();
    let found = sessions
        .iter()
        .find(|session| session.jid.as_str() == jid.as_str());
    found.map(Arc::clone)
}

fn sender(core: &Core, supposed: &Supposed, stanza: &Stanza) -> Result<Sender, String> {
    if let Some(full) = &supposed.session {
        let found = session(core, full).ok_or_else(|| format!("{full} is not connected"))?;
        return Ok(Sender::Known(Origin::Session(found)));
    }
    let Some(from) = stanza.from() else {
        return Ok(Sender::Known(Origin::Node));
    };
    if let Some(found) = session(core, from.as_str()) {
        return Ok(Sender::Known(Origin::Session(found)));
    }
    if let Some(component) = core.tables.component(from.domain().as_str()) {
        let made_up = || Sender::Component(from.domain().as_str().to_owned());
        let connected = component.handle.connected();
        return Ok(connected.map_or_else(made_up, |link| Sender::Known(Origin::Component(link))));
    }
    let is_local = core.tables.is_local(from.domain().as_str());
    Ok(match (is_local, from.node()) {
        (true, None) => Sender::Known(Origin::Node),
        (true, Some(_)) => {
            let full = match from.resource() {
                Some(_) => from.as_str().to_owned(),
                None => format!("{from}/{RESOURCE}"),
            };
            Sender::Client(FullJid::new(&full).map_err(|error| format!("{full}: {error}"))?)
        }
        (false, _) => Sender::Server {
            from: from.domain().as_str().to_owned(),
            to: stanza.to().map(|to| to.domain().as_str().to_owned()),
        },
    })
}

/// What happens to a client's stanza before any chain sees it: it gets the client's address, and loses the own bare one.
fn as_routed(sender: &Sender, stanza: &mut Stanza) {
    let Some(own) = sender.client().map(|own| Jid::from(own.clone())) else {
        return;
    };
    if stanza
        .to()
        .is_some_and(|to| to.as_str() == own.to_bare().as_str())
    {
        stanza.set_to(None);
    }
    stanza.set_from(Some(own));
}

fn chains(
    core: &Core,
    supposed: &Supposed,
    sender: &Sender,
    stanza: &Stanza,
) -> Vec<(String, String)> {
    let host = |jid: Option<&Jid>| jid.map(|jid| jid.domain().as_str().to_owned());
    let own = sender.client().map(|own| own.domain().as_str().to_owned());
    let to = host(stanza.to()).or_else(|| own.clone());
    let from = host(stanza.from());
    let is_local = |host: &Option<String>| {
        host.as_deref()
            .is_some_and(|host| core.tables.is_local(host))
    };
    if let Some(chain) = &supposed.chain {
        let owners = match chain.as_str() {
            "preroute" => [own, from, to],
            "deliver_remote" => [from, own, to],
            _ => [to, own, from],
        };
        let owner = owners.into_iter().find(is_local).flatten();
        return owner
            .map(|host| (host, chain.clone()))
            .into_iter()
            .collect();
    }
    let mut chains = Vec::new();
    chains.extend(own.map(|host| (host, "preroute".to_owned())));
    match (is_local(&to), to, from) {
        (true, Some(to), _) => chains.push((to, "deliver".to_owned())),
        // A component has no rules of its own.
        (_, Some(to), _) if core.tables.component(&to).is_some() => {}
        (_, _, Some(from)) => chains.push((from, "deliver_remote".to_owned())),
        _ => {}
    }
    chains
}

/// Has what the rules may ask of accounts read, as for a stanza that was sent.
async fn load(
    core: &Arc<Core>,
    rules: &Ruleset,
    chain: &str,
    stanza: &Stanza,
    sender: &Sender,
) -> Result<(), String> {
    let needs = rules.needs(chain);
    let of_accounts = [
        Needs::RECIPIENT_ROSTER,
        Needs::RECIPIENT_ROLE,
        Needs::SENDER_ROSTER,
        Needs::SENDER_ROLE,
        Needs::USER_MARKS,
    ];
    if !of_accounts.iter().any(|need| needs.contains(*need)) {
        return Ok(());
    }
    let with_marks = needs.contains(Needs::USER_MARKS);
    let own = sender.client().map(|own| Jid::from(own.clone()));
    for jid in [stanza.from(), stanza.to(), own.as_ref()]
        .into_iter()
        .flatten()
    {
        if jid.node().is_some() && core.tables.is_local(jid.domain().as_str()) {
            load_account(core, &jid.to_bare(), with_marks).await?;
        }
    }
    Ok(())
}

async fn load_account(core: &Arc<Core>, jid: &BareJid, with_marks: bool) -> Result<(), String> {
    let Some(account) = core.visit(jid, 0) else {
        return Err(format!(
            "{jid}: too many accounts are active; try again later"
        ));
    };
    if account.is_loaded(with_marks) {
        return Ok(());
    }
    // As a session does that finds marks missing; a full mailbox shows as a timeout.
    let _full = account.offer(AccountChanged { deleted: false });
    let loaded = tokio::time::timeout(LOAD, account.loaded(with_marks)).await;
    loaded.map_err(|_| format!("{jid}: its state could not be read in time"))
}

#[cfg(test)]
mod tests;
