//! Shared roster groups in the format of Prosody's `mod_groups`: who is in which, and whom that puts in a roster.
//!
//! ```text
//! # the whole line is a comment
//! [Support Team]
//! support@example.com
//! john.doe@example.com=John Doe
//! [+Help Desk]
//! help@example.com
//! ```
//!
//! Members of a group see each other. A group whose name is written with a plus is public: every user of the host sees
//! its members, who see each other but not all users. Lines before the first header belong to the group `default`.
//! Unlike there, a line that is not understood is an error, a comment may be written, and a name that the user gave
//! a contact is kept.
//!
//! Nothing here does I/O; whoever reads the file checks its size against [`MAX_FILE_BYTES`] first.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use jid::BareJid;
use xmpp::roster::{MAX_GROUP_BYTES, MAX_GROUPS, MAX_NAME_BYTES, RosterItem, Subscription};

/// Largest groups file, in bytes.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Most members of one group.
pub const MAX_MEMBERS: usize = 10_000;
/// Problems told of one file; more are not collected.
pub const MAX_PROBLEMS: usize = 100;

/// The group of lines that stand before any header.
const DEFAULT_GROUP: &str = "default";

/// All shared groups of a host.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
    /// Names of groups by member.
    memberships: HashMap<Box<str>, Vec<String>>,
    version: u64,
}

#[derive(Debug, Clone, Default)]
struct Group {
    is_public: bool,
    /// By bare address.
    members: BTreeMap<Box<str>, Member>,
}

#[derive(Debug, Clone)]
struct Member {
    jid: BareJid,
    name: Option<String>,
}

/// A line of a groups file that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupsProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub reason: GroupsReason,
}

/// What is wrong with a line of a groups file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupsReason {
    /// The first word of a member line is no address.
    #[error("{text:?} is no address ({error}); write user@host or user@host=name")]
    Address {
        /// The word.
        text: String,
        /// What the address parser says.
        error: String,
    },
    /// The address names one client.
    #[error("{0:?} has a resource; write the address without what follows the slash")]
    Resource(String),
    /// Words behind the address without an equals sign.
    #[error("{0:?} follows the address; write a name behind an equals sign: user@host=name")]
    Trailing(String),
    /// A header without a name, or with too long a one.
    #[error(
        "a group needs a name of 1 to {MAX_GROUP_BYTES} bytes; write [Name], or [+Name] for a public group"
    )]
    GroupName,
    /// A name of a member that is too long.
    #[error("the name is longer than {MAX_NAME_BYTES} bytes; shorten it")]
    MemberName,
    /// A header that is not closed, or has text behind it.
    #[error(
        "the group header is not a line [Name] of its own; close it with ] and move what follows to the next line"
    )]
    Header,
    /// Too many members.
    #[error("the group has more than {MAX_MEMBERS} members; split it")]
    TooManyMembers,
}

impl fmt::Display for GroupsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl Groups {
    /// Reads the text of a groups file.
    ///
    /// # Errors
    /// Every line that is not understood, in order, up to [`MAX_PROBLEMS`].
    pub fn parse(text: &str) -> Result<Self, Vec<GroupsProblem>> {
        let mut groups = Self::default();
        let mut problems = Vec::new();
        let mut current = DEFAULT_GROUP.to_owned();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if let Err(reason) = groups.read_line(line.trim(), &mut current) {
                problems.push(GroupsProblem {
                    line: index + 1,
                    reason,
                });
                if problems.len() == MAX_PROBLEMS {
                    break;
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        groups.version = fingerprint(&groups.groups);
        Ok(groups)
    }

    fn read_line(&mut self, line: &str, current: &mut String) -> Result<(), GroupsReason> {
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        if let Some(header) = line.strip_prefix('[') {
            let inner = header.strip_suffix(']').ok_or(GroupsReason::Header)?;
            *current = self.open(inner)?;
            return Ok(());
        }
        let (address, name) = line.split_once('=').unwrap_or((line, ""));
        self.add(current, bare_jid(address.trim())?, name.trim())
    }

    fn open(&mut self, header: &str) -> Result<String, GroupsReason> {
        let name = header.trim_start_matches('+').trim();
        if name.is_empty() || name.len() > MAX_GROUP_BYTES {
            return Err(GroupsReason::GroupName);
        }
        self.groups.entry(name.to_owned()).or_default().is_public |= header.starts_with('+');
        Ok(name.to_owned())
    }

    fn add(&mut self, group: &str, jid: BareJid, name: &str) -> Result<(), GroupsReason> {
        if name.len() > MAX_NAME_BYTES {
            return Err(GroupsReason::MemberName);
        }
        let members = &mut self.groups.entry(group.to_owned()).or_default().members;
        let key: Box<str> = jid.as_str().into();
        if members.len() >= MAX_MEMBERS && !members.contains_key(&key) {
            return Err(GroupsReason::TooManyMembers);
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        if members.insert(key.clone(), Member { jid, name }).is_none() {
            self.memberships
                .entry(key)
                .or_default()
                .push(group.to_owned());
        }
        Ok(())
    }

    /// Whether the normalised bare address is a member of the group; false for an unknown group. Public groups have
    /// only the members that the file names.
    pub fn contains(&self, group: &str, bare: &str) -> bool {
        self.groups
            .get(group)
            .is_some_and(|group| group.members.contains_key(bare))
    }

    /// Whether there is a group of this name.
    pub fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// The names of all groups, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The contacts that the groups put in the roster of `user`, a user of the host: subscribed both ways, in order of address,
    /// with the groups that both share, at most [`MAX_GROUPS`] of them. A name is the last that a shared group gives.
    pub fn contacts_of(&self, user: &BareJid) -> Vec<RosterItem> {
        let mut contacts = BTreeMap::new();
        for (group_name, group) in self.groups_seen_by(user) {
            for (key, member) in &group.members {
                if member.jid == *user {
                    continue;
                }
                let contact: &mut RosterItem = contacts
                    .entry(key)
                    .or_insert_with(|| RosterItem::new(member.jid.clone()));
                contact.subscription = Subscription::Both;
                if contact.groups.len() < MAX_GROUPS {
                    contact.groups.push(group_name.to_owned());
                }
                if member.name.is_some() {
                    contact.name.clone_from(&member.name);
                }
            }
        }
        contacts.into_values().collect()
    }

    /// Whether `owner` lets `viewer` see its presence because of a group: both are members of one, or `owner` is a member of a
    /// public group. The caller knows that `viewer` is a user of the host.
    pub fn lets_see(&self, owner: &BareJid, viewer: &BareJid) -> bool {
        owner != viewer
            && self.memberships.get(owner.as_str()).is_some_and(|names| {
                names
                    .iter()
                    .filter_map(|name| self.groups.get(name))
                    .any(|group| group.is_public || group.members.contains_key(viewer.as_str()))
            })
    }

    /// Whether `owner` is a member of a public group, so that every user of the host sees its presence.
    pub fn is_public(&self, owner: &BareJid) -> bool {
        self.memberships.get(owner.as_str()).is_some_and(|names| {
            names
                .iter()
                .filter_map(|name| self.groups.get(name))
                .any(|group| group.is_public)
        })
    }

    /// A number that differs, save for a chance of 1 in 2^64, when the groups differ. The same over restarts.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The user's own groups and the public ones.
    fn groups_seen_by<'a>(&'a self, user: &BareJid) -> impl Iterator<Item = (&'a str, &'a Group)> {
        let own = self
            .memberships
            .get(user.as_str())
            .map_or(&[][..], Vec::as_slice);
        self.groups
            .iter()
            .filter(move |(name, group)| group.is_public || own.contains(name))
            .map(|(name, group)| (name.as_str(), group))
    }
}

fn bare_jid(text: &str) -> Result<BareJid, GroupsReason> {
    if let Some((_, trailing)) = text.split_once(char::is_whitespace) {
        return Err(GroupsReason::Trailing(trailing.trim_start().to_owned()));
    }
    if text.contains('/') {
        return Err(GroupsReason::Resource(text.to_owned()));
    }
    BareJid::new(text).map_err(|error| GroupsReason::Address {
        text: text.to_owned(),
        error: error.to_string(),
    })
}

/// FNV-1a: stable over releases of the compiler, which a hasher of the standard library is not.
fn fingerprint(groups: &BTreeMap<String, Group>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |part: &str| {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (name, group) in groups {
        add(name);
        add(if group.is_public { "+" } else { "-" });
        for (key, member) in &group.members {
            add(key);
            add(member.name.as_deref().unwrap_or_default());
        }
        add("");
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\u{feff}nobody@example.com\n\n# comment\n; another\n[Support Team]\r\nSupport@Example.com\n\
         john.doe@example.com = John = Doe \n[Developers]\njohn.doe@example.com=\nmel@example.net=Mel\n\
         [+ Help Desk ]\nhelp@example.com=Help\nbot.example.com\n[Support Team]\nmel@example.net=Melanie\n";

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    fn groups() -> Groups {
        Groups::parse(TEXT).unwrap()
    }

    /// `address|name|groups` of each contact.
    fn contacts(user: &str) -> Vec<String> {
        let line = |item: RosterItem| {
            assert_eq!((item.subscription, item.ask), (Subscription::Both, false));
            format!(
                "{}|{}|{}",
                item.jid,
                item.name.unwrap_or_default(),
                item.groups.join(",")
            )
        };
        groups()
            .contacts_of(&jid(user))
            .into_iter()
            .map(line)
            .collect()
    }

    #[test]
    fn members_see_each_other() {
        assert_eq!(
            contacts("john.doe@example.com"),
            [
                "bot.example.com||Help Desk",
                "help@example.com|Help|Help Desk",
                "mel@example.net|Melanie|Developers,Support Team",
                "support@example.com||Support Team",
            ]
        );
        assert_eq!(contacts("mel@example.net").len(), 4);
    }

    #[test]
    fn public_groups_are_seen_by_all() {
        let expected = [
            "bot.example.com||Help Desk",
            "help@example.com|Help|Help Desk",
        ];
        assert_eq!(contacts("stranger@example.com"), expected);
        assert_eq!(contacts("nobody@example.com"), expected);
        assert_eq!(contacts("help@example.com"), ["bot.example.com||Help Desk"]);
    }

    #[test]
    fn membership_is_what_the_file_says() {
        let groups = groups();
        assert_eq!(
            groups.names().collect::<Vec<_>>(),
            ["Developers", "Help Desk", "Support Team", "default"]
        );
        assert!(groups.contains("Support Team", "support@example.com"));
        assert!(groups.contains("default", "nobody@example.com"));
        assert!(!groups.contains("Help Desk", "stranger@example.com"));
        assert!(!groups.contains("Nothing", "support@example.com"));
        assert!(groups.has_group("Help Desk") && !groups.has_group("+Help Desk"));
    }

    #[test]
    fn presence_is_shown_to_those_who_have_the_contact() {
        let groups = groups();
        let (help, mel, john) = (
            jid("help@example.com"),
            jid("mel@example.net"),
            jid("john.doe@example.com"),
        );
        let stranger = jid("stranger@example.com");
        assert!(groups.lets_see(&mel, &john) && groups.lets_see(&john, &mel));
        assert!(groups.lets_see(&help, &stranger) && !groups.lets_see(&stranger, &help));
        assert!(!groups.lets_see(&mel, &stranger) && !groups.lets_see(&mel, &mel));
    }

    #[test]
    fn every_bad_line_is_told() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        let text = format!("[open\n[]\n[+]\n[a] b\na@b c\na@b/c\n@b\nok@b\na@b={long}\n");
        let problems = Groups::parse(&text).unwrap_err();
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 9]);
        assert_eq!(
            problems[4].to_string(),
            "line 5: \"c\" follows the address; write a name behind an equals sign: user@host=name"
        );
        assert_eq!(
            Groups::parse(&"@b\n".repeat(500)).unwrap_err().len(),
            MAX_PROBLEMS
        );
    }

    #[test]
    fn the_version_tells_files_apart() {
        let version = |text| Groups::parse(text).unwrap().version();
        assert_eq!(version("[a]\nx@y\n"), version("# same\n[a]\nX@y\n"));
        let texts = [
            "",
            "[a]",
            "[+a]",
            "[a]\nx@y",
            "[a]\nx@y=n",
            "[b]\nx@y",
            "[a]\n[b]\nx@y",
        ];
        let versions: std::collections::BTreeSet<_> = texts.into_iter().map(version).collect();
        assert_eq!(versions.len(), texts.len());
        assert_eq!(version(""), version("# only this"));
    }

    #[test]
    fn a_group_is_bounded() {
        let text: String = (0..=MAX_MEMBERS)
            .map(|number| format!("u{number}@h\n"))
            .collect();
        let problems = Groups::parse(&text).unwrap_err();
        assert_eq!(
            problems,
            [GroupsProblem {
                line: MAX_MEMBERS + 1,
                reason: GroupsReason::TooManyMembers
            }]
        );
    }
}
