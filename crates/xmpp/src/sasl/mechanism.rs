//! The mechanisms and which of them a stream may use.

use super::credentials::ScramHash;

/// A SASL mechanism that we can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 7677), bound to the TLS channel.
    ScramSha256Plus,
    /// SCRAM-SHA-1-PLUS (RFC 5802), bound to the TLS channel.
    ScramSha1Plus,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-1 (RFC 5802).
    ScramSha1,
    /// PLAIN (RFC 4616), inside TLS only.
    Plain,
}

impl Mechanism {
    /// Every mechanism, strongest first, which is the order of the offer.
    pub const ALL: [Self; 5] = [
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::Plain,
    ];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }

    /// The mechanism of a registered name, if we can do it. Names are compared as they are.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }

    /// The hash of a SCRAM mechanism; `None` for PLAIN.
    #[must_use]
    pub const fn hash(self) -> Option<ScramHash> {
        match self {
            Self::ScramSha256Plus | Self::ScramSha256 => Some(ScramHash::Sha256),
            Self::ScramSha1Plus | Self::ScramSha1 => Some(ScramHash::Sha1),
            Self::Plain => None,
        }
    }

    /// Whether the mechanism binds the exchange to the TLS channel.
    #[must_use]
    pub const fn is_plus(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismSet(u8);

impl MechanismSet {
    /// No mechanism at all.
    pub const NONE: Self = Self(0);

    /// Every mechanism.
    #[must_use]
    pub fn all() -> Self {
        Mechanism::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// The set and `mechanism`.
    #[must_use]
    pub const fn with(self, mechanism: Mechanism) -> Self {
        Self(self.0 | mechanism.bit())
    }

    /// The set without `mechanism`.
    #[must_use]
    pub const fn without(self, mechanism: Mechanism) -> Self {
        Self(self.0 & !mechanism.bit())
    }

    /// Whether `mechanism` is in the set.
    #[must_use]
    pub const fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & mechanism.bit() != 0
    }

    /// Whether a mechanism with channel binding is in the set.
    #[must_use]
    pub fn has_plus(self) -> bool {
        self.iter().any(Mechanism::is_plus)
    }

    /// Strongest first.
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL
            .into_iter()
            .filter(move |mechanism| self.contains(*mechanism))
    }

    /// What of the set may be offered on a stream: nothing with channel binding unless the TLS
    /// connection has an exporter, and PLAIN inside TLS only.
    #[must_use]
    pub fn usable(self, is_encrypted: bool, has_exporter: bool) -> Self {
        let may = |mechanism: &Mechanism| match mechanism {
            Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus => is_encrypted && has_exporter,
            Mechanism::ScramSha256 | Mechanism::ScramSha1 => true,
            Mechanism::Plain => is_encrypted,
        };
        self.iter().filter(may).fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
        }
        assert_eq!(Mechanism::from_name("plain"), None);
        assert_eq!(Mechanism::from_name("SCRAM-SHA-512"), None);
    }

    #[test]
    fn plain_text_streams_offer_scram_only() {
        let offered: Vec<_> = MechanismSet::all()
            .usable(false, false)
            .iter()
            .map(Mechanism::name)
            .collect();
        assert_eq!(offered, ["SCRAM-SHA-256", "SCRAM-SHA-1"]);
    }

    #[test]
    fn channel_binding_needs_an_exporter() {
        assert!(!MechanismSet::all().usable(true, false).has_plus());
        assert_eq!(MechanismSet::all().usable(true, true), MechanismSet::all());
    }

    #[test]
    fn a_mechanism_can_be_switched_off() {
        let set = MechanismSet::all().without(Mechanism::Plain);
        assert!(!set.usable(true, true).contains(Mechanism::Plain));
    }
}
