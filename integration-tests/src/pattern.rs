//! What a test expects, written as the stanza itself.
//!
//! `<message from='a@b' type='*' id='!'><body>hi</body></message>` matches a message from `a@b` with any `type`, no `id`
//! and a body that says `hi`, whatever else it carries. A child is looked for anywhere among the children; text is compared only if the pattern has some.

use crate::xml::Xml;

/// A parsed pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Xml);

impl Pattern {
    /// Reads a pattern; a mistake in it fails the test at once.
    pub fn new(text: &str) -> Pattern {
        Pattern(Xml::parse(text).unwrap_or_else(|error| panic!("pattern {text}: {error}")))
    }

    /// Says why this element does not match, or `Ok` if it does.
    pub fn check(&self, found: &Xml) -> Result<(), String> {
        check(&self.0, found)
    }

    /// True when the element matches.
    pub fn matches(&self, found: &Xml) -> bool {
        self.check(found).is_ok()
    }
}

fn check(want: &Xml, found: &Xml) -> Result<(), String> {
    if (&want.name, &want.ns) != (&found.name, &found.ns) {
        return Err(format!(
            "wanted <{} xmlns='{}'>, found <{} xmlns='{}'>",
            want.name, want.ns, found.name, found.ns
        ));
    }
    for (ns, name, value) in &want.attributes {
        check_attribute(&want.name, name, value, found.attr_ns(ns, name))?;
    }
    let text = want.text.trim();
    if !text.is_empty() && text != found.text.trim() {
        return Err(format!(
            "wanted text {text:?} in <{}>, found {:?}",
            want.name, found.text
        ));
    }
    want.children
        .iter()
        .try_for_each(|child| check_child(child, found))
}

fn check_attribute(
    element: &str,
    name: &str,
    want: &str,
    found: Option<&str>,
) -> Result<(), String> {
    match (want, found) {
        ("*", Some(_)) | ("!", None) => Ok(()),
        (want, Some(found)) if want == found => Ok(()),
        (want, found) => Err(format!(
            "wanted {name}={want:?} on <{element}>, found {found:?}"
        )),
    }
}

fn check_child(want: &Xml, found: &Xml) -> Result<(), String> {
    let mut reason = format!("no <{} xmlns='{}'> in <{}>", want.name, want.ns, found.name);
    for child in &found.children {
        match check(want, child) {
            Ok(()) => return Ok(()),
            Err(error) if child.name == want.name => reason = error,
            Err(_) => {}
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_match(pattern: &str, found: &str) -> bool {
        Pattern::new(pattern).matches(&Xml::parse(found).unwrap())
    }

    #[test]
    fn attributes_and_children_may_be_more_than_asked() {
        let found = "<message from='a@b' type='chat'><x xmlns='y'/><body>hi</body></message>";
        assert!(try_match(
            "<message type='chat'><body>hi</body></message>",
            found
        ));
        assert!(try_match(
            "<message type='*' id='!'><x xmlns='y'/></message>",
            found
        ));
    }

    #[test]
    fn a_difference_is_found_at_any_depth() {
        let found = "<message from='a@b'><body>hi</body></message>";
        assert!(!try_match("<message from='c@d'/>", found));
        assert!(!try_match("<message from='!'/>", found));
        assert!(!try_match("<message><body>ho</body></message>", found));
        assert!(!try_match(
            "<message><body xmlns='other'/></message>",
            found
        ));
        assert!(!try_match("<message type='*'/>", found));
    }
}
