//! Addresses (RFC 7622, in the stringprep form of RFC 6122 that the network speaks).
//!
//! The types are those of the `jid` crate: one string and two offsets, 32 bytes, one allocation. Parsing normalises, so
//! two equal addresses are equal byte for byte.

pub use jid::{
    BareJid, DomainPart, DomainRef, Error as JidError, FullJid, Jid, NodePart, NodeRef,
    ResourcePart, ResourceRef,
};

/// The bare part of an address as text, without allocating.
///
/// `juliet@example.com/balcony` gives `juliet@example.com`; a bare address gives itself.
#[must_use]
pub fn bare_str(jid: &Jid) -> &str {
    let text = jid.as_str();
    match jid.resource() {
        Some(resource) => text
            .get(..text.len() - resource.as_str().len() - 1)
            .unwrap_or(text),
        None => text,
    }
}

/// Whether both addresses have the same bare part.
#[must_use]
pub fn same_bare(one: &Jid, other: &Jid) -> bool {
    bare_str(one) == bare_str(other)
}

/// Whether the address is a domain alone: no localpart and no resourcepart.
#[must_use]
pub fn is_domain(jid: &Jid) -> bool {
    jid.node().is_none() && jid.resource().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_text_is_a_prefix_of_the_full_one() {
        for (full, bare) in [
            ("juliet@example.com/balcony", "juliet@example.com"),
            ("example.com/a@b/c", "example.com"),
            ("juliet@example.com", "juliet@example.com"),
            ("example.com", "example.com"),
        ] {
            assert_eq!(bare_str(&Jid::new(full).unwrap()), bare);
        }
    }

    #[test]
    fn only_a_bare_domain_is_a_domain() {
        assert!(is_domain(&Jid::new("example.com").unwrap()));
        assert!(!is_domain(&Jid::new("a@example.com").unwrap()));
        assert!(!is_domain(&Jid::new("example.com/x").unwrap()));
    }
}
