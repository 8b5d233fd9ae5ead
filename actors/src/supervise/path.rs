//! Names of actors: `node/listeners/c2s`, `sessions/17`, `accounts/juliet@example.com`.

use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Longest path that [`ActorPath::parse`] takes, in bytes. A JID has at most 3071 (RFC 7622 §3).
pub const MAX_PATH_BYTES: usize = 4096;

/// The name of an actor in the tree: segments joined by `/`.
///
/// A segment may hold anything, a JID with a resource included: `/`, `%` and control characters are
/// written as `%XX`, an empty segment as a lone `%`. Clones share one allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorPath(Arc<str>);

/// Why a text is not an [`ActorPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing, or nothing between two slashes.
    #[error("actor path {0:?}: a segment is empty; write names joined by single slashes")]
    EmptySegment(String),
    /// Longer than [`MAX_PATH_BYTES`].
    #[error("actor path of {0} bytes: at most {MAX_PATH_BYTES} are allowed")]
    TooLong(usize),
    /// A control character, or a `%` that starts no escape.
    #[error("actor path {0:?}: write control characters and % as %XX")]
    BadCharacter(String),
}

impl ActorPath {
    /// A path of one segment, escaped as needed.
    pub fn root(segment: impl fmt::Display) -> Self {
        let mut text = String::new();
        push_segment(&mut text, &segment);
        Self(text.into())
    }

    /// This path with one more segment, escaped as needed.
    #[must_use]
    pub fn child(&self, segment: impl fmt::Display) -> Self {
        let mut text = String::with_capacity(self.0.len() + 24);
        text.push_str(&self.0);
        text.push('/');
        push_segment(&mut text, &segment);
        Self(text.into())
    }

    /// Reads a path in its written form, as an operator types it.
    ///
    /// # Errors
    /// [`PathError`] says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong(text.len()));
        }
        for segment in text.split('/') {
            if segment.is_empty() {
                return Err(PathError::EmptySegment(text.to_owned()));
            }
            if segment.chars().any(char::is_control)
                || (segment != "%" && !escapes_are_whole(segment))
            {
                return Err(PathError::BadCharacter(text.to_owned()));
            }
        }
        Ok(Self(text.into()))
    }

    /// The path as written, escapes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its last segment; `None` for a path of one segment.
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/')?;
        Some(Self(parent.into()))
    }

    /// The segments with their escapes undone.
    pub fn segments(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split('/').map(unescape)
    }

    /// Whether this path is `ancestor` or lies below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.0
            .strip_prefix(ancestor.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Lets ordered maps be searched by text, which the tree needs for subtree ranges.
impl Borrow<str> for ActorPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl serde::Serialize for ActorPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl std::str::FromStr for ActorPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

/// Escapes while it is written to, so that a segment needs no buffer of its own.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c == '/' || c == '%' || c.is_control() {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    write!(self.0, "%{byte:02X}")?;
                }
            } else {
                self.0.push(c);
            }
        }
        Ok(())
    }
}

fn push_segment(path: &mut String, segment: &impl fmt::Display) {
    let before = path.len();
    // Writing to a String fails only if the value's own Display does; what was written until then names it.
    let written = write!(Escaping(path), "{segment}");
    if written.is_err() || path.len() == before {
        path.push('%');
    }
}

fn escapes_are_whole(segment: &str) -> bool {
    segment.split('%').skip(1).all(|after| {
        let mut digits = after.bytes();
        let mut is_hex = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_hex() && is_hex()
    })
}

fn unescape(segment: &str) -> String {
    if segment == "%" {
        return String::new();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let escaped = (byte == b'%').then(|| Some(hex(rest.next()?)? << 4 | hex(rest.next()?)?));
        bytes.push(escaped.flatten().unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_may_hold_a_full_jid() {
        let path = ActorPath::root("accounts").child("a@b.example/phone/50%");
        assert_eq!(path.as_str(), "accounts/a@b.example%2Fphone%2F50%25");
        assert_eq!(
            path.segments().collect::<Vec<_>>(),
            ["accounts", "a@b.example/phone/50%"]
        );
        assert_eq!(ActorPath::parse(path.as_str()), Ok(path));
    }

    #[test]
    fn empty_and_control_segments_survive() {
        let path = ActorPath::root("").child("a\u{7}é\u{85}");
        assert_eq!(path.as_str(), "%/a%07é%C2%85");
        assert_eq!(path.segments().collect::<Vec<_>>(), ["", "a\u{7}é\u{85}"]);
        assert_eq!(ActorPath::parse(path.as_str()), Ok(path));
    }

    #[test]
    fn broken_texts_are_refused() {
        for text in ["", "/a", "a/", "a//b"] {
            assert_eq!(
                ActorPath::parse(text),
                Err(PathError::EmptySegment(text.to_owned()))
            );
        }
        for text in ["a%", "a%2", "%zz", "a/%g0", "a\n"] {
            assert_eq!(
                ActorPath::parse(text),
                Err(PathError::BadCharacter(text.to_owned()))
            );
        }
        assert_eq!(
            ActorPath::parse(&"x".repeat(4097)),
            Err(PathError::TooLong(4097))
        );
    }

    #[test]
    fn a_subtree_ends_at_a_slash() {
        let sessions = ActorPath::root("sessions");
        assert!(sessions.is_within(&sessions));
        assert!(sessions.child(1).is_within(&sessions));
        assert!(!ActorPath::root("sessions2").is_within(&sessions));
        assert_eq!(sessions.child(1).parent(), Some(sessions.clone()));
        assert_eq!(sessions.parent(), None);
    }
}
