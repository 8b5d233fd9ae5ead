//! The statements of a context, one line each.

use std::net::IpAddr;
use std::time::Duration;

use super::moment::{parse_moment, parse_span};
use super::sessions::add_session;
use super::words::{items, words};
use super::{Context, Listed, mistake};
use crate::address::split;
use crate::diagnostic::{Code, Diagnostic};
use crate::facts::{Subscription, Timestamp};
use crate::refusal::Refusal;
use crate::syntax::lexer::Line;
use crate::syntax::span::Span;
use crate::world::Roster;

/// One kind of statement.
#[derive(Debug)]
pub struct Statement {
    /// The words before the subject.
    pub keyword: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What it says, in Markdown.
    pub summary: &'static str,
    /// What stands between keyword and colon; empty if nothing may.
    subject: &'static str,
    read: fn(&mut Context, &Given<'_>) -> Result<(), Refusal>,
}

/// A statement's subject and value.
struct Given<'l> {
    subject: &'l str,
    value: &'l str,
    span: Span,
}

/// All statements, in the order of the reference.
pub const STATEMENTS: &[Statement] = &[
    Statement {
        keyword: "host",
        syntax: "host: example.com, chat.example.com",
        summary: "The local hosts; the rules of the first one run. Without it there is `example.com`.",
        subject: "",
        read: host,
    },
    Statement {
        keyword: "time",
        syntax: "time: 2026-11-21T14:00:00+01:00",
        summary: "The time, which is also the server's local time. Stands before marks that have an age.",
        subject: "",
        read: time,
    },
    Statement {
        keyword: "chain",
        syntax: "chain: preroute",
        summary: "The chain that stanzas run through. Without it `deliver_remote` for a stanza that leaves for \
                  another server, else `deliver`.",
        subject: "",
        read: chain,
    },
    Statement {
        keyword: "from session",
        syntax: "from session: c2s juliet@example.com/balcony ip 192.0.2.1 marked new 5m",
        summary: "The session that stanzas come from, whatever their `from` is: `c2s` with a full JID, `s2sin` or \
                  `s2sout` with the remote domain (`s2s` is `s2sin`), `component` with its host, `server` for \
                  this server itself. Behind it may stand `ip ADDRESS`, `to HOST` (the local host that a server \
                  speaks to), `directed JID` (to whom the client sent directed presence) and `marked NAME [AGE]`.",
        subject: "",
        read: from_session,
    },
    Statement {
        keyword: "session",
        syntax: "session: s2s example.net ip 203.0.113.9",
        summary: "A session, described as for `from session`. A stanza comes from it if the addresses fit, and \
                  clients are online.",
        subject: "",
        read: session,
    },
    Statement {
        keyword: "roster",
        syntax: "roster juliet@example.com: romeo@example.net both groups Friends, Family",
        summary: "A contact of a local account: `none`, `to`, `from` or `both` (which is also the default), and its \
                  groups.",
        subject: "JID",
        read: roster,
    },
    Statement {
        keyword: "pending",
        syntax: "pending juliet@example.com: paris@example.net",
        summary: "Who has asked the account for a subscription and waits for the answer.",
        subject: "JID",
        read: pending,
    },
    Statement {
        keyword: "group",
        syntax: "group Staff: juliet@example.com, nurse@example.com",
        summary: "Members of a group of the server.",
        subject: "NAME",
        read: group,
    },
    Statement {
        keyword: "role",
        syntax: "role juliet@example.com: prosody:member",
        summary: "The role of an account. Without it accounts of local hosts have `prosody:registered`, those of \
                  `admin` statements `prosody:admin` or `prosody:operator`.",
        subject: "JID",
        read: role,
    },
    Statement {
        keyword: "permission",
        syntax: "permission prosody:registered: example:speak",
        summary: "What a role, and every higher one, permits.",
        subject: "ROLE",
        read: permission,
    },
    Statement {
        keyword: "admin",
        syntax: "admin example.com: nurse@example.com",
        summary: "Administrators of a host; `admin *:` for all hosts.",
        subject: "HOST",
        read: admin,
    },
    Statement {
        keyword: "mark origin",
        syntax: "mark origin: spammer 5m ago",
        summary: "A mark on the session that the next stanza comes from; without an age, of this moment.",
        subject: "",
        read: mark_origin,
    },
    Statement {
        keyword: "mark user",
        syntax: "mark user juliet@example.com: trusted 2d ago",
        summary: "A mark on an account; without a JID on that of the client that the next stanza comes from.",
        subject: "?",
        read: mark_user,
    },
    Statement {
        keyword: "country",
        syntax: "country 203.0.113.9: SE SWE EU",
        summary: "What GeoIP knows of an address: the country's two letters, its three letters, the continent; `-` \
                  for what it does not know.",
        subject: "ADDRESS",
        read: country,
    },
    Statement {
        keyword: "list",
        syntax: "list spammers: spam.example, junk.example",
        summary: "Entries that a list holds, of whatever kind it is.",
        subject: "NAME",
        read: list,
    },
];

impl Context {
    /// Reads one statement; a mistake comes with its place.
    pub(super) fn statement(&mut self, line: &Line<'_>) -> Result<(), (Refusal, Span)> {
        let text: &str = &line.text;
        let Some((head, value)) = divide(text) else {
            return Err((unknown(text), line.span));
        };
        let Some((statement, subject)) = find(head) else {
            return Err((unknown(head), line.part(0, head.len())));
        };
        let given = Given {
            subject,
            value: value.trim(),
            span: line.span,
        };
        let start = text.len() - value.trim_start().len();
        let place = if given.value.is_empty() {
            line.span
        } else {
            line.part(start, text.len())
        };
        let advice = |refusal: Refusal| match refusal.help {
            Some(_) => refusal,
            None => refusal.help(format!("write it as in `{}`", statement.syntax)),
        };
        match (statement.subject, subject) {
            ("", "") | ("?", _) => {}
            ("", _) => {
                let message = format!("`{}` has no {subject} before its colon", statement.keyword);
                return Err((advice(mistake(message)), line.part(0, head.len())));
            }
            (what, "") => {
                let message = format!("`{}` lacks its {what} before the colon", statement.keyword);
                return Err((advice(mistake(message)), line.part(0, head.len())));
            }
            _ => {}
        }
        if given.value.is_empty() {
            let message = format!("`{head}` has no value");
            return Err((advice(mistake(message)), place));
        }
        (statement.read)(self, &given).map_err(|refusal| (advice(refusal), place))
    }
}

/// Splits at the first colon that a blank or the end follows: addresses and roles may hold colons.
fn divide(text: &str) -> Option<(&str, &str)> {
    let at = text.match_indices(':').map(|(at, _)| at).find(|at| {
        text.get(at + 1..)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })?;
    Some((text.get(..at)?.trim_end(), text.get(at + 1..)?))
}

fn find(head: &str) -> Option<(&'static Statement, &str)> {
    STATEMENTS.iter().find_map(|statement| {
        let rest = head.strip_prefix(statement.keyword)?;
        (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| (statement, rest.trim()))
    })
}

fn unknown(head: &str) -> Refusal {
    let word = head.split_whitespace().next().unwrap_or_default();
    let words: Vec<&str> = STATEMENTS.iter().map(|known| known.keyword).collect();
    let refusal = mistake(format!("unknown statement: {head}"));
    // Two words first: `from sesion` is near to `from session`, not to `session`.
    let near = [head, word].into_iter().find_map(|given| {
        Diagnostic::error(Code::Context, Span::default(), String::new())
            .with_nearest(given, words.iter().copied())
            .help
    });
    refusal.help(near.unwrap_or_else(|| format!("the statements are {}", words.join(", "))))
}

fn host(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let mut hosts = Vec::new();
    for item in items(given.value) {
        let host = crate::jid_pattern::normalised(item);
        let is_host = split(&host).is_some_and(|parts| parts.host == host);
        if !is_host || host.contains(' ') {
            return Err(mistake(format!("{item} is no host name")));
        }
        hosts.push(host);
    }
    if let (false, Some(first)) = (context.has_hosts, hosts.first()) {
        context.host.clone_from(first);
        context.world.hosts.clear();
        context.has_hosts = true;
    }
    context.world.hosts.extend(hosts);
    Ok(())
}

fn time(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let (now, offset) = parse_moment(given.value)?;
    context.world.now = now;
    context.world.utc_offset = offset;
    Ok(())
}

fn chain(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let name = given.value.trim_start_matches("::").trim_start();
    context.chain = Some(name.to_owned());
    context.chain_span = given.span;
    Ok(())
}

fn from_session(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    context.origin = Some(add_session(context, given.value)?);
    Ok(())
}

fn session(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    add_session(context, given.value).map(drop)
}

fn roster(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let (before, groups) = match given.value.split_once(" groups ") {
        Some((before, groups)) => (before, items(groups).map(str::to_owned).collect()),
        None => (given.value, Default::default()),
    };
    let words = words(before)?;
    let mut words = words.iter().map(String::as_str);
    let contact = jid(words.next().unwrap_or_default())?;
    let subscription = match words.next() {
        None | Some("both") => Subscription::Both,
        Some("none") => Subscription::None,
        Some("to") => Subscription::To,
        Some("from") => Subscription::From,
        Some(other) => {
            return Err(mistake(format!("unknown subscription: {other}")).help(
                "the subscriptions are none, to, from and both; groups stand behind `groups`",
            ));
        }
    };
    if let Some(word) = words.next() {
        return Err(
            mistake(format!("unexpected word behind the subscription: {word}"))
                .help("one contact stands on a line; its groups stand behind `groups`"),
        );
    }
    let roster = owned_roster(context, given.subject)?;
    roster.items.insert(contact, (Some(subscription), groups));
    Ok(())
}

fn owned_roster<'c>(context: &'c mut Context, owner: &str) -> Result<&'c mut Roster, Refusal> {
    let owner = account(owner)?;
    Ok(context.world.rosters.entry(owner).or_default())
}

fn pending(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let asking = jids(given.value)?;
    let roster = owned_roster(context, given.subject)?;
    roster.pending.extend(asking);
    Ok(())
}

fn group(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let members = jids(given.value)?;
    let group = context.world.groups.entry(given.subject.to_owned());
    group.or_default().extend(members);
    Ok(())
}

fn role(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let account = account(given.subject)?;
    context.world.roles.insert(account, given.value.to_owned());
    Ok(())
}

fn permission(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let permissions = context.world.permissions.entry(given.subject.to_owned());
    let granted = items(given.value).map(str::to_owned);
    permissions.or_default().extend(granted);
    Ok(())
}

fn admin(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let admins = jids(given.value)?;
    let host = match given.subject {
        "*" => "*".to_owned(),
        host => jid(host)?,
    };
    context.world.admins.entry(host).or_default().extend(admins);
    Ok(())
}

fn mark_origin(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let mark = context.mark_of(given.value)?;
    context.origin_marks.push(mark);
    Ok(())
}

fn mark_user(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let mark = context.mark_of(given.value)?;
    if given.subject.is_empty() {
        context.account_marks.push(mark);
    } else {
        let marks = context.world.user_marks.entry(account(given.subject)?);
        marks.or_default().extend([mark]);
    }
    Ok(())
}

impl Context {
    pub(super) fn ago(&self, age: Duration) -> Timestamp {
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_nanoseconds(self.world.now.nanoseconds().saturating_sub(age))
    }

    /// `NAME`, `NAME AGE` or `NAME AGE ago`.
    fn mark_of(&self, value: &str) -> Result<(String, Timestamp), Refusal> {
        let words: Vec<&str> = value.split_whitespace().collect();
        match words.as_slice() {
            [name] => Ok(((*name).to_owned(), self.world.now)),
            [name, age] | [name, age, "ago"] => {
                Ok(((*name).to_owned(), self.ago(parse_span(age)?)))
            }
            _ => Err(mistake(format!("{value} is no mark with its age"))),
        }
    }
}

fn country(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let mut fields = [None, None, None];
    let codes = words(given.value)?;
    if codes.len() > fields.len() {
        return Err(mistake(
            "an address has at most two country codes and a continent",
        ));
    }
    for (field, code) in fields.iter_mut().zip(codes) {
        *field = (code != "-").then(|| code.to_ascii_uppercase());
    }
    context.world.countries.insert(ip(given.subject)?, fields);
    Ok(())
}

fn list(context: &mut Context, given: &Given<'_>) -> Result<(), Refusal> {
    let listed = items(given.value).map(|entry| Listed {
        list: given.subject.to_owned(),
        entry: entry.to_owned(),
        span: given.span,
    });
    context.lists.extend(listed);
    Ok(())
}

pub(super) fn ip(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        mistake(format!("{text} is no IP address")).help("write it as in 192.0.2.1 or 2001:db8::1")
    })
}

/// An address in normal form.
pub(super) fn jid(text: &str) -> Result<String, Refusal> {
    let normal = crate::jid_pattern::normalised(text);
    match split(&normal) {
        Some(_) if xmpp::jid::Jid::new(&normal).is_ok() => Ok(normal),
        _ => Err(mistake(format!("malformed JID: {text}")).help("write [user@]host[/resource]")),
    }
}

fn jids(text: &str) -> Result<Vec<String>, Refusal> {
    items(text).map(jid).collect()
}

/// The bare JID of an account.
fn account(text: &str) -> Result<String, Refusal> {
    let jid = jid(text)?;
    let parts = split(&jid);
    if parts.is_some_and(|parts| parts.node.is_some() && parts.resource.is_none()) {
        return Ok(jid);
    }
    Err(mistake(format!("{text} is no account"))
        .help("write its bare JID, as in juliet@example.com"))
}
