//! SASLprep (RFC 4013) of user names and passwords, with bounds.

use std::fmt;

use stringprep::tables;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Longest password that is looked at, in bytes before preparation.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

/// Longest user name that is looked at, in bytes: that of a localpart (RFC 7622 §3.3).
pub(crate) const MAX_USERNAME_BYTES: usize = 1023;

/// Why a user name or password can not be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PrepError {
    /// Nothing is left of it.
    #[error("is empty")]
    Empty,
    /// Longer than 1023 (user name) or 1024 (password) bytes.
    #[error("is too long")]
    TooLong,
    /// Control characters, private characters or mixed writing directions (RFC 4013 §2).
    #[error("contains characters that SASLprep forbids")]
    Forbidden,
    /// The operating system's random generator failed, so that no salt could be made.
    #[error("can not be salted: the system gives no randomness")]
    NoRandomness,
}

/// A password after SASLprep. Wiped when dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedPassword(Zeroizing<String>);

impl PreparedPassword {
    /// Prepares `password`.
    ///
    /// # Errors
    /// It is empty, longer than 1024 bytes, or contains what RFC 4013 forbids.
    pub fn new(password: &str) -> Result<Self, PrepError> {
        prepare(password, MAX_PASSWORD_BYTES).map(Self)
    }

    /// The prepared text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PreparedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedPassword(..)")
    }
}

/// Prepares a user name as it came in a SASL message.
pub(super) fn prepare_username(name: &str) -> Result<String, PrepError> {
    prepare(name, MAX_USERNAME_BYTES).map(|mut prepared| std::mem::take(&mut *prepared))
}

fn prepare(text: &str, max_bytes: usize) -> Result<Zeroizing<String>, PrepError> {
    if text.len() > max_bytes {
        return Err(PrepError::TooLong);
    }
    let prepared = Zeroizing::new(saslprep(text));
    if prepared.is_empty() {
        return Err(PrepError::Empty);
    }
    if prepared.contains(is_prohibited) || has_mixed_directions(&prepared) {
        return Err(PrepError::Forbidden);
    }
    Ok(prepared)
}

/// Mapping and normalisation (RFC 4013 §2.1, §2.2).
///
/// Unlike `stringprep::saslprep` this lets code points pass that Unicode 3.2 had not assigned, as RFC 5802 §2.2 wants
/// it ("query" strings): else nobody could use an emoji or a newer script in a password.
fn saslprep(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let kept = text
        .chars()
        .filter(|&c| !tables::commonly_mapped_to_nothing(c));
    kept.map(|c| {
        if tables::non_ascii_space_character(c) {
            ' '
        } else {
            c
        }
    })
    .nfkc()
    .collect()
}

/// RFC 4013 §2.3.
fn is_prohibited(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::surrogate_code(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

/// RFC 4013 §2.4, RFC 3454 §6.
fn has_mixed_directions(text: &str) -> bool {
    if !text.contains(tables::bidi_r_or_al) {
        return false;
    }
    text.contains(tables::bidi_l)
        || !text.starts_with(tables::bidi_r_or_al)
        || !text.ends_with(tables::bidi_r_or_al)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert};
    use proptest::proptest;

    use super::*;

    fn prepared(text: &str) -> Result<String, PrepError> {
        PreparedPassword::new(text).map(|password| password.as_str().to_owned())
    }

    #[test]
    fn examples_of_rfc_4013() {
        assert_eq!(prepared("I\u{ad}X").unwrap(), "IX");
        assert_eq!(prepared("user").unwrap(), "user");
        assert_eq!(prepared("USER").unwrap(), "USER");
        assert_eq!(prepared("\u{aa}").unwrap(), "a");
        assert_eq!(prepared("\u{2168}").unwrap(), "IX");
        assert_eq!(prepared("\u{7}"), Err(PrepError::Forbidden));
        assert_eq!(prepared("\u{627}1"), Err(PrepError::Forbidden));
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(prepared(""), Err(PrepError::Empty));
        assert_eq!(prepared("\u{ad}"), Err(PrepError::Empty));
        assert!(prepared(&"x".repeat(MAX_PASSWORD_BYTES)).is_ok());
        assert_eq!(
            prepared(&"x".repeat(MAX_PASSWORD_BYTES + 1)),
            Err(PrepError::TooLong)
        );
        assert_eq!(
            prepare_username(&"x".repeat(MAX_USERNAME_BYTES + 1)),
            Err(PrepError::TooLong)
        );
    }

    #[test]
    fn a_password_may_hold_what_people_type() {
        assert!(prepared("pass word").is_ok());
        assert!(prepared("пароль").is_ok());
        assert!(prepared("\u{1F511}key").is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_the_crate_on_what_the_crate_allows(text in any::<String>()) {
            if let Ok(expected) = stringprep::saslprep(&text) {
                let ours = prepare(&text, usize::MAX).map(|ours| ours.to_string());
                prop_assert!(expected.is_empty() || ours == Ok(expected.into_owned()));
            }
        }
    }
}
