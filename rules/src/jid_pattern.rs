//! Patterns of `FROM` and `TO`: each part of an address is compared by itself.

use xmpp::jid::{DomainPart, NodePart, ResourcePart};

use crate::address::{Party, split};
use crate::diagnostic::Code;
use crate::lua_pattern::{Budget, Mode, Pattern};
use crate::refusal::Refusal;

/// One part of a pattern.
#[derive(Debug)]
enum PartPattern {
    Exactly(Box<str>),
    Any,
    Matching(Box<Pattern>),
}

/// A pattern of an address.
#[derive(Debug)]
pub(crate) struct JidPattern {
    node: Option<PartPattern>,
    host: Option<PartPattern>,
    resource: Option<PartPattern>,
    /// The value is a list of addresses, or has a blank in user or host: nobody has such an address.
    is_never: bool,
}

/// What an address that matches must have, if that is exact.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExactPart {
    Bare(String),
    Host(String),
}

impl JidPattern {
    /// Reads a pattern; the second value is the text that it was normalised to, if that changed it.
    pub(crate) fn parse(text: Option<&str>) -> Result<(Self, Option<String>), Refusal> {
        let Some(text) = text else {
            return Ok((
                Self {
                    node: None,
                    host: None,
                    resource: None,
                    is_never: false,
                },
                None,
            ));
        };
        let mut members = text.split([',', ' ']).filter(|member| !member.is_empty());
        if text.contains(',') && members.all(|member| split(member).is_some()) {
            return Ok((
                Self {
                    node: None,
                    host: None,
                    resource: None,
                    is_never: true,
                },
                None,
            ));
        }
        let parts = split(text).ok_or_else(|| {
            Refusal::invalid(format!("malformed JID: {text}")).help(
                "write [user@]host[/resource]; a part may be <*>, <gl*b> or <<lua pattern>> without @ and /",
            )
        })?;
        let mut normal = String::new();
        let node = parts
            .node
            .map(|node| part(node, normal_node, &mut normal))
            .transpose()?;
        if node.is_some() {
            normal.push('@');
        }
        let host = part(parts.host, normal_host, &mut normal)?;
        if parts.resource.is_some() {
            normal.push('/');
        }
        let resource = parts
            .resource
            .map(|resource| part(resource, normal_resource, &mut normal))
            .transpose()?;
        let changed = (normal != text).then_some(normal);
        let is_plain = |part: &str| !part.starts_with('<');
        let has_blank = |part: &str| is_plain(part) && part.contains([' ', '\t']);
        let is_never = has_blank(parts.host) || parts.node.is_some_and(has_blank);
        Ok((
            Self {
                node,
                host: Some(host),
                resource,
                is_never,
            },
            changed,
        ))
    }

    pub(crate) fn matches(&self, party: &Party<'_>, budget: &Budget) -> bool {
        let Some(host) = &self.host else {
            return party.parts.is_none() && !self.is_never;
        };
        let Some(parts) = party.parts else {
            return false;
        };
        let node = match (&self.node, parts.node) {
            (None, None) => true,
            (Some(pattern), Some(node)) => pattern.matches(node, budget),
            _ => false,
        };
        node && host.matches(parts.host, budget)
            && self.resource.as_ref().is_none_or(|pattern| {
                parts
                    .resource
                    .is_some_and(|resource| pattern.matches(resource, budget))
            })
    }

    /// True if no address matches, because several are written where one belongs or something follows it.
    pub(crate) fn is_never(&self) -> bool {
        self.is_never
    }

    /// The exact part that is good for an index.
    pub(crate) fn exact(&self) -> Option<ExactPart> {
        let Some(PartPattern::Exactly(host)) = &self.host else {
            return None;
        };
        match &self.node {
            None => Some(ExactPart::Bare(host.to_string())),
            Some(PartPattern::Exactly(node)) => Some(ExactPart::Bare(format!("{node}@{host}"))),
            Some(_) => Some(ExactPart::Host(host.to_string())),
        }
    }
}

impl PartPattern {
    fn matches(&self, text: &str, budget: &Budget) -> bool {
        match self {
            Self::Exactly(exact) => **exact == *text,
            Self::Any => true,
            Self::Matching(pattern) => pattern.is_match(text.as_bytes(), budget),
        }
    }
}

fn part(
    text: &str,
    normalise: fn(&str) -> Option<String>,
    normal: &mut String,
) -> Result<PartPattern, Refusal> {
    let inside = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    let Some(inside) = inside else {
        let exact = normalise(text).unwrap_or_else(|| text.to_owned());
        normal.push_str(&exact);
        return Ok(PartPattern::Exactly(exact.into_boxed_str()));
    };
    normal.push_str(text);
    if inside == "*" {
        return Ok(PartPattern::Any);
    }
    let lua = inside
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    let pattern = match lua {
        Some(lua) => lua.to_owned(),
        None => glob(inside),
    };
    let pattern = Pattern::new(pattern.as_bytes(), Mode::Whole).map_err(|error| {
        Refusal::new(Code::Pattern, format!("invalid pattern in {text}: {error}"))
    })?;
    Ok(PartPattern::Matching(Box::new(pattern)))
}

/// `*` is any run, `?` one byte, all other punctuation itself.
fn glob(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            c if c.is_ascii_punctuation() => pattern.extend(['%', c]),
            c => pattern.push(c),
        }
    }
    pattern
}

fn normal_node(text: &str) -> Option<String> {
    NodePart::new(text)
        .ok()
        .map(|part| part.as_str().to_owned())
}

fn normal_host(text: &str) -> Option<String> {
    DomainPart::new(text)
        .ok()
        .map(|part| part.as_str().to_owned())
}

fn normal_resource(text: &str) -> Option<String> {
    ResourcePart::new(text)
        .ok()
        .map(|part| part.as_str().to_owned())
}

/// An address in normal form, or the text as it is if it is none.
pub(crate) fn normalised(text: &str) -> String {
    let Some(parts) = split(text) else {
        return text.to_owned();
    };
    let mut normal = String::with_capacity(text.len());
    if let Some(node) = parts.node {
        normal.push_str(&normal_node(node).unwrap_or_else(|| node.to_owned()));
        normal.push('@');
    }
    normal.push_str(&normal_host(parts.host).unwrap_or_else(|| parts.host.to_owned()));
    if let Some(resource) = parts.resource {
        normal.push('/');
        normal.push_str(&normal_resource(resource).unwrap_or_else(|| resource.to_owned()));
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, jid: &str) -> bool {
        let (pattern, _) = JidPattern::parse(Some(pattern)).expect("a pattern");
        let party = Party {
            text: Some(jid),
            parts: split(jid),
        };
        pattern.matches(&party, &Budget::new(10_000))
    }

    #[test]
    fn parts_are_matched_one_by_one() {
        assert!(matches("example.com", "example.com/x"));
        assert!(!matches("example.com", "a@example.com"));
        assert!(matches("<*>@example.com", "a@example.com"));
        assert!(!matches("<*>", "a@example.com"));
        assert!(matches("<*>@<*>/<*>", "a@b/c"));
        assert!(!matches("<*>@<*>/<*>", "a@b"));
        assert!(matches("<sp?m*>@<*.example>", "spam12@x.example"));
        assert!(matches("<<admin%d*>>@h", "admin12@h"));
        assert!(!matches("<<admin%d*>>@h", "xadmin12@h"));
        assert!(matches("User@Example.COM", "user@example.com"));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        assert!(JidPattern::parse(Some("a@b@c")).is_err());
        assert!(JidPattern::parse(Some("<<a[>>@b")).is_err());
    }
}
