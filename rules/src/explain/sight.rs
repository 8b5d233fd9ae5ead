//! What a condition looked at: its own words, and the answers that it was given about the world.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::net::IpAddr;

use crate::address::Party;
use crate::facts::{CountryField, Facts, Origin, Subscription, Timestamp};
use crate::observer::Seen;

/// Bytes of a value that are shown.
const SHOWN: usize = 500;
/// Things that one condition shows.
const MAX_SEEN: usize = 32;

/// A text of at most `most` bytes and a few that say how many there were.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    let begin = text.get(..end).unwrap_or_default();
    format!("{begin}... ({} bytes)", text.len())
}

/// Collects what a condition looks at.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    seen: Vec<Seen>,
}

impl Sight {
    /// Notes a value; `None`: there is none.
    pub(crate) fn add<T: Display>(&mut self, what: impl Into<String>, value: Option<T>) {
        let seen = Seen {
            what: what.into(),
            value: value.map(|value| shortened(&value.to_string(), SHOWN)),
        };
        if self.seen.len() < MAX_SEEN && !self.seen.contains(&seen) {
            self.seen.push(seen);
        }
    }

    /// Notes bytes as text.
    pub(crate) fn bytes(&mut self, what: &str, value: &[u8]) {
        self.add(what, Some(String::from_utf8_lossy(value)));
    }

    /// Notes an address.
    pub(crate) fn party(&mut self, what: &str, party: &Party<'_>) {
        match (party.text, party.parts) {
            (Some(text), None) => self.add(what, Some(format!("{text}, which is no address"))),
            (text, _) => self.add(what, text),
        }
    }

    pub(crate) fn into_seen(self) -> Vec<Seen> {
        self.seen
    }
}

/// Facts that note what they answer.
pub(crate) struct WatchedFacts<'f> {
    facts: &'f dyn Facts,
    sight: RefCell<Sight>,
}

impl<'f> WatchedFacts<'f> {
    pub(crate) fn new(facts: &'f dyn Facts) -> Self {
        Self {
            facts,
            sight: RefCell::default(),
        }
    }

    pub(crate) fn into_seen(self) -> Vec<Seen> {
        self.sight.into_inner().into_seen()
    }

    fn note<T: Display>(&self, what: String, value: Option<T>) {
        self.sight.borrow_mut().add(what, value);
    }

    fn claim(&self, what: String, is_true: bool) -> bool {
        self.note(what, Some(if is_true { "yes" } else { "no" }));
        is_true
    }

    fn mark(&self, what: String, at: Option<Timestamp>) -> Option<Timestamp> {
        let age = at.map(|at| self.facts.now().seconds_since(at));
        self.note(what, age.map(|age| format!("set {age:.1} s ago")));
        at
    }
}

impl Facts for WatchedFacts<'_> {
    fn now(&self) -> Timestamp {
        self.facts.now()
    }

    fn utc_offset(&self) -> i32 {
        self.facts.utc_offset()
    }

    fn origin(&self) -> Origin<'_> {
        self.facts.origin()
    }

    fn is_local_host(&self, host: &str) -> bool {
        self.claim(
            format!("{host} is served here"),
            self.facts.is_local_host(host),
        )
    }

    fn is_bound(&self, full: &str) -> bool {
        self.claim(format!("{full} is bound"), self.facts.is_bound(full))
    }

    fn is_online(&self, bare: &str) -> bool {
        self.claim(format!("{bare} is online"), self.facts.is_online(bare))
    }

    fn roster_item(&self, owner: &str, contact: &str) -> Option<Subscription> {
        let item = self.facts.roster_item(owner, contact);
        let word = item.map(|subscription| match subscription {
            Subscription::None => "none",
            Subscription::To => "to",
            Subscription::From => "from",
            Subscription::Both => "both",
        });
        self.note(
            format!("subscription of {contact} in the roster of {owner}"),
            word,
        );
        item
    }

    fn is_in_roster_group(&self, owner: &str, contact: &str, group: &str) -> bool {
        let what = format!("{contact} is in the roster group {group} of {owner}");
        self.claim(what, self.facts.is_in_roster_group(owner, contact, group))
    }

    fn has_pending_request(&self, owner: &str, contact: &str) -> bool {
        let what = format!("{contact} waits for the answer of {owner}");
        self.claim(what, self.facts.has_pending_request(owner, contact))
    }

    fn has_sent_directed_presence(&self, owner: &str, target: &str) -> bool {
        let what = format!("{owner} has sent directed presence to {target}");
        self.claim(what, self.facts.has_sent_directed_presence(owner, target))
    }

    fn is_in_group(&self, group: &str, bare: &str) -> bool {
        let what = format!("{bare} is a member of the group {group}");
        self.claim(what, self.facts.is_in_group(group, bare))
    }

    fn role(&self, bare: &str, host: &str) -> Option<Cow<'_, str>> {
        let role = self.facts.role(bare, host);
        self.note(format!("role of {bare} on {host}"), role.as_deref());
        role
    }

    fn origin_may(&self, permission: &str) -> bool {
        let what = format!("the role of the origin allows {permission}");
        self.claim(what, self.facts.origin_may(permission))
    }

    fn may(&self, bare: &str, host: &str, permission: &str) -> bool {
        let what = format!("the role of {bare} on {host} allows {permission}");
        self.claim(what, self.facts.may(bare, host, permission))
    }

    fn is_admin(&self, bare: &str, host: Option<&str>) -> bool {
        let what = format!("{bare} administers {}", host.unwrap_or("all hosts"));
        self.claim(what, self.facts.is_admin(bare, host))
    }

    fn origin_mark(&self, name: &str) -> Option<Timestamp> {
        self.mark(
            format!("mark {name} of the session"),
            self.facts.origin_mark(name),
        )
    }

    fn user_mark(&self, name: &str) -> Option<Timestamp> {
        self.mark(
            format!("mark {name} of the account"),
            self.facts.user_mark(name),
        )
    }

    fn country(&self, ip: IpAddr, field: CountryField) -> Option<Cow<'_, str>> {
        let country = self.facts.country(ip, field);
        let field = match field {
            CountryField::Code | CountryField::Code3 => "country",
            CountryField::Continent => "continent",
        };
        self.note(format!("{field} of {ip}"), country.as_deref());
        country
    }
}
