//! Translates the configurations of other servers: Prosody's `prosody.cfg.lua` and Stalwart's
//! listeners in JSON.
//!
//! `lexer` and `parser` read the declarative part of Lua, `sections` follows its includes, `json`
//! reads JSON; both end in the values of `value`, which know their lines. `prosody` and `stalwart`
//! write what they know into a `document`, which tries itself on the node's own loader: what that
//! refuses becomes a comment. Everything else is said in the `report`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

mod document;
mod json;
mod lexer;
mod parser;
mod prosody;
pub(crate) mod report;
mod sections;
mod stalwart;
pub(crate) mod value;

use document::Document;
use report::Report;

/// A file beyond this many bytes is refused.
const MAX_FILE: u64 = 1 << 20;

/// Why there is no translation at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

/// A translation and what is to be said about it.
#[derive(Debug)]
pub(crate) struct Translation {
    /// TOML that loads.
    pub(crate) toml: String,
    /// What has no equal, changed its meaning or could not be read.
    pub(crate) report: Report,
}

/// Translates a file, JSON by its first character and Lua otherwise.
///
/// # Errors
///
/// A file that can not be read, is no text, or is no JSON though it begins like it.
pub(crate) fn translate(path: &Path) -> Result<Translation, Unusable> {
    let text = read(path)?;
    let mut document = Document::default();
    let mut report = Report::default();
    if text.trim_start().starts_with(['{', '[']) {
        let file = path.display().to_string().into();
        stalwart::translate(&text, &file, &mut document, &mut report)?;
    } else {
        prosody::translate(&text, path, &mut document, &mut report);
    }
    let toml = document.checked(&mut report)?;
    Ok(Translation { toml, report })
}

fn read(path: &Path) -> Result<String, Unusable> {
    let shown = path.display();
    let failed = |error: std::io::Error| Unusable(format!("{shown} can not be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(Unusable(format!(
            "{shown} has more than 1 MiB: split it with Include"
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Unusable(format!("{shown} is not UTF-8 text: save it as UTF-8")))
}

#[cfg(test)]
mod tests;
