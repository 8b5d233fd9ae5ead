//! What a client wishes of a BOSH session, what we allow, and what comes of it (XEP-0124 §7).

use std::time::Duration;

use super::{
    VERSION,
    request::{ContentType, Wish},
};

/// What sessions may ask for at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long a request is held at most.
    pub wait: Duration,
    /// Requests held at a time at most.
    pub hold: u32,
    /// How long a client may have no request pending.
    pub inactivity: Duration,
    /// How long a client may pause at most.
    pub max_pause: Duration,
}

/// The shortest time between two empty requests that could have been one (XEP-0124 §11, §12).
const POLLING: Duration = Duration::from_secs(5);

/// The terms of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a request is held.
    pub wait: Duration,
    /// Requests held at a time.
    pub hold: u32,
    /// How long the client may have no request pending.
    pub inactivity: Duration,
    /// How long the client may pause.
    pub max_pause: Duration,
    /// The shortest time between empty requests.
    pub polling: Duration,
    /// The lower of the versions of both sides, as major and minor.
    pub version: (u32, u32),
    /// Both sides acknowledge what they have received (XEP-0124 §9).
    pub has_acks: bool,
    /// The media type of every response.
    pub content: ContentType,
}

impl Terms {
    /// What comes of a wish under these bounds: no more than either says. What is not wished for is as bounded.
    #[must_use]
    pub fn agree(wish: &Wish, bounds: &Bounds) -> Self {
        let mut terms = Self {
            wait: wish.wait.map_or(bounds.wait, |wait| wait.min(bounds.wait)),
            hold: wish.hold.unwrap_or(1).min(bounds.hold),
            inactivity: bounds.inactivity,
            max_pause: bounds.max_pause,
            polling: POLLING,
            version: wish.version.unwrap_or(VERSION).min(VERSION),
            has_acks: wish.has_acks,
            content: wish.content,
        };
        if terms.is_polling() {
            // A client that polls is silent between its requests (XEP-0124 §12).
            terms.inactivity += POLLING * 2;
        }
        terms
    }

    /// Whether no request is held, so that the client asks again and again (XEP-0124 §12).
    #[must_use]
    pub fn is_polling(&self) -> bool {
        self.hold == 0 || self.wait.is_zero()
    }

    /// Requests that the client may have under way at a time.
    #[must_use]
    pub fn requests(&self) -> u64 {
        u64::from(self.hold) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        wait: Duration::from_secs(120),
        hold: 2,
        inactivity: Duration::from_secs(60),
        max_pause: Duration::from_secs(90),
    };

    #[test]
    fn neither_side_gets_more_than_it_allows() {
        let wish = |wait, hold| Wish {
            wait: Some(Duration::from_secs(wait)),
            hold: Some(hold),
            version: Some((1, 6)),
            ..Wish::default()
        };
        let terms = Terms::agree(&wish(60, 1), &BOUNDS);
        assert_eq!((terms.wait.as_secs(), terms.hold), (60, 1));
        assert_eq!((terms.requests(), terms.version), (2, (1, 6)));
        let terms = Terms::agree(&wish(600, 7), &BOUNDS);
        assert_eq!((terms.wait, terms.hold), (BOUNDS.wait, 2));
        let terms = Terms::agree(&Wish::default(), &BOUNDS);
        assert_eq!((terms.wait, terms.hold), (BOUNDS.wait, 1));
        assert_eq!(terms.version, VERSION);
    }

    #[test]
    fn who_polls_may_be_silent_for_longer() {
        let wish = Wish {
            hold: Some(0),
            ..Wish::default()
        };
        let terms = Terms::agree(&wish, &BOUNDS);
        assert!(terms.is_polling());
        assert!(terms.inactivity > BOUNDS.inactivity + terms.polling);
        assert_eq!(terms.requests(), 1);
    }
}
