//! Stanza paths: `{namespace}name/name#` and `@attribute` (firewall language, section 6).

use std::borrow::Cow;

use thiserror::Error;
use xmpp::stanza::{ElementRef, Stanza};
use xmpp::xml::XmlWriter;

const CLIENT: &str = "jabber:client";

/// Why a path was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum PathError {
    /// `{` without a namespace and `}`.
    #[error("the namespace in the stanza path is not closed: write {{namespace}}name")]
    UnfinishedNamespace,
    /// More segments than any stanza has levels.
    #[error("the stanza path is too long")]
    TooLong,
}

/// Segments that a path may have.
const MAX_SEGMENTS: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    ns: Option<Box<str>>,
    name: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Element,
    Text,
    Attribute(Box<str>),
}

/// A path that was read once and is walked often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Step>,
    target: Target,
    /// True if a step asks for `jabber:client` by name.
    names_client: bool,
}

/// What stands at the end of a path.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Element(ElementRef<'a>),
}

impl Path {
    pub(crate) fn parse(path: &str) -> Result<Self, PathError> {
        let (steps, target) = Self::parts(path)?;
        let is_client = |step: &Step| step.ns.as_deref() == Some(CLIENT);
        Ok(Self {
            names_client: steps.iter().any(is_client),
            steps,
            target,
        })
    }

    fn parts(path: &str) -> Result<(Vec<Step>, Target), PathError> {
        let mut steps = Vec::new();
        let mut rest = path;
        loop {
            if let Some(attribute) = rest.strip_prefix('@') {
                return Ok((steps, Target::Attribute(attribute.into())));
            }
            let ns = match rest.strip_prefix('{') {
                Some(inside) => {
                    let (ns, behind) = inside
                        .split_once('}')
                        .ok_or(PathError::UnfinishedNamespace)?;
                    if ns.is_empty() {
                        return Err(PathError::UnfinishedNamespace);
                    }
                    rest = behind;
                    Some(ns.into())
                }
                None => None,
            };
            let end = rest.find(['@', '/', '#']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let name = (!name.is_empty()).then(|| name.into());
            steps.push(Step { ns, name });
            if steps.len() > MAX_SEGMENTS {
                return Err(PathError::TooLong);
            }
            let is_text = behind.starts_with('#');
            rest = behind.strip_prefix(['/', '#']).unwrap_or(behind);
            if rest.is_empty() {
                let target = if is_text {
                    Target::Text
                } else {
                    Target::Element
                };
                return Ok((steps, target));
            }
        }
    }

    /// The namespace that the first segment names.
    pub(crate) fn payload(&self) -> Option<&str> {
        self.steps.first()?.ns.as_deref()
    }

    /// Walks the first matching child at each level.
    pub(crate) fn resolve<'a>(&self, stanza: &'a Stanza) -> Option<Value<'a>> {
        let Some((first, steps)) = self.steps.split_first() else {
            return match &self.target {
                Target::Attribute(name) => stanza.attribute(name).map(Value::Text),
                _ => None,
            };
        };
        let mut element = first_child(stanza, first)?;
        let mut is_own = true;
        for step in steps {
            is_own = is_own && self.names_client && element.has_ns(CLIENT);
            if is_own && step.ns.as_deref() == Some(CLIENT) {
                return None;
            }
            element = child(element, step)?;
        }
        match &self.target {
            Target::Element => Some(Value::Element(element)),
            Target::Attribute(name) => element.attribute(name).map(Value::Text),
            Target::Text if element.has_child_elements() => None,
            Target::Text => Some(Value::Text(element.text())),
        }
    }
}

fn first_child<'a>(stanza: &'a Stanza, step: &Step) -> Option<ElementRef<'a>> {
    // What is in the namespace of the stanza has none of its own that a path could name.
    if step.ns.as_deref() == Some(CLIENT) {
        return None;
    }
    let ns = step.ns.as_deref().unwrap_or(CLIENT);
    match &step.name {
        Some(name) => stanza.child(name, ns),
        None => stanza.children().find(|child| child.has_ns(ns)),
    }
}

fn child<'a>(parent: ElementRef<'a>, step: &Step) -> Option<ElementRef<'a>> {
    let ns = match step.ns.as_deref() {
        Some(ns) => Cow::Borrowed(ns),
        None => parent.ns(),
    };
    match &step.name {
        Some(name) => parent.child(name, &ns),
        None => parent.children().find(|child| child.has_ns(&ns)),
    }
}

/// An element as text. As in a stream of clients, `jabber:client` is not declared.
pub(crate) fn serialize(element: ElementRef<'_>) -> String {
    let mut xml = XmlWriter::new();
    xml.element(element);
    readable(&xml.finish())
}

/// Canonical XML as rules see it: in the original, quotes in texts and values are escaped too.
pub(crate) fn readable(canonical: &[u8]) -> String {
    let canonical = String::from_utf8_lossy(canonical);
    let mut out = String::with_capacity(canonical.len());
    let (mut is_tag, mut is_value) = (false, false);
    for c in canonical.chars() {
        match c {
            '<' => is_tag = true,
            '>' if !is_value => is_tag = false,
            '\'' if is_tag => is_value = !is_value,
            '\'' => {
                out.push_str("&apos;");
                continue;
            }
            '"' => {
                out.push_str("&quot;");
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::xml::Limits;

    fn value(path: &str, xml: &str) -> Option<String> {
        let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).expect("a stanza");
        match Path::parse(path).expect("a path").resolve(&stanza)? {
            Value::Text(text) => Some(text.into_owned()),
            Value::Element(element) => Some(serialize(element)),
        }
    }

    #[test]
    fn the_namespace_of_the_stanza_has_no_name_in_paths() {
        let xml = "<message><body>a</body><x><y>b</y></x><f xmlns='urn:f'>\
                   <message xmlns='jabber:client'><body>c</body></message></f></message>";
        assert_eq!(value("{jabber:client}body#", xml), None);
        assert_eq!(value("x/{jabber:client}y#", xml), None);
        let forwarded = value("{urn:f}f/{jabber:client}message/{jabber:client}body#", xml);
        assert_eq!(forwarded.as_deref(), Some("c"));
    }

    #[test]
    fn quotes_in_elements_are_escaped() {
        let xml = r#"<message><x xmlns='urn:a' y='a"b&apos;c'>"d" 'e' &gt;<z/></x></message>"#;
        assert_eq!(
            value("{urn:a}x", xml).as_deref(),
            Some("<x xmlns='urn:a' y='a&quot;b&apos;c'>&quot;d&quot; &apos;e&apos; &gt;<z/></x>")
        );
    }

    const STANZA: &str =
        "<message id='m1'><body>Hi</body><x xmlns='urn:a'><y z='1'>t</y><y/></x></message>";

    #[test]
    fn segments_inherit_the_namespace() {
        assert_eq!(value("body#", STANZA).as_deref(), Some("Hi"));
        assert_eq!(value("{urn:a}x/y#", STANZA).as_deref(), Some("t"));
        assert_eq!(value("{urn:a}x/y@z", STANZA).as_deref(), Some("1"));
        assert_eq!(value("{urn:a}x/@z", STANZA), None);
        assert_eq!(value("x", STANZA), None);
        assert_eq!(value("{urn:a}x#", STANZA), None);
        assert_eq!(value("body", STANZA).as_deref(), Some("<body>Hi</body>"));
        assert_eq!(value("@id", STANZA).as_deref(), Some("m1"));
        assert!(value("{urn:a}", STANZA).is_some());
    }

    #[test]
    fn unfinished_namespaces_are_refused() {
        assert_eq!(Path::parse("{urn:a"), Err(PathError::UnfinishedNamespace));
        assert_eq!(Path::parse("{}x"), Err(PathError::UnfinishedNamespace));
    }
}
