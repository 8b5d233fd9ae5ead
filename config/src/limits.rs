//! `[limits]`: what one user may keep and do.

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

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

const fn count(name: &'static str, most: u64, preset: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        accepts: Accepts::Integer(1, most),
        preset: Preset::Value(preset),
        reload: Reload::Live,
        doc,
        example: "",
    }
}

const fn bytes(name: &'static str, preset: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        accepts: Accepts::Size(1024, 16 << 20),
        preset: Preset::Value(preset),
        reload: Reload::Live,
        doc,
        example: "",
    }
}

static ROSTER_ITEMS: Key = count(
    "roster_items",
    100_000,
    "1000",
    "Contacts in one roster. One more is refused with `resource-constraint`; a longer roster stays as it is.",
);

static OFFLINE_MESSAGES: Key = Key {
    accepts: Accepts::Integer(0, 100_000),
    ..count(
        "offline_messages",
        100_000,
        "100",
        "Messages kept for one user who is offline (XEP-0160); 0 keeps none. One more is bounced. A host \
         may have its own bound.",
    )
};

static VCARD: Key = bytes(
    "vcard",
    "\"64KiB\"",
    "Bytes of one user's vCard (XEP-0054).",
);

static PRIVATE_XML: Key = bytes(
    "private_xml",
    "\"64KiB\"",
    "Bytes of one piece of a user's private XML (XEP-0049).",
);

static PRIVATE_ITEMS: Key = count(
    "private_items",
    10_000,
    "100",
    "Pieces of private XML that one user may keep (XEP-0049).",
);

static BLOCKED: Key = count(
    "blocked",
    100_000,
    "1000",
    "Addresses that one user may block (XEP-0191).",
);

static SESSIONS: Key = count(
    "sessions",
    1000,
    "20",
    "Resources that one account may have connected. Binding one more is refused with `resource-constraint`.",
);

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "limits",
    doc: "What one user may keep and do.",
    named: None,
    keys: &[
        &ROSTER_ITEMS,
        &OFFLINE_MESSAGES,
        &VCARD,
        &PRIVATE_XML,
        &PRIVATE_ITEMS,
        &BLOCKED,
        &SESSIONS,
    ],
    tables: &[],
    later: &["c2s", "s2sin", "s2sout", "archive_days"],
};

/// The bounds, and the offline messages that hosts inherit.
pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> (LimitsConfig, usize) {
    let section = root.child(SECTION.name);
    let config = LimitsConfig {
        roster_items: checker.integer(&section, &ROSTER_ITEMS),
        vcard: checker.size(&section, &VCARD),
        private_xml: checker.size(&section, &PRIVATE_XML),
        private_items: checker.integer(&section, &PRIVATE_ITEMS),
        blocked: checker.integer(&section, &BLOCKED),
        sessions: checker.integer(&section, &SESSIONS),
    };
    (config, checker.integer(&section, &OFFLINE_MESSAGES))
}
