//! Everything that a rule may ask of the world.
//!
//! The evaluator never awaits and reads nothing by itself: the one who runs it hands over [`Facts`], filled
//! beforehand with what [`crate::Needs`] says may be asked.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// A moment of wall-clock time: nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// From seconds since 1970-01-01 UTC; fractions are kept to about a microsecond.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and time beyond 2262 is none"
    )]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9) as i64)
    }

    /// Nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Seconds from `earlier` to this moment, negative if it is later.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "differences of years still keep microseconds"
    )]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }
}

/// What kind of session handed over the stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginKind {
    /// A client that has logged in.
    Client,
    /// A client before it has logged in.
    ClientUnauthenticated,
    /// A server that connected to us.
    ServerInbound,
    /// A server that connected to us and has proved nothing yet.
    ServerInboundUnauthenticated,
    /// A server that we connected to.
    ServerOutbound,
    /// An external component (XEP-0114).
    Component,
    /// This server itself: stanzas it makes, and those of rules.
    Server,
}

impl OriginKind {
    /// The word that `$(session.type)` gives.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "c2s",
            Self::ClientUnauthenticated => "c2s_unauthed",
            Self::ServerInbound => "s2sin",
            Self::ServerInboundUnauthenticated => "s2sin_unauthed",
            Self::ServerOutbound => "s2sout",
            Self::Component => "component",
            Self::Server => "local",
        }
    }
}

/// The session that handed the stanza to the router.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Its kind.
    pub kind: OriginKind,
    /// The local host it belongs to: the client's, the component's, the one a server talks to.
    pub host: Option<&'a str>,
    /// A client's full JID.
    pub full_jid: Option<&'a str>,
    /// The remote domain of a server session.
    pub from_host: Option<&'a str>,
    /// The local domain that a server session speaks to.
    pub to_host: Option<&'a str>,
    /// Address of the far end.
    pub ip: Option<IpAddr>,
    /// Name of the session in logs.
    pub id: Option<SessionName<'a>>,
    /// True if the stream is encrypted.
    pub is_secure: bool,
}

/// Name of a session in logs, such as `c2s12`. It is written out only where a script asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionName<'a> {
    /// What it begins with, or all of it.
    pub text: &'a str,
    /// The number behind it.
    pub number: Option<u64>,
}

impl fmt::Display for SessionName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)?;
        self.number.map_or(Ok(()), |number| write!(f, "{number}"))
    }
}

impl Origin<'_> {
    /// A session of which only the kind is known.
    #[must_use]
    pub const fn of_kind(kind: OriginKind) -> Self {
        Self {
            kind,
            host: None,
            full_jid: None,
            from_host: None,
            to_host: None,
            ip: None,
            id: None,
            is_secure: false,
        }
    }
}

/// Subscription state of a roster item (RFC 6121 §2.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Neither way.
    None,
    /// The owner receives the contact's presence.
    To,
    /// The contact receives the owner's presence.
    From,
    /// Both ways.
    Both,
}

impl Subscription {
    /// True if the owner of the roster receives the contact's presence.
    #[must_use]
    pub const fn is_to(self) -> bool {
        matches!(self, Self::To | Self::Both)
    }

    /// True if the contact receives the presence of the roster's owner.
    #[must_use]
    pub const fn is_from(self) -> bool {
        matches!(self, Self::From | Self::Both)
    }
}

/// A field of a GeoIP entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountryField {
    /// ISO 3166-1, two letters.
    Code,
    /// ISO 3166-1, three letters.
    Code3,
    /// Two letters for a continent.
    Continent,
}

/// The world as rules see it during one evaluation. Answers must not change while it lasts.
///
/// Addresses are normalised text: `bare` is `local@domain` or `domain`, `full` has a resource.
pub trait Facts {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Nanoseconds on a clock that never goes back, from any start. It is asked in a few of the runs, to tell what rules
    /// cost; with `None` nothing is measured.
    fn stopwatch(&self) -> Option<u64> {
        None
    }

    /// Seconds by which the server's local time is ahead of UTC now.
    fn utc_offset(&self) -> i32;

    /// The session that handed over the stanza.
    fn origin(&self) -> Origin<'_>;

    /// True if `host` is a virtual host or component of this server.
    fn is_local_host(&self, host: &str) -> bool;

    /// True if a session is bound to exactly this full JID on this server.
    fn is_bound(&self, full: &str) -> bool;

    /// True if the local account `bare` has a session bound.
    fn is_online(&self, bare: &str) -> bool;

    /// The subscription state of `contact` in the roster of the local account `owner`; `None` if it is not in it.
    fn roster_item(&self, owner: &str, contact: &str) -> Option<Subscription>;

    /// True if `contact` is in that group of the roster of the local account `owner`.
    fn is_in_roster_group(&self, owner: &str, contact: &str, group: &str) -> bool;

    /// True if `contact` has asked `owner` for a subscription and waits for the answer.
    fn has_pending_request(&self, owner: &str, contact: &str) -> bool;

    /// True if any bound session of the account `owner` has sent directed available presence to exactly `target`.
    fn has_sent_directed_presence(&self, owner: &str, target: &str) -> bool;

    /// True if `bare` is a member of the server's group `group`; false for unknown groups.
    fn is_in_group(&self, group: &str, bare: &str) -> bool;

    /// The primary role of `bare` on the local host `host`.
    fn role(&self, bare: &str, host: &str) -> Option<Cow<'_, str>>;

    /// True if the role of the origin, a client of this host, allows `permission`.
    fn origin_may(&self, permission: &str) -> bool;

    /// True if the role of `bare` on `host` allows `permission`; false without a role.
    fn may(&self, bare: &str, host: &str, permission: &str) -> bool;

    /// True if `bare` administers `host`; with `None`, all hosts.
    fn is_admin(&self, bare: &str, host: Option<&str>) -> bool;

    /// When the origin session was marked `name`.
    fn origin_mark(&self, name: &str) -> Option<Timestamp>;

    /// When the account of the origin was marked `name`.
    fn user_mark(&self, name: &str) -> Option<Timestamp>;

    /// What GeoIP knows of an address, in upper case.
    fn country(&self, ip: IpAddr, field: CountryField) -> Option<Cow<'_, str>>;
}

bitset! {
    /// Facts about accounts that a chain may ask for. What is not at hand must be read before the run.
    Needs {
        /// The recipient's roster: items, groups and pending requests.
        RECIPIENT_ROSTER = 1;
        /// The sender's roster, where the recipient is not local (`SUBSCRIBED`).
        SENDER_ROSTER = 2;
        /// The recipient's role.
        RECIPIENT_ROLE = 4;
        /// The sender's role or what it permits.
        SENDER_ROLE = 8;
        /// Server groups of sender or recipient.
        GROUPS = 16;
        /// Marks on the account of the origin.
        USER_MARKS = 32;
        /// To whom the recipient's sessions sent directed presence.
        DIRECTED_PRESENCE = 64;
        /// GeoIP of the origin's address.
        COUNTRY = 128;
        /// Which full JIDs are bound.
        BOUND_SESSIONS = 256;
    }
}
