//! `contact` of a host: where people reach its operators (XEP-0157).

use crate::checker::{Checker, Section, found, text};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::tree::Node;

/// Addresses of a host's operators, as URIs (XEP-0157 §2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactAddresses {
    /// Reports of abuse.
    pub abuse: Vec<String>,
    /// The administrators.
    pub admin: Vec<String>,
    /// Feedback.
    pub feedback: Vec<String>,
    /// Sales.
    pub sales: Vec<String>,
    /// Reports of security problems.
    pub security: Vec<String>,
    /// Help for users.
    pub support: Vec<String>,
}

const fn addresses(name: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        accepts: Accepts::List("URIs (`mailto:`, `xmpp:`, `https:`)"),
        preset: Preset::Value("[]"),
        reload: Reload::Live,
        doc,
        example: "[\"mailto:admin@example.com\", \"xmpp:admin@example.com\"]",
    }
}

static ABUSE: Key = addresses("abuse", "For reports of abuse.");
static ADMIN: Key = addresses("admin", "For the administrators.");
static FEEDBACK: Key = addresses("feedback", "For feedback.");
static SALES: Key = addresses("sales", "For sales.");
static SECURITY: Key = addresses("security", "For reports of security problems.");
static SUPPORT: Key = addresses("support", "For users who need help.");

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "contact",
    doc: "Addresses that service discovery shows (XEP-0157).",
    named: None,
    keys: &[&ABUSE, &ADMIN, &FEEDBACK, &SALES, &SECURITY, &SUPPORT],
    tables: &[],
    later: &["status"],
};

pub(crate) fn read(checker: &mut Checker, host: &Section<'_>) -> ContactAddresses {
    let section = host.child(SECTION.name);
    let mut list = |key| checker.list(&section, key, uri).unwrap_or_default();
    ContactAddresses {
        abuse: list(&ABUSE),
        admin: list(&ADMIN),
        feedback: list(&FEEDBACK),
        sales: list(&SALES),
        security: list(&SECURITY),
        support: list(&SUPPORT),
    }
}

fn uri(node: &Node) -> Result<String, String> {
    let text = text(node).ok_or_else(|| format!("expected a URI, found {}", found(node)))?;
    let good_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let good = |(scheme, rest): (&str, &str)| {
        good_scheme(scheme)
            && !rest.is_empty()
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    if text.split_once(':').is_some_and(good) {
        return Ok(text.to_owned());
    }
    let scheme = if text.contains('@') {
        "mailto:"
    } else {
        "https://"
    };
    Err(format!(
        "{text:?} is not a URI: write one with its scheme, such as \"{scheme}{text}\""
    ))
}
