//! Values to words: blanks separate, double quotes hold together.

use super::mistake;
use crate::refusal::Refusal;

/// The words of a value; `"two words"` is one.
pub(super) fn words(text: &str) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            c if c.is_ascii_whitespace() && !is_quoted => found.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if is_quoted {
        return Err(mistake("a quotation mark is not closed")
            .help("write the closing `\"` behind the quoted words"));
    }
    found.extend(word);
    Ok(found)
}

/// The parts between commas, without surrounding blanks and without empty ones.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}
