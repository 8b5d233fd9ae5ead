//! Where a stanza comes from and which chain it meets, deduced from its addresses.

use xmpp::jid::Jid;
use xmpp::stanza::Stanza;

use super::Context;
use crate::address::{Parts, Party, split};
use crate::facts::OriginKind;
use crate::world::Session;

/// Which rules a stanza meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The local host that owns the event.
    pub host: String,
    /// The chain.
    pub chain: String,
}

impl Context {
    /// Makes the stanza what the chain would see, and the world's origin the session that it comes from.
    ///
    /// The origin is what `from session` says; else a client if the stanza's `from` is an account of a local host,
    /// this server if `from` is absent or a local host, and a server for everything else. Sessions that do not
    /// exist yet come into being. A client's stanza gets the client's address as `from`, and loses a `to` that is
    /// the client's own account. The chain is what `chain` says; else `deliver_remote` if a stanza from here
    /// goes to another server, and `deliver`.
    pub fn place(&mut self, stanza: &mut Stanza) -> Place {
        let origin = match &self.origin {
            Some(origin) => origin.clone(),
            None => self.deduced_origin(stanza),
        };
        self.world.origin = origin;
        self.mark();
        if let Some(full) = self.client() {
            as_routed(stanza, &full);
        }
        let chain = match &self.chain {
            Some(chain) => chain.clone(),
            None => self.deduced_chain(stanza).to_owned(),
        };
        let host = self.owner(&chain, stanza);
        Place { host, chain }
    }

    /// The full JID of the origin, if that is a client.
    fn client(&self) -> Option<String> {
        let session = self.world.sessions.get(&self.world.origin)?;
        let is_client = session.kind == OriginKind::Client;
        session.full_jid.clone().filter(|_| is_client)
    }

    fn mark(&mut self) {
        let account = self.client();
        let account = account.as_deref().and_then(split).map(|parts| parts.bare);
        if let Some(session) = self.world.sessions.get_mut(&self.world.origin) {
            session.marks.extend(self.origin_marks.drain(..));
        }
        if let Some(account) = account {
            let marks = self.world.user_marks.entry(account.to_owned());
            marks.or_default().extend(self.account_marks.drain(..));
        }
    }

    fn deduced_origin(&mut self, stanza: &Stanza) -> String {
        let from = Party::from_of(stanza);
        let (Some(text), Some(parts)) = (from.text, from.parts) else {
            return String::new();
        };
        if self.world.hosts.contains(parts.host) {
            return self.local_origin(text, parts);
        }
        let sessions = &mut self.world.sessions;
        let known = sessions
            .iter()
            .find(|(_, session)| session.from_host.as_deref() == Some(parts.host));
        if let Some((name, _)) = known {
            return name.clone();
        }
        let mut session = Session::of_kind(OriginKind::ServerInbound);
        session.from_host = Some(parts.host.to_owned());
        let to = Party::to_of(stanza, &crate::Origin::of_kind(OriginKind::Server));
        session.host = Some(to.host().unwrap_or(&self.host).to_owned());
        sessions.insert(parts.host.to_owned(), session);
        parts.host.to_owned()
    }

    fn local_origin(&mut self, text: &str, parts: Parts<'_>) -> String {
        let sessions = &mut self.world.sessions;
        let is_it = |session: &Session| match (session.kind, session.full_jid.as_deref()) {
            (OriginKind::Component, _) => session.host.as_deref() == Some(parts.host),
            (_, Some(full)) if parts.resource.is_some() => full == text,
            (_, Some(full)) => split(full).is_some_and(|own| own.bare == parts.bare),
            _ => false,
        };
        if let Some((name, _)) = sessions.iter().find(|(_, session)| is_it(session)) {
            return name.clone();
        }
        if parts.node.is_none() {
            return String::new();
        }
        let full = match parts.resource {
            Some(_) => text.to_owned(),
            None => format!("{text}/client"),
        };
        let mut session = Session::of_kind(OriginKind::Client);
        session.host = Some(parts.host.to_owned());
        session.full_jid = Some(full.clone());
        sessions.insert(full.clone(), session);
        full
    }

    fn deduced_chain(&self, stanza: &Stanza) -> &'static str {
        let is_local = |host: Option<&str>| host.is_none_or(|host| self.world.hosts.contains(host));
        let server = crate::Origin::of_kind(OriginKind::Server);
        let to = Party::to_of(stanza, &server);
        if is_local(to.host()) || !is_local(Party::from_of(stanza).host()) {
            "deliver"
        } else {
            "deliver_remote"
        }
    }

    fn owner(&self, chain: &str, stanza: &Stanza) -> String {
        let origin = self.world.sessions.get(&self.world.origin);
        let own = origin.and_then(|session| session.host.as_deref());
        let server = crate::Origin::of_kind(OriginKind::Server);
        let to = Party::to_of(stanza, &server);
        let from = Party::from_of(stanza);
        let candidates = match chain {
            "preroute" => [own, None, None],
            "deliver_remote" => [from.host(), own, None],
            _ => [to.host(), own, from.host()],
        };
        let mut known = candidates.into_iter().flatten();
        known
            .find(|host| self.world.hosts.contains(*host))
            .unwrap_or(&self.host)
            .to_owned()
    }
}

/// What the router does to a client's stanza before any chain sees it.
fn as_routed(stanza: &mut Stanza, full: &str) {
    if Party::from_of(stanza).text.is_none() {
        stanza.set_from(Jid::new(full).ok());
    }
    let own = split(full).map(|parts| parts.bare);
    if own.is_some() && stanza.to().map(Jid::as_str) == own {
        stanza.set_to(None);
    }
}
