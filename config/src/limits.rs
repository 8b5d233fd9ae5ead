//! `[limits]`: what one user may keep and do.

/// Bounds of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Roster items.
    pub roster_items: usize,
    /// Bytes of one user's vCard (XEP-0054).
    pub vcard: usize,
    /// Bytes of one piece of private XML (XEP-0049).
    pub private_xml: usize,
    /// Pieces of private XML.
    pub private_items: usize,
    /// Blocked addresses (XEP-0191).
    pub blocked: usize,
    /// Connected resources of one account.
    pub sessions: usize,
}
