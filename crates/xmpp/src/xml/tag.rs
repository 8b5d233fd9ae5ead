//! Start tags: the name and the attributes as they stand, not yet resolved.

use memchr::memchr;
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
    loop {
        let after = names::skip_space(rest);
        match after {
            [] => return Err(XmlError::Incomplete),
            [b'>', rest @ ..] => {
                return Ok((
                    Tag {
                        name,
                        is_empty: false,
                    },
                    rest,
                ));
            }
            [b'/', b'>', rest @ ..] => {
                return Ok((
                    Tag {
                        name,
                        is_empty: true,
                    },
                    rest,
                ));
            }
            [b'/'] => return Err(XmlError::Incomplete),
            _ if after.len() == rest.len() => {
                return Err(XmlError::NotWellFormed("no blank before an attribute"));
            }
            _ if attributes.len() >= limit => {
                return Err(XmlError::TooMany("attributes of one element"));
            }
            _ => {
                let (attribute, next) = attribute(after, arena)?;
                attributes.push(attribute);
                rest = next;
            }
        }
    }
}

fn attribute<'i>(
    bytes: &'i [u8],
    arena: &mut Vec<u8>,
) -> Result<(RawAttribute<'i>, &'i [u8]), XmlError> {
    let (name, rest) = names::qname(bytes)?;
    let rest = match names::skip_space(rest) {
        [b'=', rest @ ..] => names::skip_space(rest),
        [] => return Err(XmlError::Incomplete),
        _ => return Err(XmlError::NotWellFormed("an attribute without a value")),
    };
    let (quote, rest) = match rest {
        [quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
        [] => return Err(XmlError::Incomplete),
        _ => return Err(XmlError::NotWellFormed("an attribute value without quotes")),
    };
    let (raw, rest) = memchr(quote, rest)
        .and_then(|end| rest.split_at_checked(end))
        .ok_or(XmlError::Incomplete)?;
    let value = value::attribute(arena, raw)?;
    Ok((
        RawAttribute { name, value },
        rest.get(1..).unwrap_or_default(),
    ))
}
