//! Texts that are never shown.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};

/// Different in each process, so that a number tells nothing about its secret elsewhere.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A secret of the configuration.
///
/// What `Debug` shows tells two secrets apart within one process, for the comparison of configurations, and
/// says nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, for who compares it with what a peer proves.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hidden ({:08x})", KEY.hash_one(&self.0) & 0xffff_ffff)
    }
}
