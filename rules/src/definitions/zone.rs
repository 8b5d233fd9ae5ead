//! `%ZONE name: member, member ...`: a set of hosts, bare JIDs and full JIDs.

use ahash::AHashSet;

use crate::address::Party;
use crate::facts::Facts;
use crate::jid_pattern::normalised;

/// Members of a zone that an index of rules may hold one by one.
const LARGE: usize = 256;

/// A set of addresses. Members are compared as exact strings: a host stands for itself and all of its users,
/// not for subdomains.
#[derive(Debug)]
pub struct Zone {
    members: AHashSet<Box<str>>,
    is_local: bool,
}

impl Zone {
    /// Reads a definition's value; members are normalised.
    #[must_use]
    pub fn new(value: &str) -> Self {
        let members = value
            .split([',', ' ', '\t', '\n'])
            .filter(|member| !member.is_empty())
            .map(|member| normalised(member).into_boxed_str())
            .collect();
        Self {
            members,
            is_local: false,
        }
    }

    /// The zone `$local`: all hosts of this server, whatever they are at the time.
    #[must_use]
    pub fn local() -> Self {
        Self {
            members: AHashSet::new(),
            is_local: true,
        }
    }

    /// The members, in no order; none for `$local`.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| &**member)
    }

    /// True for `$local`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// The member that an address belongs to; for `$local` its host.
    pub(crate) fn member<'a>(&self, party: &Party<'a>, facts: &dyn Facts) -> Option<&'a str> {
        if self.is_local {
            return party.host().filter(|host| facts.is_local_host(host));
        }
        [party.host(), party.bare(), party.text]
            .into_iter()
            .flatten()
            .find(|text| self.members.contains(*text))
    }

    /// True if an index would hold more for it than looking into it costs.
    pub(crate) fn is_large(&self) -> bool {
        self.members.len() > LARGE
    }

    pub(crate) fn contains(&self, party: &Party<'_>, facts: &dyn Facts) -> bool {
        if self.is_local {
            return party.host().is_some_and(|host| facts.is_local_host(host));
        }
        [party.host(), party.bare(), party.text]
            .into_iter()
            .flatten()
            .any(|text| self.members.contains(text))
    }
}
