//! The scripts that ship with the program.

/// The text of the shipped script of that file name, such as `anti-spam.pfw`.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static str> {
    match name {
        "anti-spam.pfw" => Some(include_str!("../scripts/anti-spam.pfw")),
        "strip-xhtml.pfw" => Some(include_str!("../scripts/strip-xhtml.pfw")),
        _ => None,
    }
}

/// File names of the scripts that ship, for suggestions.
pub const SHIPPED: [&str; 2] = ["anti-spam.pfw", "strip-xhtml.pfw"];
