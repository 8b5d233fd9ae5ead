//! The GS2 header that opens a SCRAM exchange, and SCRAM's attribute grammar (RFC 5802 §7).

use super::failure::SaslFailure;

/// What the client says about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindingFlag<'a> {
    /// `n`: the client can not.
    Unsupported,
    /// `y`: the client can, and believes that the server can not.
    NotOffered,
    /// `p=NAME`: the exchange is bound with this type.
    Bound(&'a str),
}

/// A client-first-message, split at the GS2 header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gs2<'a> {
    pub(super) flag: BindingFlag<'a>,
    pub(super) authzid: Option<String>,
    /// The header with its last comma, as it is repeated in `c=`.
    pub(super) header: &'a str,
    /// client-first-message-bare.
    pub(super) bare: &'a str,
}

/// Splits `message`.
pub(super) fn parse(message: &str) -> Result<Gs2<'_>, SaslFailure> {
    const BROKEN: SaslFailure = SaslFailure::malformed("the GS2 header is malformed");
    let mut parts = message.splitn(3, ',');
    let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BROKEN);
    };
    let flag = match flag {
        "n" => BindingFlag::Unsupported,
        "y" => BindingFlag::NotOffered,
        _ => BindingFlag::Bound(
            flag.strip_prefix("p=")
                .filter(|name| is_binding_name(name))
                .ok_or(BROKEN)?,
        ),
    };
    let authzid = match authzid {
        "" => None,
        _ => Some(
            authzid
                .strip_prefix("a=")
                .and_then(decode_name)
                .ok_or(BROKEN)?,
        ),
    };
    let header = message.strip_suffix(bare).ok_or(BROKEN)?;
    Ok(Gs2 {
        flag,
        authzid,
        header,
        bare,
    })
}

/// Undoes `=2C` and `=3D`; any other `=`, a NUL and an empty name are refused.
pub(super) fn decode_name(encoded: &str) -> Option<String> {
    if encoded.is_empty() || encoded.contains(['\0', ',']) {
        return None;
    }
    let mut pieces = encoded.split('=');
    let mut name = String::with_capacity(encoded.len());
    name.push_str(pieces.next()?);
    for piece in pieces {
        let (decoded, rest) = match piece.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', piece.strip_prefix("3D")?),
        };
        name.push(decoded);
        name.push_str(rest);
    }
    Some(name)
}

/// A nonce: printable ASCII without the comma, not empty, bounded.
pub(super) fn is_nonce(text: &str) -> bool {
    const MAX_NONCE_BYTES: usize = 512;
    !text.is_empty()
        && text.len() <= MAX_NONCE_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// An optional extension that we pass over: one letter, `=`, and something. `m` is the mark of a
/// mandatory extension, and the others are attributes out of place.
pub(super) fn is_optional_extension(attribute: &str) -> bool {
    let mut chars = attribute.chars();
    let (Some(name), Some('=')) = (chars.next(), chars.next()) else {
        return false;
    };
    name.is_ascii_alphabetic()
        && !"mnrcpaisve".contains(name)
        && !chars.as_str().is_empty()
        && !attribute.contains('\0')
}

fn is_binding_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_split_from_the_bare_message() {
        let gs2 = parse("p=tls-exporter,a=juliet=40x,n=juliet,r=abc");
        assert!(gs2.is_err(), "=40 is no escape of RFC 5802");
        let gs2 = parse("p=tls-exporter,a=a=2Cb=3Dc,n=juliet,r=abc").unwrap();
        assert_eq!(gs2.flag, BindingFlag::Bound("tls-exporter"));
        assert_eq!(gs2.authzid.as_deref(), Some("a,b=c"));
        assert_eq!(gs2.header, "p=tls-exporter,a=a=2Cb=3Dc,");
        assert_eq!(gs2.bare, "n=juliet,r=abc");
    }

    #[test]
    fn broken_headers_are_refused() {
        for message in [
            "",
            "n",
            "n,",
            "x,,n=u,r=n",
            "p=,,n=u,r=n",
            "p=a b,,n=u,r=n",
            "n,juliet,n=u,r=n",
            "n,a=,n=u,r=n",
            "N,,n=u,r=n",
            "p,,n=u",
        ] {
            assert!(parse(message).is_err(), "{message}");
        }
    }

    #[test]
    fn names_are_decoded_strictly() {
        assert_eq!(decode_name("a=2Cb=3Dc=3D").as_deref(), Some("a,b=c="));
        assert_eq!(decode_name("=3D2C").as_deref(), Some("=2C"));
        for name in ["", "a=", "a=2c", "a=3d", "a=41", "a\0"] {
            assert_eq!(decode_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn only_harmless_extensions_pass() {
        assert!(is_optional_extension("x=1"));
        for attribute in ["m=1", "r=1", "x", "x=", "=1", "xx=1", ""] {
            assert!(!is_optional_extension(attribute), "{attribute}");
        }
    }
}
