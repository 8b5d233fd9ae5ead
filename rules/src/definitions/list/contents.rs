//! The loaded part of a list: one buffer, one table of places in it.

use ahash::RandomState;
use hashbrown::HashTable;

/// An immutable set of byte strings. Costs the text, 8 bytes for its place and one for the table, each with the
/// table's slack: under 24 bytes beyond the text.
#[derive(Debug)]
pub struct ListContents {
    text: Vec<u8>,
    index: HashTable<(u32, u32)>,
    hasher: RandomState,
    /// Bit n: an entry of n bytes exists; bit 63 stands for all longer ones.
    lengths: u64,
    /// Bit n: an entry begins with a byte that is n modulo 64.
    firsts: u64,
    /// False if nobody knows yet what is in the list.
    is_known: bool,
}

impl Default for ListContents {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
            lengths: 0,
            firsts: 0,
            is_known: true,
        }
    }
}

impl ListContents {
    /// One entry for each line. A carriage return before the line feed is no part of it, and a last line without
    /// line feed counts.
    #[must_use]
    pub fn from_lines(text: &[u8]) -> Self {
        let mut contents = Self::default();
        let body = text.strip_suffix(b"\n").unwrap_or(text);
        if text.is_empty() {
            return contents;
        }
        contents.text.reserve(text.len());
        let lines = memchr::memchr_iter(b'\n', body).count() + 1;
        contents.index.reserve(lines, |_| 0);
        for line in body.split(|&byte| byte == b'\n') {
            contents.insert(line.strip_suffix(b"\r").unwrap_or(line));
        }
        contents.text.shrink_to_fit();
        contents
    }

    /// The contents of a list whose source has not answered yet: no entry is known, and none is known not to be.
    #[must_use]
    pub fn never_loaded() -> Self {
        Self {
            is_known: false,
            ..Self::default()
        }
    }

    /// False if the source has never answered.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// No entry yet, and room for some.
    pub(super) fn with_capacity(bytes: usize, entries: usize) -> Self {
        let mut contents = Self::default();
        contents.text.reserve(bytes);
        contents.index.reserve(entries, |_| 0);
        contents
    }

    /// Gives back the room that is not needed.
    pub(super) fn shrink(&mut self) {
        let (text, hasher) = (&self.text, &self.hasher);
        self.index.shrink_to_fit(|&(start, length)| {
            let start = start as usize;
            hasher.hash_one(text.get(start..start + length as usize).unwrap_or_default())
        });
        self.text.shrink_to_fit();
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True if there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// True if exactly these bytes are an entry.
    #[must_use]
    pub fn contains(&self, entry: &[u8]) -> bool {
        self.may_contain(entry) && {
            let hash = self.hasher.hash_one(entry);
            self.index
                .find(hash, |&place| self.entry(place) == entry)
                .is_some()
        }
    }

    #[inline]
    fn may_contain(&self, entry: &[u8]) -> bool {
        let first = entry.first().map_or(0, |byte| byte & 63);
        self.lengths >> entry.len().min(63) & 1 != 0 && self.firsts >> first & 1 != 0
    }

    fn entry(&self, (start, length): (u32, u32)) -> &[u8] {
        let start = start as usize;
        self.text
            .get(start..start + length as usize)
            .unwrap_or_default()
    }

    pub(super) fn insert(&mut self, entry: &[u8]) {
        let (Ok(start), Ok(length)) = (u32::try_from(self.text.len()), u32::try_from(entry.len()))
        else {
            return;
        };
        let hash = self.hasher.hash_one(entry);
        let text = &self.text;
        let at = |&(start, length): &(u32, u32)| {
            text.get(start as usize..start as usize + length as usize)
                .unwrap_or_default()
        };
        if self.index.find(hash, |place| at(place) == entry).is_some() {
            return;
        }
        let hasher = &self.hasher;
        self.index
            .insert_unique(hash, (start, length), |place| hasher.hash_one(at(place)));
        self.text.extend_from_slice(entry);
        self.lengths |= 1 << entry.len().min(63);
        self.firsts |= 1 << entry.first().map_or(0, |byte| byte & 63);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_entries() {
        let contents = ListContents::from_lines(b"one\r\n\ntwo\none\nlast");
        assert_eq!(contents.len(), 4);
        for entry in ["one", "", "two", "last"] {
            assert!(contents.contains(entry.as_bytes()), "{entry:?}");
        }
        assert!(!contents.contains(b"one\r"));
        assert!(ListContents::from_lines(b"").is_empty());
    }
}
