//! Compact storage of a stanza's attributes other than `from` and `to`.

use smallvec::SmallVec;

use crate::xml::escape;

/// The attributes kept here; the number is the place in [`Head::spans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// `type`, unescaped.
    Type = 0,
    /// `id`, unescaped.
    Id = 1,
    /// `xml:lang`, unescaped.
    Lang = 2,
    /// All others, as canonical bytes of a start tag: ` name='value'...`.
    Others = 3,
}

/// Where a value stands in [`Head::text`].
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The attribute is absent.
    const NONE: Self = Self {
        start: u32::MAX,
        len: 0,
    };
}

/// The values one after another in one short buffer; ordinary stanzas need no allocation for it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    text: SmallVec<[u8; 64]>,
    spans: [Span; 4],
}

impl Default for Head {
    fn default() -> Self {
        Self {
            text: SmallVec::new(),
            spans: [Span::NONE; 4],
        }
    }
}

impl Head {
    /// The bytes of a field, if it is there.
    pub(crate) fn bytes(&self, field: Field) -> Option<&[u8]> {
        let span = self.spans.get(field as usize)?;
        let start = span.start as usize;
        self.text.get(start..start.checked_add(span.len as usize)?)
    }

    /// The text of a field, if it is there.
    pub(crate) fn text(&self, field: Field) -> Option<&str> {
        self.bytes(field).map(escape::as_str)
    }

    /// Sets or removes a field.
    pub(crate) fn set(&mut self, field: Field, value: Option<&[u8]>) {
        if self.bytes(field).is_some() {
            self.remove(field);
        }
        if let Some(value) = value {
            self.add(field, value);
        }
    }

    /// Sets a field that is absent so far.
    pub(crate) fn add(&mut self, field: Field, value: &[u8]) {
        let (Ok(start), Ok(len)) = (u32::try_from(self.text.len()), u32::try_from(value.len()))
        else {
            return;
        };
        self.text.extend_from_slice(value);
        if let Some(span) = self.spans.get_mut(field as usize) {
            *span = Span { start, len };
        }
    }

    /// Bytes of all values together.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Builds the buffer anew without one field, so that repeated changes do not make it grow.
    fn remove(&mut self, field: Field) {
        let old = std::mem::take(self);
        for other in [Field::Type, Field::Id, Field::Lang, Field::Others] {
            if other != field
                && let Some(value) = old.bytes(other)
            {
                self.add(other, value);
            }
        }
    }
}
