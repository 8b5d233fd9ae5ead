//! The index of a stanza's direct children.

use std::ops::Range;

use memchr::memchr;
use smallvec::SmallVec;

use super::ElementRef;
use crate::ns;

/// The direct children in order; ordinary stanzas have at most four.
pub(crate) type ChildIndex = SmallVec<[Child; 4]>;

/// Where a direct child stands in the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    start: u32,
    end: u32,
    name_len: u32,
}

impl Child {
    /// A child from byte `start` to `end`; `None` if the content is too long for the index (4 GiB).
    pub(crate) fn new(start: usize, end: usize, name_len: usize) -> Option<Self> {
        Some(Self {
            start: start.try_into().ok()?,
            end: end.try_into().ok()?,
            name_len: name_len.try_into().ok()?,
        })
    }

    /// Its bytes in the content.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The element.
    pub(crate) fn view(self, content: &[u8]) -> Option<ElementRef<'_>> {
        ElementRef::whole(content.get(self.range())?, ns::CLIENT.as_bytes())
    }

    /// Whether it has this name and namespace; the name alone decides most cases.
    pub(crate) fn is(self, content: &[u8], name: &str, ns: &str) -> bool {
        let start = self.start as usize + 1;
        name.len() == self.name_len as usize
            && content.get(start..start + name.len()) == Some(name.as_bytes())
            && self.view(content).is_some_and(|view| view.has_ns(ns))
    }
}

/// Indexes canonical content.
pub(crate) fn of(content: &[u8]) -> ChildIndex {
    let mut index = ChildIndex::new();
    let mut at = 0;
    while let Some(next) = content.get(at..).and_then(|rest| memchr(b'<', rest)) {
        at += next;
        let Some((element, len)) = content
            .get(at..)
            .and_then(|rest| ElementRef::first(rest, ns::CLIENT.as_bytes()))
        else {
            break;
        };
        index.extend(Child::new(at, at + len, element.name().len()));
        at += len;
    }
    index
}
