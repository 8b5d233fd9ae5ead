//! Finding complete stanzas in a byte stream, without understanding them.

use memchr::{memchr, memchr3, memmem};

/// One top-level piece of a stream.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Piece {
    /// An XML declaration.
    Declaration,
    /// The stream header `<stream:stream ...>`.
    Header,
    /// `</stream:stream>`.
    Footer,
    /// A whole child of the stream.
    Stanza,
}

/// Finds the first complete top-level piece of `input`: what it is and where it ends.
/// White space before it counts as part of it; `None` says that more bytes are needed.
pub fn next_piece(input: &[u8]) -> Option<(Piece, usize)> {
    let start = memchr(b'<', input)?;
    match input.get(start + 1)? {
        b'?' => Some((Piece::Declaration, tag_end(input, start)?)),
        b'/' => Some((Piece::Footer, tag_end(input, start)?)),
        _ if starts_with_header(input.get(start..)?)? => {
            Some((Piece::Header, tag_end(input, start)?))
        }
        _ => Some((Piece::Stanza, element_end(input, start)?)),
    }
}

/// Whether this tag is the stream header; `None` while too little of the name is there.
fn starts_with_header(input: &[u8]) -> Option<bool> {
    const HEADER: &[u8] = b"<stream:stream";
    let seen = input.len().min(HEADER.len());
    if input.get(..seen)? != HEADER.get(..seen)? {
        return Some(false);
    }
    (seen == HEADER.len()).then_some(true)
}

/// The offset just after the `>` of the tag that begins at `start`; quoted values may hold `>`.
fn tag_end(input: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr3(b'>', b'\'', b'"', input.get(at..)?)?;
        match input.get(at)? {
            b'>' => return Some(at + 1),
            quote => at += 1 + memchr(*quote, input.get(at + 1..)?)? + 1,
        }
    }
}

fn element_end(input: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = start;
    loop {
        at += memchr(b'<', input.get(at..)?)?;
        let end = tag_end(input, at)?;
        if input.get(at + 1) == Some(&b'/') {
            depth = depth.saturating_sub(1);
        } else if input.get(end - 2) != Some(&b'/') {
            depth += 1;
        }
        if depth == 0 {
            return Some(end);
        }
        at = end;
    }
}

/// The value of an attribute in the first tag of `stanza`, as written (entities are left alone).
pub fn attribute<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    let tag = stanza.get(..tag_end(stanza.as_bytes(), stanza.find('<')?)?)?;
    let mut rest = tag;
    loop {
        let at = rest.find(name)?;
        let before = rest.get(..at)?;
        rest = rest.get(at + name.len()..)?;
        let Some(value) = rest.strip_prefix('=') else {
            continue;
        };
        if !before.ends_with(char::is_whitespace) {
            continue;
        }
        let quote = value.chars().next()?;
        return value.get(1..)?.split(quote).next();
    }
}

/// The text between the first `<name ...>` and its end tag; no nesting of the same name.
pub fn text<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    let open = stanza.find(&format!("<{name}"))?;
    let start = tag_end(stanza.as_bytes(), open)?;
    let end = start + stanza.get(start..)?.find(&format!("</{name}>"))?;
    stanza.get(start..end)
}

/// Counts how often an end tag goes by in a stream that arrives in chunks.
pub struct TagCounter {
    finder: memmem::Finder<'static>,
    carry: [u8; TagCounter::MAX_TAG],
    carried: usize,
}

impl TagCounter {
    /// The longest tag that can be counted, in bytes.
    pub const MAX_TAG: usize = 16;

    /// Counts `tag`, which has 2 to [`Self::MAX_TAG`] bytes.
    pub fn new(tag: &'static str) -> Self {
        assert!((2..=Self::MAX_TAG).contains(&tag.len()));
        Self {
            finder: memmem::Finder::new(tag),
            carry: [0; Self::MAX_TAG],
            carried: 0,
        }
    }

    /// The number of tags that end within `chunk`.
    pub fn count(&mut self, chunk: &[u8]) -> usize {
        let keep = self.finder.needle().len() - 1;
        let mut found = self.finder.find_iter(chunk).count();
        if self.carried > 0 {
            found += self.across(chunk, keep);
        }
        self.remember(chunk, keep);
        found
    }

    /// Tags that begin in an earlier chunk: looks at the carried bytes with the first few new ones.
    fn across(&self, chunk: &[u8], keep: usize) -> usize {
        let mut joint = [0u8; 2 * Self::MAX_TAG];
        let fresh = chunk.len().min(keep);
        let whole = self.carried + fresh;
        joint[..self.carried].copy_from_slice(&self.carry[..self.carried]);
        joint[self.carried..whole].copy_from_slice(&chunk[..fresh]);
        self.finder.find_iter(&joint[..whole]).count()
    }

    fn remember(&mut self, chunk: &[u8], keep: usize) {
        if chunk.len() >= keep {
            self.carry[..keep].copy_from_slice(&chunk[chunk.len() - keep..]);
            self.carried = keep;
            return;
        }
        let old = self.carried.min(keep - chunk.len());
        self.carry.copy_within(self.carried - old..self.carried, 0);
        self.carry[old..old + chunk.len()].copy_from_slice(chunk);
        self.carried = old + chunk.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_stream_are_found_one_by_one() {
        let stream = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='a>b'><a x='/>'><b/>text<c></c></a> <d/></stream:stream>";
        let mut rest = stream.as_bytes();
        let mut seen = Vec::new();
        while let Some((piece, end)) = next_piece(rest) {
            seen.push(piece);
            rest = &rest[end..];
        }
        use Piece::*;
        assert_eq!(seen, [Declaration, Header, Stanza, Stanza, Footer]);
        assert!(rest.is_empty());
    }

    #[test]
    fn an_incomplete_piece_is_not_reported() {
        let stanza = b"<message to='a'><body>x</body></message>";
        for end in 0..stanza.len() {
            assert_eq!(next_piece(&stanza[..end]), None, "{end}");
        }
        assert_eq!(next_piece(stanza), Some((Piece::Stanza, stanza.len())));
        assert_eq!(next_piece(b"<stream:str"), None);
        assert_eq!(
            next_piece(b"<stream:error><x/></stream:error>").map(|p| p.0),
            Some(Piece::Stanza)
        );
    }

    #[test]
    fn attributes_and_texts_are_read() {
        let stanza = "<iq id='1' xml:id=\"2\" type='result'><jid>a@b/c</jid><type>x</type></iq>";
        assert_eq!(attribute(stanza, "id"), Some("1"));
        assert_eq!(attribute(stanza, "type"), Some("result"));
        assert_eq!(attribute(stanza, "to"), None);
        assert_eq!(text(stanza, "jid"), Some("a@b/c"));
        assert_eq!(text(stanza, "none"), None);
    }

    #[test]
    fn tags_are_counted_whatever_the_chunks() {
        let stream = "</message></mess</message>x</message></message></messag".repeat(3);
        for size in 1..stream.len() {
            let mut counter = TagCounter::new("</message>");
            let found: usize = stream
                .as_bytes()
                .chunks(size)
                .map(|chunk| counter.count(chunk))
                .sum();
            assert_eq!(found, 12, "chunks of {size}");
        }
    }
}
