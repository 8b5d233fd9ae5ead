//! Which addresses a user has blocked, and how an address is compared with them (XEP-0191).

use xmpp::jid::{Jid, bare_str};

/// Blocked addresses, each once, in the order of their text.
#[derive(Clone, Debug, Default)]
pub struct Blocklist {
    items: Vec<Jid>,
    /// Some item is a domain with a resource.
    has_domain_resource: bool,
}

impl Blocklist {
    /// A list of `items`.
    pub fn new(mut items: Vec<Jid>) -> Self {
        items.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        items.dedup();
        let has_domain_resource = items
            .iter()
            .any(|item| item.node().is_none() && item.resource().is_some());
        Self {
            items,
            has_domain_resource,
        }
    }

    /// The items.
    pub fn items(&self) -> &[Jid] {
        &self.items
    }

    /// Whether nobody is blocked.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether `jid` is blocked: by its full or bare address, by its domain, or by its domain and
    /// resource (XEP-0191 §3.1 with the matching of XEP-0016). A bare address is not blocked by one
    /// of its resources.
    pub fn blocks(&self, jid: &Jid) -> bool {
        if self.items.is_empty() {
            return false;
        }
        self.has(bare_str(jid))
            || (jid.resource().is_some() && self.has(jid.as_str()))
            || (jid.node().is_some() && self.has(jid.domain().as_str()))
            || (self.has_domain_resource && self.blocks_domain_resource(jid))
    }

    /// The list with `items` as well.
    pub(super) fn with(&self, items: &[Jid]) -> Self {
        Self::new(self.items.iter().chain(items).cloned().collect())
    }

    /// The list without `items`; without any at all if `items` is empty.
    pub(super) fn without(&self, items: &[Jid]) -> Self {
        let rest = self
            .items
            .iter()
            .filter(|item| !items.is_empty() && !items.contains(item));
        Self::new(rest.cloned().collect())
    }

    fn has(&self, text: &str) -> bool {
        self.items
            .binary_search_by(|item| item.as_str().cmp(text))
            .is_ok()
    }

    fn blocks_domain_resource(&self, jid: &Jid) -> bool {
        let mut domains = self.items.iter().filter(|item| item.node().is_none());
        jid.resource().is_some()
            && domains
                .any(|item| item.domain() == jid.domain() && item.resource() == jid.resource())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::new(text).unwrap()
    }

    #[test]
    fn a_blocked_address_covers_what_is_below_it() {
        let block = |text: &str| Blocklist::new(vec![jid("z@z"), jid(text), jid("a@a")]);
        let romeo = jid("romeo@example.net/orchard");
        for blocked in [
            "romeo@example.net/orchard",
            "romeo@example.net",
            "example.net",
            "example.net/orchard",
        ] {
            assert!(block(blocked).blocks(&romeo), "{blocked}");
        }
        for other in [
            "romeo@example.net/balcony",
            "juliet@example.net",
            "example.com",
            "example.net/balcony",
        ] {
            assert!(!block(other).blocks(&romeo), "{other}");
        }
        assert!(!block("romeo@example.net/orchard").blocks(&jid("romeo@example.net")));
        assert!(block("example.net").blocks(&jid("example.net")));
    }

    #[test]
    fn items_are_there_once() {
        let list = Blocklist::new(vec![jid("b@x")]).with(&[jid("a@x"), jid("b@x")]);
        assert_eq!(list.items(), [jid("a@x"), jid("b@x")]);
        assert_eq!(list.without(&[jid("a@x")]).items(), [jid("b@x")]);
        assert!(list.without(&[]).is_empty());
    }
}
