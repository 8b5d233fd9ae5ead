//! `tls.profile`: one word for what is offered.

use crate::checker::{Checker, Section, expected, text, wrong_word};
use crate::schema::{Accepts, Key, Preset, Reload};
use crate::tree::Node;

pub(crate) static PROFILE: Key = Key {
    name: "profile",
    accepts: Accepts::OneOf(&["modern", "intermediate"], &[]),
    preset: Preset::Value("\"intermediate\""),
    reload: Reload::NewConnections,
    doc: "`modern` offers TLS 1.3 alone, `intermediate` 1.2 too. Nothing older and no weak suite is ever offered.",
    example: "",
};

/// Whether TLS 1.2 is offered.
pub(crate) fn offers_tls12(checker: &mut Checker, section: &Section<'_>) -> bool {
    checker.read(section, &PROFILE, profile).unwrap_or(true)
}

fn profile(node: &Node) -> Result<bool, String> {
    match text(node).ok_or_else(|| expected(&PROFILE, node))? {
        "modern" => Ok(false),
        "intermediate" => Ok(true),
        text @ ("old" | "legacy") => Err(format!(
            "the profile {text:?} offers TLS 1.0, 1.1 and weak suites, of which there is no implementation here; accepted: {}",
            PROFILE.accepts.describe()
        )),
        text if is_openssl(text) => Err(format!(
            "{text:?} is a cipher string of OpenSSL, which is not read here; accepted: {}; single suites are \
             switched off by tls.disable_cipher_suites of a listener",
            PROFILE.accepts.describe()
        )),
        _ => Err(wrong_word(&PROFILE, node)),
    }
}

/// Whether it looks like a cipher string of OpenSSL, such as `HIGH:!aNULL`.
fn is_openssl(text: &str) -> bool {
    let is_word = |word: &str| {
        let word = word.trim_start_matches(['!', '+', '-', '@']);
        [
            "HIGH", "MEDIUM", "LOW", "ALL", "DEFAULT", "SECURE", "STRENGTH",
        ]
        .contains(&word)
            || word.starts_with("ECDHE")
            || word.starts_with("EECDH")
    };
    text.contains([':', '!', '@', '+']) || text.split([',', ' ']).any(is_word)
}
