//! The one pass that checks an element and writes its canonical form.

use std::cell::Cell;

use memchr::{memchr, memmem};
use smallvec::SmallVec;

use super::{
    limits::{Limits, XmlError},
    names::{self, QName},
    namespaces::{self, Namespaces, StreamScope},
    output,
    tag::{self, RawAttributes},
    value::{self, Piece, Place},
};
use crate::{
    ns,
    stanza::{Child, ChildIndex},
};

/// A start tag whose names are resolved. Its attributes are in [`Pass::attributes`].
#[derive(Clone, Copy)]
pub(super) struct Start<'i> {
    pub(super) name: QName<'i>,
    pub(super) is_empty: bool,
    /// Name and attributes if they are spelt as in canonical form.
    plain: Option<&'i [u8]>,
    /// The namespace as written, not translated.
    pub(super) ns: Piece<'i>,
    /// The default namespace in force inside.
    default: Piece<'i>,
    /// The prefixes in force outside.
    mark: usize,
}

/// An element that was opened and not yet closed.
#[derive(Clone, Copy)]
struct Open<'i> {
    start: Start<'i>,
    /// Where its content begins in the output.
    content: usize,
}

/// The state of the pass.
pub(super) struct Pass<'i> {
    pub(super) rest: &'i [u8],
    limits: &'i Limits,
    scope: &'i StreamScope,
    pub(super) namespaces: Namespaces<'i>,
    pub(super) attributes: RawAttributes<'i>,
    pub(super) arena: Vec<u8>,
    open: SmallVec<[Open<'i>; 6]>,
    elements: usize,
    /// The outermost element is not written, and its children are indexed.
    is_stanza: bool,
    child_start: usize,
    pub(super) children: ChildIndex,
    pub(super) out: Vec<u8>,
}

thread_local! {
    /// The output buffer of the thread, so that an idle stream needs none.
    static OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Largest output buffer that a thread keeps.
const KEPT_BYTES: usize = 64 * 1024;

/// How many times longer than the element as sent its canonical form may be at most.
const GROWTH: usize = 2;

/// The namespace in force around first-level elements, in which it is not declared.
const CLIENT: Piece<'static> = Piece::Plain(ns::CLIENT.as_bytes());

impl<'i> Pass<'i> {
    #[inline]
    pub(super) fn new(input: &'i [u8], scope: &'i StreamScope, limits: &'i Limits) -> Self {
        let mut out = OUT.take();
        out.clear();
        Self {
            rest: input,
            limits,
            scope,
            namespaces: Namespaces::new(scope),
            attributes: SmallVec::new(),
            arena: Vec::new(),
            open: SmallVec::new(),
            elements: 0,
            is_stanza: false,
            child_start: 0,
            children: SmallVec::new(),
            out,
        }
    }

    /// Reads a start tag and resolves its name; `<` is the first byte of the rest.
    pub(super) fn start_tag(&mut self) -> Result<Start<'i>, XmlError> {
        let bytes = self.rest.get(1..).unwrap_or_default();
        let (tag, rest) = tag::start_tag(
            bytes,
            self.limits.attributes,
            &mut self.attributes,
            &mut self.arena,
        )?;
        self.rest = rest;
        self.elements += 1;
        if self.open.len() >= self.limits.depth {
            return Err(XmlError::TooMany("levels of elements"));
        }
        if self.elements > self.limits.elements {
            return Err(XmlError::TooMany("elements"));
        }
        let around = self.open.last().map(|open| open.start.default);
        let around = around.unwrap_or(Piece::Plain(self.scope.default_ns()));
        let mark = self.namespaces.mark();
        let mut default = around;
        if !self.attributes.is_empty() {
            namespaces::check_duplicates(&self.attributes)?;
            default = self
                .namespaces
                .declare(&self.attributes, &self.arena)?
                .unwrap_or(around);
        }
        let ns = match tag.name.prefix {
            [] => default,
            b"xml" | b"xmlns" => {
                return Err(XmlError::NotWellFormed("an element with a reserved prefix"));
            }
            prefix => self.namespaces.resolve(prefix)?,
        };
        Ok(Start {
            name: tag.name,
            is_empty: tag.is_empty,
            plain: tag.plain,
            ns,
            default,
            mark,
        })
    }

    /// Takes the content of a stanza, which is written and indexed without the stanza's own tags.
    pub(super) fn stanza_content(&mut self, start: Start<'i>) -> Result<(), XmlError> {
        self.is_stanza = true;
        if start.is_empty {
            return Ok(());
        }
        let start = Start {
            ns: CLIENT,
            ..start
        };
        self.open.push(Open { start, content: 0 });
        self.content()
    }

    /// Takes a whole element whose start tag was read.
    pub(super) fn whole_element(&mut self, start: Start<'i>) -> Result<(), XmlError> {
        self.write_start(start)?;
        self.content()
    }

    /// Takes everything up to the end tag of the outermost open element.
    fn content(&mut self) -> Result<(), XmlError> {
        while !self.open.is_empty() {
            match self.rest {
                [b'<', b'/', rest @ ..] => self.end_tag(rest)?,
                [b'<', b'!', ..] => self.cdata()?,
                [b'<', b'?', ..] => return Err(XmlError::Restricted("a processing instruction")),
                [] | [b'<'] => return Err(XmlError::Incomplete),
                [b'<', ..] => {
                    let start = self.start_tag()?;
                    self.write_start(start)?;
                }
                text => {
                    let end = memchr(b'<', text).ok_or(XmlError::Incomplete)?;
                    let (text, rest) = text.split_at_checked(end).ok_or(XmlError::Incomplete)?;
                    value::text_into(&mut self.out, text, Place::Text)?;
                    self.rest = rest;
                    self.check_growth()?;
                }
            }
        }
        Ok(())
    }

    /// The namespace under which this one is kept: content namespaces are all `jabber:client`.
    fn translated(&self, ns: Piece<'i>) -> Piece<'i> {
        let content = self.scope.content.name();
        match content == ns::CLIENT || ns.bytes(&self.arena) != content.as_bytes() {
            true => ns,
            false => CLIENT,
        }
    }

    fn write_start(&mut self, start: Start<'i>) -> Result<(), XmlError> {
        if self.open.len() == 1 {
            self.child_start = self.out.len();
        }
        let ns = self.translated(start.ns);
        let around = self.open.last().map_or(CLIENT, |open| open.start.ns);
        let (written, around) = (ns.bytes(&self.arena), around.bytes(&self.arena));
        self.out.push(b'<');
        match start.plain {
            Some(plain) if self.is_canonical(start.name, written, around) => {
                self.out.extend_from_slice(plain);
            }
            _ => {
                self.out.extend_from_slice(start.name.local);
                if written != around {
                    self.out.extend_from_slice(b" xmlns='");
                    self.out.extend_from_slice(written);
                    self.out.push(b'\'');
                }
                if !self.attributes.is_empty() {
                    let attributes = &self.attributes;
                    output::attributes(
                        &mut self.out,
                        attributes,
                        &self.namespaces,
                        &self.arena,
                        |_| false,
                    )?;
                }
            }
        }
        let start = Start { ns, ..start };
        if start.is_empty {
            self.out.extend_from_slice(b"/>");
            self.finish(start)?;
        } else {
            self.out.push(b'>');
            self.open.push(Open {
                start,
                content: self.out.len(),
            });
        }
        self.check_growth()
    }

    /// Whether a start tag that is spelt as in canonical form also declares what it should there: no prefixes but `xml`,
    /// and its own namespace first if that is not in force `around`.
    fn is_canonical(&self, name: QName<'i>, ns: &[u8], around: &[u8]) -> bool {
        let (first, others) = match self.attributes.split_first() {
            Some((first, others)) if first.name.whole == b"xmlns" => (Some(first), others),
            _ => (None, self.attributes.as_slice()),
        };
        let is_declared = match first {
            Some(declared) => ns != around && declared.value.bytes(&self.arena) == ns,
            None => ns == around,
        };
        let is_usual = |a: &tag::RawAttribute<'_>| {
            (a.name.prefix.is_empty() && a.name.whole != b"xmlns") || a.name.prefix == b"xml"
        };
        is_declared && name.prefix.is_empty() && others.iter().all(is_usual)
    }

    /// Reads an end tag; `bytes` follow its `</`.
    fn end_tag(&mut self, bytes: &'i [u8]) -> Result<(), XmlError> {
        const OTHER: XmlError = XmlError::NotWellFormed("an end tag that does not match");
        let Some(open) = self.open.last().copied() else {
            return Err(OTHER);
        };
        let name = open.start.name.whole;
        let Some(rest) = bytes.strip_prefix(name) else {
            return Err(if name.starts_with(bytes) {
                XmlError::Incomplete
            } else {
                OTHER
            });
        };
        self.rest = match rest {
            [b'>', rest @ ..] => rest,
            _ => match names::skip_space(rest) {
                [b'>', after @ ..] => after,
                [] => return Err(XmlError::Incomplete),
                _ => return Err(OTHER),
            },
        };
        self.open.pop();
        if self.is_stanza && self.open.is_empty() {
            return Ok(());
        }
        if self.out.len() == open.content {
            self.out.pop();
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(open.start.name.local);
            self.out.push(b'>');
        }
        self.finish(open.start)
    }

    /// After the end of a written element that is not open (any more).
    fn finish(&mut self, start: Start<'i>) -> Result<(), XmlError> {
        self.namespaces.close(start.mark);
        if self.is_stanza && self.open.len() == 1 {
            let child = Child::new(self.child_start, self.out.len(), start.name.local.len());
            self.children
                .push(child.ok_or(XmlError::TooMany("bytes in one element"))?);
        }
        Ok(())
    }

    fn cdata(&mut self) -> Result<(), XmlError> {
        const OPEN: &[u8] = b"<![CDATA[";
        let Some(text) = self.rest.strip_prefix(OPEN) else {
            return Err(match OPEN.starts_with(self.rest) {
                true => XmlError::Incomplete,
                false => XmlError::Restricted("a comment or a document type"),
            });
        };
        let end = memmem::find(text, b"]]>").ok_or(XmlError::Incomplete)?;
        value::text_into(
            &mut self.out,
            text.get(..end).unwrap_or_default(),
            Place::CData,
        )?;
        self.rest = text.get(end + 3..).unwrap_or_default();
        self.check_growth()
    }

    fn check_growth(&self) -> Result<(), XmlError> {
        match self.out.len() > self.limits.stanza_bytes.saturating_mul(GROWTH) {
            true => Err(XmlError::TooMany(
                "bytes in the canonical form of one element",
            )),
            false => Ok(()),
        }
    }
}

impl Drop for Pass<'_> {
    /// Gives the output buffer back to the thread.
    fn drop(&mut self) {
        if self.out.capacity() <= KEPT_BYTES {
            OUT.set(std::mem::take(&mut self.out));
        }
    }
}
