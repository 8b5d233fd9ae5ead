//! The sequence of keys by which a client shows that a request is its own (XEP-0124 §15).

use sha1::{Digest, Sha1};

/// What the key of the next request has to hash to; `None` while the client uses no keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Option<Box<str>>);

impl Keys {
    /// Takes the keys of the next request; whether they continue the sequence.
    pub(super) fn admit(&mut self, key: Option<&str>, new: Option<&str>) -> bool {
        if let Some(expected) = &self.0
            && !key.is_some_and(|key| expected.eq_ignore_ascii_case(&hash(key)))
        {
            return false;
        }
        let next = new.or(key.filter(|_| self.0.is_some()));
        self.0 = next.map(Into::into);
        true
    }
}

/// The SHA-1 of the text of a key, in hexadecimal.
fn hash(key: &str) -> String {
    let digest = Sha1::digest(key.as_bytes());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(seed: &str, count: usize) -> Vec<String> {
        let keys = std::iter::successors(Some(hash(seed)), |key| Some(hash(key)));
        let mut keys: Vec<_> = keys.take(count).collect();
        keys.reverse();
        keys
    }

    #[test]
    fn hashes_are_sha_1() {
        assert_eq!(hash("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn a_sequence_is_followed_and_changed_for_another() {
        let (one, two) = (sequence("one", 3), sequence("two", 2));
        let mut keys = Keys::default();
        assert!(keys.admit(None, Some(&one[0])));
        assert!(keys.admit(Some(&one[1]), None));
        assert!(keys.admit(Some(&one[2]), Some(&two[0])));
        assert!(keys.admit(Some(&two[1]), None));
    }

    #[test]
    fn another_key_or_none_is_noticed() {
        let one = sequence("one", 3);
        let started = || {
            let mut keys = Keys::default();
            assert!(keys.admit(None, Some(&one[0])));
            keys
        };
        assert!(!started().admit(None, None));
        assert!(!started().admit(Some(&one[2]), None));
        assert!(!started().admit(Some(&one[0]), Some(&one[0])));
        assert!(Keys::default().admit(None, None));
    }
}
