//! A world made of maps: [`Facts`] for tests, vectors and trying out scripts without a server.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::{CountryField, Facts, Origin, OriginKind, SessionName, Subscription, Timestamp};
use crate::outcome::{Effect, Outcome};

/// A roster.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Contacts with their subscription and groups.
    pub items: BTreeMap<String, (Option<Subscription>, BTreeSet<String>)>,
    /// Contacts that wait for an answer to their request.
    pub pending: BTreeSet<String>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its kind.
    pub kind: OriginKind,
    /// Its local host.
    pub host: Option<String>,
    /// A client's full JID.
    pub full_jid: Option<String>,
    /// A server's domain.
    pub from_host: Option<String>,
    /// Address of the far end.
    pub ip: Option<IpAddr>,
    /// To whom it sent directed presence.
    pub directed: BTreeSet<String>,
    /// Its marks.
    pub marks: BTreeMap<String, Timestamp>,
}

impl Session {
    /// A session of which only the kind is known.
    #[must_use]
    pub fn of_kind(kind: OriginKind) -> Self {
        Self {
            kind,
            host: None,
            full_jid: None,
            from_host: None,
            ip: None,
            directed: BTreeSet::new(),
            marks: BTreeMap::new(),
        }
    }
}

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// Seconds by which local time is ahead of UTC.
    pub utc_offset: i32,
    /// Local hosts.
    pub hosts: BTreeSet<String>,
    /// Sessions by name.
    pub sessions: BTreeMap<String, Session>,
    /// The session that sends the next stanza.
    pub origin: String,
    /// Rosters by bare JID.
    pub rosters: BTreeMap<String, Roster>,
    /// Members of groups.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// Roles by bare JID.
    pub roles: BTreeMap<String, String>,
    /// What a role permits, beside what lower roles do.
    pub permissions: BTreeMap<String, BTreeSet<String>>,
    /// Administrators by host; `*` for all hosts.
    pub admins: BTreeMap<String, BTreeSet<String>>,
    /// Marks on accounts, by bare JID.
    pub user_marks: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// Country code, three-letter code and continent by address.
    pub countries: BTreeMap<IpAddr, [Option<String>; 3]>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: Timestamp::from_nanoseconds(1_700_000_000_000_000_000),
            utc_offset: 0,
            hosts: BTreeSet::from(["example.com".to_owned()]),
            sessions: BTreeMap::new(),
            origin: String::new(),
            rosters: BTreeMap::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            permissions: BTreeMap::new(),
            admins: BTreeMap::new(),
            user_marks: BTreeMap::new(),
            countries: BTreeMap::new(),
        }
    }
}

/// Roles from the lowest on; each permits what the ones before it do.
const ROLES: [&str; 5] = [
    "prosody:guest",
    "prosody:registered",
    "prosody:member",
    "prosody:admin",
    "prosody:operator",
];

impl World {
    fn session(&self) -> Option<&Session> {
        self.sessions.get(&self.origin)
    }

    fn role_permits(&self, role: &str, permission: &str) -> bool {
        let rank = ROLES.iter().position(|known| *known == role);
        let lower = rank.and_then(|rank| ROLES.get(..rank)).unwrap_or_default();
        lower.iter().copied().chain([role]).any(|role| {
            self.permissions
                .get(role)
                .is_some_and(|granted| granted.contains(permission))
        })
    }

    fn own_account(&self) -> Option<&str> {
        let session = self
            .session()
            .filter(|session| session.kind == OriginKind::Client)?;
        Some(bare(session.full_jid.as_deref()?))
    }

    /// Carries out the effects that change this world: marks and subscriptions.
    pub fn apply(&mut self, outcome: &Outcome) {
        let now = self.now;
        let account = self.own_account().map(str::to_owned);
        for effect in &outcome.effects {
            match effect {
                Effect::MarkOrigin(name) => {
                    if let Some(session) = self.sessions.get_mut(&self.origin) {
                        session.marks.insert(name.clone(), now);
                    }
                }
                Effect::UnmarkOrigin(name) => {
                    if let Some(session) = self.sessions.get_mut(&self.origin) {
                        session.marks.remove(name);
                    }
                }
                Effect::MarkUser(name) => {
                    let marks = account
                        .as_ref()
                        .map(|account| self.user_marks.entry(account.clone()).or_default());
                    marks.map(|marks| marks.insert(name.clone(), now));
                }
                Effect::UnmarkUser(name) => {
                    let marks = account
                        .as_ref()
                        .and_then(|account| self.user_marks.get_mut(account));
                    marks.map(|marks| marks.remove(name));
                }
                Effect::Unsubscribe { user, contact } => {
                    self.unsubscribe(user.as_str(), contact.as_str())
                }
                _ => {}
            }
        }
    }

    fn unsubscribe(&mut self, user: &str, contact: &str) {
        let Some(roster) = self.rosters.get_mut(user) else {
            return;
        };
        roster.pending.remove(contact);
        if let Some((subscription, _)) = roster.items.get_mut(contact) {
            *subscription = match *subscription {
                Some(Subscription::Both) => Some(Subscription::To),
                Some(Subscription::From) => Some(Subscription::None),
                other => other,
            };
        }
    }
}

fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

impl Facts for World {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn utc_offset(&self) -> i32 {
        self.utc_offset
    }

    fn origin(&self) -> Origin<'_> {
        let Some(session) = self.session() else {
            return Origin::of_kind(OriginKind::Server);
        };
        Origin {
            kind: session.kind,
            host: session.host.as_deref(),
            full_jid: session.full_jid.as_deref(),
            from_host: session.from_host.as_deref(),
            to_host: session.from_host.as_ref().and(session.host.as_deref()),
            ip: session.ip,
            id: Some(SessionName {
                text: &self.origin,
                number: None,
            }),
            is_secure: true,
        }
    }

    fn is_local_host(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    fn is_bound(&self, full: &str) -> bool {
        self.sessions
            .values()
            .any(|session| session.full_jid.as_deref() == Some(full))
    }

    fn is_online(&self, account: &str) -> bool {
        self.sessions
            .values()
            .filter_map(|session| session.full_jid.as_deref())
            .any(|full| bare(full) == account)
    }

    fn roster_item(&self, owner: &str, contact: &str) -> Option<Subscription> {
        let (subscription, _) = self.rosters.get(owner)?.items.get(contact)?;
        Some(subscription.unwrap_or(Subscription::None))
    }

    fn is_in_roster_group(&self, owner: &str, contact: &str, group: &str) -> bool {
        let item = self
            .rosters
            .get(owner)
            .and_then(|roster| roster.items.get(contact));
        item.is_some_and(|(_, groups)| groups.contains(group))
    }

    fn has_pending_request(&self, owner: &str, contact: &str) -> bool {
        self.rosters
            .get(owner)
            .is_some_and(|roster| roster.pending.contains(contact))
    }

    fn has_sent_directed_presence(&self, owner: &str, target: &str) -> bool {
        self.sessions.values().any(|session| {
            session
                .full_jid
                .as_deref()
                .is_some_and(|full| bare(full) == owner)
                && session.directed.contains(target)
        })
    }

    fn is_in_group(&self, group: &str, account: &str) -> bool {
        self.groups
            .get(group)
            .is_some_and(|members| members.contains(account))
    }

    fn role(&self, account: &str, host: &str) -> Option<Cow<'_, str>> {
        if let Some(role) = self.roles.get(account) {
            let is_here = account
                .split_once('@')
                .is_some_and(|(_, domain)| domain == host);
            return is_here.then_some(Cow::Borrowed(role));
        }
        let administers = |host: &str| {
            self.admins
                .get(host)
                .is_some_and(|admins| admins.contains(account))
        };
        if administers("*") {
            return Some(Cow::Borrowed("prosody:operator"));
        }
        if administers(host) {
            return Some(Cow::Borrowed("prosody:admin"));
        }
        let (_, domain) = account.split_once('@')?;
        (domain == host).then_some(Cow::Borrowed("prosody:registered"))
    }

    fn origin_may(&self, permission: &str) -> bool {
        let Some(session) = self.session() else {
            return false;
        };
        let (Some(account), Some(host)) = (self.own_account(), session.host.as_deref()) else {
            return false;
        };
        self.may(account, host, permission)
    }

    fn may(&self, account: &str, host: &str, permission: &str) -> bool {
        self.role(account, host)
            .is_some_and(|role| self.role_permits(&role, permission))
    }

    fn is_admin(&self, account: &str, host: Option<&str>) -> bool {
        [Some("*"), host].into_iter().flatten().any(|host| {
            self.admins
                .get(host)
                .is_some_and(|admins| admins.contains(account))
        })
    }

    fn origin_mark(&self, name: &str) -> Option<Timestamp> {
        self.session()?.marks.get(name).copied()
    }

    fn user_mark(&self, name: &str) -> Option<Timestamp> {
        self.user_marks.get(self.own_account()?)?.get(name).copied()
    }

    fn country(&self, ip: IpAddr, field: CountryField) -> Option<Cow<'_, str>> {
        let [code, code3, continent] = self.countries.get(&ip)?;
        let value = match field {
            CountryField::Code => code,
            CountryField::Code3 => code3,
            CountryField::Continent => continent,
        };
        value.as_deref().map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod example;
#[cfg(test)]
pub(crate) use example::{example_drops, load_errors};
