//! What rules may ask, answered from the published tables: nothing here waits.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rules::{CountryField, Facts, Origin, OriginKind, SessionName, Subscription, Timestamp};
use storage::Role;
use xmpp::jid::{BareJid, FullJid, bare_str};

use super::geoip::Database;
use super::supposed::Sender;
use crate::component::ComponentLink;
use crate::core::Core;
use crate::delivery;
use crate::roles::rule_name;
use crate::tables::AccountHandle;

/// The clock that rules are timed by starts here.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Whom a made up origin stands in front of.
static NOBODY: delivery::Origin = delivery::Origin::Node;

/// The world of one evaluation.
pub struct World<'a> {
    core: &'a Core,
    origin: &'a delivery::Origin,
    /// In place of `origin`, one that is made up.
    stranger: Option<&'a Sender>,
    /// The host whose rules run.
    host: &'a str,
    now: OnceCell<SystemTime>,
    /// One for the whole evaluation, whatever a reload brings.
    countries: OnceCell<Option<Arc<Database>>>,
}

impl<'a> World<'a> {
    /// The world as rules of `host` see it for a stanza from `origin`.
    pub fn new(core: &'a Core, origin: &'a delivery::Origin, host: &'a str) -> Self {
        Self {
            core,
            origin,
            stranger: None,
            host,
            now: OnceCell::new(),
            countries: OnceCell::new(),
        }
    }

    /// The world as rules of `host` would see it for a stanza from `sender`.
    pub(super) fn of_sender(core: &'a Core, sender: &'a Sender, host: &'a str) -> Self {
        let Sender::Known(origin) = sender else {
            let stranger = Some(sender);
            return Self {
                stranger,
                ..Self::new(core, &NOBODY, host)
            };
        };
        Self::new(core, origin, host)
    }

    /// The full JID of the client that the stanza comes from.
    fn client(&self) -> Option<&FullJid> {
        match self.stranger {
            Some(stranger) => stranger.client(),
            None => self.origin.session().map(|session| &session.jid),
        }
    }

    /// The origin of what a component sends.
    fn component<'b>(&'b self, link: &'b ComponentLink) -> Origin<'b> {
        Origin {
            host: Some(link.domain.as_str()),
            ip: Some(link.address),
            id: Some(SessionName {
                text: "component",
                number: Some(link.id),
            }),
            is_secure: link.secure,
            ..Origin::of_kind(OriginKind::Component)
        }
    }

    fn account(&self, bare: &str) -> Option<Arc<AccountHandle>> {
        self.core.tables.active(bare)
    }

    /// The role of `bare` on `host`: an account of that host has one, others only by configuration.
    fn role_on(&self, bare: &str, host: &str) -> Option<Role> {
        let roles = self.core.tables.host(host)?;
        let jid = BareJid::new(bare).ok()?;
        if jid.domain().as_str() != host || jid.node().is_none() {
            return roles.roles.of_stranger(&jid);
        }
        self.account(bare)?.profile().role
    }

    fn now_as_system_time(&self) -> SystemTime {
        *self.now.get_or_init(SystemTime::now)
    }
}

/// A moment as rules count it.
pub(super) fn timestamp(moment: SystemTime) -> Timestamp {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanoseconds(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

impl Facts for World<'_> {
    fn now(&self) -> Timestamp {
        timestamp(self.now_as_system_time())
    }

    fn stopwatch(&self) -> Option<u64> {
        u64::try_from(STARTED.elapsed().as_nanos()).ok()
    }

    fn utc_offset(&self) -> i32 {
        let now = jiff::Timestamp::try_from(self.now_as_system_time()).unwrap_or_default();
        jiff::tz::TimeZone::system().to_offset(now).seconds()
    }

    fn origin(&self) -> Origin<'_> {
        if let Some(stranger) = self.stranger {
            return stranger.origin();
        }
        let session = match self.origin {
            delivery::Origin::Session(session) => session,
            delivery::Origin::Component(link) => return self.component(link),
            delivery::Origin::Node => return Origin::of_kind(OriginKind::Server),
        };
        Origin {
            host: Some(session.jid.domain().as_str()),
            full_jid: Some(session.jid.as_str()),
            ip: Some(session.address),
            id: Some(SessionName {
                text: "c2s",
                number: Some(session.id),
            }),
            is_secure: session.secure,
            ..Origin::of_kind(OriginKind::Client)
        }
    }

    fn is_local_host(&self, host: &str) -> bool {
        let tables = &self.core.tables;
        tables.is_local(host) || tables.component(host).is_some()
    }

    fn is_bound(&self, full: &str) -> bool {
        let Some((bare, _)) = full.split_once('/') else {
            return false;
        };
        let Some(account) = self.account(bare) else {
            return false;
        };
        account
            .sessions()
            .iter()
            .any(|session| session.jid.as_str() == full)
    }

    fn is_online(&self, bare: &str) -> bool {
        self.account(bare)
            .is_some_and(|account| !account.sessions().is_empty())
    }

    fn roster_item(&self, owner: &str, contact: &str) -> Option<Subscription> {
        let contact = BareJid::new(contact).ok()?;
        let account = self.account(owner)?;
        let subscription = account.profile().roster.item(&contact)?.subscription;
        Some(match (subscription.is_to(), subscription.is_from()) {
            (false, false) => Subscription::None,
            (true, false) => Subscription::To,
            (false, true) => Subscription::From,
            (true, true) => Subscription::Both,
        })
    }

    fn is_in_roster_group(&self, owner: &str, contact: &str, group: &str) -> bool {
        let (Ok(contact), Some(account)) = (BareJid::new(contact), self.account(owner)) else {
            return false;
        };
        let profile = account.profile();
        let item = profile.roster.item(&contact);
        item.is_some_and(|item| item.groups.iter().any(|name| name == group))
    }

    fn has_pending_request(&self, owner: &str, contact: &str) -> bool {
        let (Ok(contact), Some(account)) = (BareJid::new(contact), self.account(owner)) else {
            return false;
        };
        account.profile().roster.has_request(&contact)
    }

    fn has_sent_directed_presence(&self, owner: &str, target: &str) -> bool {
        let Some(account) = self.account(owner) else {
            return false;
        };
        account.sessions().iter().any(|session| {
            session
                .presence()
                .directed
                .iter()
                .any(|to| to.as_str() == target)
        })
    }

    fn is_in_group(&self, group: &str, bare: &str) -> bool {
        let host = self.core.tables.host(self.host);
        host.is_some_and(|host| host.groups.contains(group, bare))
    }

    fn role(&self, bare: &str, host: &str) -> Option<Cow<'_, str>> {
        self.role_on(bare, host)
            .map(|role| Cow::Borrowed(rule_name(role)))
    }

    fn origin_may(&self, permission: &str) -> bool {
        let Some(client) = self.client() else {
            return false;
        };
        self.may(bare_str(client), client.domain().as_str(), permission)
    }

    fn may(&self, bare: &str, host: &str, permission: &str) -> bool {
        let Some(role) = self.role_on(bare, host) else {
            return false;
        };
        self.core
            .tables
            .host(host)
            .is_some_and(|host| host.roles.allows(role, permission))
    }

    fn is_admin(&self, bare: &str, host: Option<&str>) -> bool {
        let role = self.role_on(bare, host.unwrap_or(self.host));
        match host {
            Some(_) => role.is_some_and(|role| role >= Role::Admin),
            None => role.is_some_and(|role| role >= Role::Operator),
        }
    }

    fn origin_mark(&self, name: &str) -> Option<Timestamp> {
        self.origin.session()?.marked_at(name).map(timestamp)
    }

    fn user_mark(&self, name: &str) -> Option<Timestamp> {
        let client = self.client()?;
        // Only the session's own host knows what its users are marked with.
        let is_own = client.domain().as_str() == self.host;
        let account = is_own.then(|| self.account(bare_str(client)))?;
        account?.marks().marked_at(name).map(timestamp)
    }

    fn country(&self, ip: IpAddr, field: CountryField) -> Option<Cow<'_, str>> {
        let countries = self
            .countries
            .get_or_init(|| self.core.firewall.countries());
        countries.as_ref()?.country(ip, field)
    }
}
