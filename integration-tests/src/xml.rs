//! A small XML tree, and the reader that makes it from what a server writes.
//!
//! The reader is rxml, not the server's own tokenizer: what the node sends is judged by a strict parser that shares no
//! code with it.

use std::fmt;

use rxml::error::EndOrError;
use rxml::{Event, Parse, Parser};

/// An element with its namespace resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xml {
    /// Local name.
    pub name: String,
    /// Namespace name.
    pub ns: String,
    /// Attributes as (namespace, name, value); the namespace is empty for an ordinary attribute.
    pub attributes: Vec<(String, String, String)>,
    /// Child elements in order.
    pub children: Vec<Xml>,
    /// The text directly inside this element, concatenated.
    pub text: String,
}

impl Xml {
    /// Reads one complete element; undeclared default namespace means `jabber:client`.
    pub fn parse(text: &str) -> Result<Xml, String> {
        let mut reader = Reader::default();
        reader
            .feed(b"<wrap xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
        reader.feed(text.as_bytes());
        loop {
            match reader.next_item()? {
                Some(Item::Header(_)) => {}
                Some(Item::Element(element)) => return Ok(element),
                Some(Item::End) | None => return Err(format!("not a complete element: {text}")),
            }
        }
    }

    /// The unprefixed attribute of this name.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_ns("", name)
    }

    /// The attribute of this name in this namespace.
    pub fn attr_ns(&self, ns: &str, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.0 == ns && a.1 == name);
        found.map(|a| a.2.as_str())
    }

    /// The first child of this name, in any namespace.
    pub fn child(&self, name: &str) -> Option<&Xml> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of this name in this namespace.
    pub fn child_ns(&self, name: &str, ns: &str) -> Option<&Xml> {
        self.children.iter().find(|c| c.name == name && c.ns == ns)
    }

    /// Follows child names one below the other.
    pub fn path(&self, names: &[&str]) -> Option<&Xml> {
        names.iter().try_fold(self, |at, name| at.child(name))
    }
}

impl fmt::Display for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} xmlns='{}'", self.name, self.ns)?;
        for (ns, name, value) in &self.attributes {
            let prefix = if ns.is_empty() { "" } else { "ns:" };
            write!(f, " {prefix}{name}='{}'", escape(value))?;
        }
        write!(f, ">{}", escape(&self.text))?;
        for child in &self.children {
            write!(f, "{child}")?;
        }
        write!(f, "</{}>", self.name)
    }
}

/// Escapes text for element content and for attributes in either quote.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

/// What a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The opening tag of the stream; it has no children yet.
    Header(Xml),
    /// A complete child of the stream.
    Element(Xml),
    /// The closing tag of the stream.
    End,
}

/// Turns bytes into stream items as they come.
#[derive(Default)]
pub struct Reader {
    parser: Parser,
    pending: Vec<u8>,
    open: Vec<Xml>,
}

impl Reader {
    /// Appends received bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// True when every byte fed has been used.
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next complete item, `None` when more bytes are needed, an error when the peer's XML is not well-formed.
    pub fn next_item(&mut self) -> Result<Option<Item>, String> {
        loop {
            let mut rest = self.pending.as_slice();
            let outcome = self.parser.parse(&mut rest, false);
            let used = self.pending.len() - rest.len();
            self.pending.drain(..used);
            match outcome {
                Ok(Some(event)) => {
                    if let Some(item) = self.take(event) {
                        return Ok(Some(item));
                    }
                }
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) => return Err(error.to_string()),
            }
        }
    }

    fn take(&mut self, event: Event) -> Option<Item> {
        match event {
            Event::XmlDeclaration(..) => None,
            Event::StartElement(_, (ns, name), attributes) => {
                let element = Xml {
                    name: name.to_string(),
                    ns: ns.to_string(),
                    attributes: attributes
                        .into_iter()
                        .map(|((ns, name), value)| {
                            (ns.to_string(), name.to_string(), value.to_string())
                        })
                        .collect(),
                    ..Xml::default()
                };
                self.open.push(element.clone());
                (self.open.len() == 1).then_some(Item::Header(element))
            }
            Event::Text(_, text) => {
                if let Some(element) = self.open.last_mut() {
                    element.text.push_str(&text);
                }
                None
            }
            Event::EndElement(_) => self.close(),
        }
    }

    fn close(&mut self) -> Option<Item> {
        let element = self.open.pop()?;
        match self.open.len() {
            0 => Some(Item::End),
            1 => Some(Item::Element(element)),
            depth => {
                self.open[depth - 1].children.push(element);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_whatever_the_split() {
        let text = "<?xml version='1.0'?><s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' id='1'>\
                    <message to='a@b'><body>x &amp; y</body></message> <presence/></s:stream>";
        let mut reader = Reader::default();
        let mut items = Vec::new();
        for byte in text.as_bytes() {
            reader.feed(&[*byte]);
            while let Some(item) = reader.next_item().unwrap() {
                items.push(item);
            }
        }
        assert_eq!(items.len(), 4);
        let Item::Element(message) = &items[1] else {
            panic!("{items:?}")
        };
        assert_eq!(message.ns, "jabber:client");
        assert_eq!(message.attr("to"), Some("a@b"));
        assert_eq!(message.child("body").unwrap().text, "x & y");
        assert_eq!(items[3], Item::End);
    }

    #[test]
    fn an_incomplete_element_is_an_error() {
        assert!(Xml::parse("<message><body>").is_err());
        assert!(Xml::parse("<message></body>").is_err());
    }
}
