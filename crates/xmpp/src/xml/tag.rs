//! Start tags: the name and the attributes as they stand, not yet resolved.

use smallvec::SmallVec;

use super::{
    limits::XmlError,
    names::{self, QName},
    value::{self, Piece},
};

/// An attribute of a start tag, its value in canonical form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAttribute<'i> {
    pub(crate) name: QName<'i>,
    pub(crate) value: Piece<'i>,
}

impl RawAttribute<'_> {
    /// Whether it declares a namespace.
    pub(crate) fn is_declaration(&self) -> bool {
        self.name.whole == b"xmlns" || self.name.prefix == b"xmlns"
    }
}

/// A list of attributes that ordinary tags fit in.
pub(crate) type RawAttributes<'i> = SmallVec<[RawAttribute<'i>; 6]>;

/// A start tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag<'i> {
    pub(crate) name: QName<'i>,
    /// Ended with `/>`.
    pub(crate) is_empty: bool,
    /// Name and attributes as they stand, if they are spelt as canonical form spells them: single blanks, `'` around
    /// values, nothing to rewrite. Declarations and prefixes may still be wrong for it.
    pub(crate) plain: Option<&'i [u8]>,
}

/// Reads a start tag whose `<` was taken already; fills `attributes` and gives the tag and what follows it.
pub(crate) fn start_tag<'i>(
    bytes: &'i [u8],
    limit: usize,
    attributes: &mut RawAttributes<'i>,
    arena: &mut Vec<u8>,
) -> Result<(Tag<'i>, &'i [u8]), XmlError> {
    let (name, mut rest) = names::qname(bytes)?;
    attributes.clear();
    let mut is_plain = true;
    loop {
        let after = names::skip_space(rest);
        let (is_empty, next) = match after {
            [] | [b'/'] => return Err(XmlError::Incomplete),
            [b'>', next @ ..] => (false, next),
            [b'/', b'>', next @ ..] => (true, next),
            _ if after.len() == rest.len() => {
                return Err(XmlError::NotWellFormed("no blank before an attribute"));
            }
            _ if attributes.len() >= limit => {
                return Err(XmlError::TooMany("attributes of one element"));
            }
            _ => {
                is_plain &= rest.len() == after.len() + 1 && rest.first() == Some(&b' ');
                let (attribute, is_attribute_plain, next) = attribute(after, arena)?;
                is_plain &= is_attribute_plain;
                attributes.push(attribute);
                rest = next;
                continue;
            }
        };
        is_plain &= after.len() == rest.len();
        let plain = bytes.get(..bytes.len() - after.len()).filter(|_| is_plain);
        return Ok((
            Tag {
                name,
                is_empty,
                plain,
            },
            next,
        ));
    }
}

/// Reads an attribute; gives it, whether it is spelt as in canonical form, and what follows.
fn attribute<'i>(
    bytes: &'i [u8],
    arena: &mut Vec<u8>,
) -> Result<(RawAttribute<'i>, bool, &'i [u8]), XmlError> {
    let (name, after_name) = names::qname(bytes)?;
    let rest = match names::skip_space(after_name) {
        [b'=', rest @ ..] => names::skip_space(rest),
        [] => return Err(XmlError::Incomplete),
        _ => return Err(XmlError::NotWellFormed("an attribute without a value")),
    };
    let (quote, rest) = match rest {
        [quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
        [] => return Err(XmlError::Incomplete),
        _ => return Err(XmlError::NotWellFormed("an attribute value without quotes")),
    };
    let (value, after) = value::attribute(arena, rest, quote)?;
    let is_plain =
        quote == b'\'' && after_name.len() == rest.len() + 2 && matches!(value, Piece::Plain(_));
    Ok((RawAttribute { name, value }, is_plain, after))
}
