//! The cipher suites that there are, by the names under which they are switched off.

use crate::checker::{Checker, Section, found, text, wrong_one_of};
use crate::schema::{Accepts, Key, Preset, Reload};
use crate::tree::Node;

/// A cipher suite of TLS 1.2 (RFC 5289, RFC 7905) or TLS 1.3 (RFC 8446 §B.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum CipherSuite {
    Tls13Aes256GcmSha384,
    Tls13Aes128GcmSha256,
    Tls13Chacha20Poly1305Sha256,
    TlsEcdheEcdsaWithAes256GcmSha384,
    TlsEcdheEcdsaWithAes128GcmSha256,
    TlsEcdheEcdsaWithChacha20Poly1305Sha256,
    TlsEcdheRsaWithAes256GcmSha384,
    TlsEcdheRsaWithAes128GcmSha256,
    TlsEcdheRsaWithChacha20Poly1305Sha256,
}

const NAMES: [&str; 9] = [
    "tls13-aes-256-gcm-sha384",
    "tls13-aes-128-gcm-sha256",
    "tls13-chacha20-poly1305-sha256",
    "tls-ecdhe-ecdsa-with-aes-256-gcm-sha384",
    "tls-ecdhe-ecdsa-with-aes-128-gcm-sha256",
    "tls-ecdhe-ecdsa-with-chacha20-poly1305-sha256",
    "tls-ecdhe-rsa-with-aes-256-gcm-sha384",
    "tls-ecdhe-rsa-with-aes-128-gcm-sha256",
    "tls-ecdhe-rsa-with-chacha20-poly1305-sha256",
];

impl CipherSuite {
    /// Every suite that is ever offered, in the server's order.
    pub const ALL: [Self; 9] = [
        Self::Tls13Aes256GcmSha384,
        Self::Tls13Aes128GcmSha256,
        Self::Tls13Chacha20Poly1305Sha256,
        Self::TlsEcdheEcdsaWithAes256GcmSha384,
        Self::TlsEcdheEcdsaWithAes128GcmSha256,
        Self::TlsEcdheEcdsaWithChacha20Poly1305Sha256,
        Self::TlsEcdheRsaWithAes256GcmSha384,
        Self::TlsEcdheRsaWithAes128GcmSha256,
        Self::TlsEcdheRsaWithChacha20Poly1305Sha256,
    ];

    /// The suite of this name.
    fn named(name: &str) -> Option<Self> {
        let position = NAMES.iter().position(|known| *known == name)?;
        Self::ALL.get(position).copied()
    }

    /// Whether it is of TLS 1.3.
    #[must_use]
    pub fn is_tls13(self) -> bool {
        self <= Self::Tls13Chacha20Poly1305Sha256
    }

    /// Whether it needs an RSA key; those of TLS 1.3 take any.
    #[must_use]
    pub fn is_rsa(self) -> bool {
        self >= Self::TlsEcdheRsaWithAes256GcmSha384
    }
}

pub(crate) static DISABLE: Key = Key {
    name: "disable_cipher_suites",
    accepts: Accepts::ListOf(&NAMES),
    preset: Preset::Value("[]"),
    reload: Reload::NewConnections,
    doc: "Cipher suites that are not negotiated. Every version that is not switched off must keep one.",
    example: "",
};

/// The suites that a listener does without, and whether every version that is on has one left.
pub(crate) fn read_disabled(
    checker: &mut Checker,
    section: &Section<'_>,
    (tls12, tls13): (bool, bool),
) -> Vec<CipherSuite> {
    let disabled = checker.list(section, &DISABLE, suite).unwrap_or_default();
    let is_left = |is_tls13| {
        let mut suites = CipherSuite::ALL.iter();
        suites.any(|suite| suite.is_tls13() == is_tls13 && !disabled.contains(suite))
    };
    for (is_on, is_tls13, version) in [(tls12, false, "tls12"), (tls13, true, "tls13")] {
        if is_on && !is_left(is_tls13) {
            let reason = format!(
                "this leaves no suite for {version}: leave one out, or write tls.disable_protocols = [\"{version}\"] instead"
            );
            checker.refuse(section, &DISABLE, reason);
        }
    }
    disabled
}

fn suite(node: &Node) -> Result<CipherSuite, String> {
    let text =
        text(node).ok_or_else(|| format!("expected the name of a suite, found {}", found(node)))?;
    CipherSuite::named(text).ok_or_else(|| {
        let upper = text.to_ascii_uppercase();
        let is_old = ["CBC", "3DES", "RC4", "_DHE_", "-DHE-", "MD5", "NULL"]
            .iter()
            .any(|part| upper.contains(part));
        match is_old {
            true => format!("{text:?} is never offered: leave it out"),
            false => wrong_one_of(text, &NAMES, &[]),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_suites_go_together() {
        for (name, suite) in NAMES.iter().zip(CipherSuite::ALL) {
            let debug = format!("{suite:?}").to_lowercase();
            assert_eq!(name.replace('-', ""), debug);
            assert_eq!(name.starts_with("tls13"), suite.is_tls13());
            assert_eq!(name.contains("-rsa-"), suite.is_rsa());
        }
    }
}
