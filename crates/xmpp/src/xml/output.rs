//! Writing start tags in canonical form.

use smallvec::SmallVec;

use super::{limits::XmlError, namespaces::Namespaces, tag::RawAttributes, value::Piece};

/// Appends attributes that are no declarations, preceded by the declarations that prefixed ones need.
///
/// `skip` names unprefixed attributes (and `xml:lang`) to leave out.
pub(crate) fn attributes<'i>(
    out: &mut Vec<u8>,
    attributes: &RawAttributes<'i>,
    namespaces: &Namespaces<'i>,
    arena: &[u8],
    skip: fn(&[u8]) -> bool,
) -> Result<(), XmlError> {
    let prefixed =
        |a: &&super::tag::RawAttribute<'i>| !matches!(a.name.prefix, b"" | b"xml" | b"xmlns");
    let generated = match attributes.iter().any(|a| prefixed(&a)) {
        false => SmallVec::new(),
        true => generate(out, attributes, namespaces, arena)?,
    };
    for attribute in attributes {
        let name = attribute.name;
        if attribute.is_declaration() || skip(name.whole) {
            continue;
        }
        out.push(b' ');
        match prefixed(&attribute) {
            false => out.extend_from_slice(name.whole),
            true => {
                let uri = namespaces.resolve(name.prefix)?;
                let number = generated
                    .iter()
                    .position(|found| found.bytes(arena) == uri.bytes(arena));
                generated_prefix(out, number.unwrap_or_default());
                out.push(b':');
                out.extend_from_slice(name.local);
            }
        }
        out.extend_from_slice(b"='");
        out.extend_from_slice(attribute.value.bytes(arena));
        out.push(b'\'');
    }
    Ok(())
}

/// Declares `a0`, `a1`... for the namespaces of prefixed attributes, in the order of their first use; refuses two
/// attributes of one name and namespace.
fn generate<'i>(
    out: &mut Vec<u8>,
    attributes: &RawAttributes<'i>,
    namespaces: &Namespaces<'i>,
    arena: &[u8],
) -> Result<SmallVec<[Piece<'i>; 4]>, XmlError> {
    let mut uris: SmallVec<[Piece<'i>; 4]> = SmallVec::new();
    let mut seen: SmallVec<[(usize, &[u8]); 4]> = SmallVec::new();
    for attribute in attributes {
        if matches!(attribute.name.prefix, b"" | b"xml" | b"xmlns") {
            continue;
        }
        let uri = namespaces.resolve(attribute.name.prefix)?;
        let number = uris
            .iter()
            .position(|found| found.bytes(arena) == uri.bytes(arena))
            .unwrap_or(uris.len());
        if seen.contains(&(number, attribute.name.local)) {
            return Err(XmlError::NotWellFormed(
                "an attribute twice, by two prefixes",
            ));
        }
        seen.push((number, attribute.name.local));
        if number == uris.len() {
            uris.push(uri);
            out.extend_from_slice(b" xmlns:");
            generated_prefix(out, number);
            out.extend_from_slice(b"='");
            out.extend_from_slice(uri.bytes(arena));
            out.push(b'\'');
        }
    }
    Ok(uris)
}

fn generated_prefix(out: &mut Vec<u8>, number: usize) {
    out.push(b'a');
    out.extend_from_slice(number.to_string().as_bytes());
}
