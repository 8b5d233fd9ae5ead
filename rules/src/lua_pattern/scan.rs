//! Where a match may begin, without trying: literals by memchr, fixed prefixes by shifts.

use memchr::memmem::Finder;

use super::parser::{Node, Program, Repeat};
use super::set::ByteSet;

/// Bytes of a prefix that the shift table looks at.
const MAX_PREFIX: usize = 32;
/// Bytes that ordinary text is full of: looking for them one by one finds too many.
const COMMON: &[u8] = b" etaoinsrhl";

#[derive(Debug)]
pub(super) struct Scanner {
    start: Start,
    required: Option<Finder<'static>>,
    minimum_length: usize,
}

#[derive(Debug)]
enum Start {
    /// Anywhere: the pattern may match the empty string or begins with something unusual.
    Anywhere,
    Literal(Box<Finder<'static>>),
    OneOf(Box<[u8]>),
    Set(ByteSet),
    /// Horspool's shifts over sets: what the byte at the end of the window allows to skip.
    Shifts {
        length: usize,
        shifts: Box<[u8; 256]>,
    },
}

impl Scanner {
    pub(super) fn new(program: &Program) -> Self {
        let start = start(program);
        let longest = program
            .nodes
            .iter()
            .filter_map(|node| match node {
                Node::Literal(bytes) => Some(bytes),
                _ => None,
            })
            .max_by_key(|bytes| bytes.len());
        let required = match (longest, &start) {
            (_, Start::Literal(finder))
                if longest.is_some_and(|bytes| bytes.len() == finder.needle().len()) =>
            {
                None
            }
            (Some(bytes), _) => Some(Finder::new(bytes).into_owned()),
            (None, _) => None,
        };
        Self {
            start,
            required,
            minimum_length: program.minimum_length,
        }
    }

    /// A literal that any match holds; empty if there is none.
    pub(super) fn required(&self) -> &[u8] {
        match (&self.required, &self.start) {
            (Some(finder), _) => finder.needle(),
            (None, Start::Literal(finder)) => finder.needle(),
            _ => b"",
        }
    }

    /// False only if the pattern matches nowhere in `text`.
    #[inline]
    pub(super) fn may_match(&self, text: &[u8]) -> bool {
        text.len() >= self.minimum_length
            && self
                .required
                .as_ref()
                .is_none_or(|finder| finder.find(text).is_some())
    }

    /// The first position from `from` on where a match may begin.
    #[inline]
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        if rest.len() < self.minimum_length {
            return None;
        }
        let skipped = match &self.start {
            Start::Anywhere => 0,
            Start::Literal(finder) => finder.find(rest)?,
            Start::OneOf(bytes) => match **bytes {
                [a] => memchr::memchr(a, rest)?,
                [a, b] => memchr::memchr2(a, b, rest)?,
                [a, b, c] => memchr::memchr3(a, b, c, rest)?,
                _ => 0,
            },
            Start::Set(set) => set.find(rest)?,
            Start::Shifts { length, shifts } => shift(rest, *length, shifts)?,
        };
        Some(from + skipped)
    }
}

fn shift(rest: &[u8], length: usize, shifts: &[u8; 256]) -> Option<usize> {
    let mut last = length - 1;
    loop {
        let byte = *rest.get(last)?;
        let step = shifts.get(usize::from(byte)).copied().unwrap_or(1);
        if step == 0 {
            return Some(last + 1 - length);
        }
        last += usize::from(step);
    }
}

fn start(program: &Program) -> Start {
    if let Some(Node::Literal(bytes)) = program.nodes.first() {
        return Start::Literal(Box::new(Finder::new(bytes).into_owned()));
    }
    let prefix = prefix(program);
    let Some(first) = prefix.first() else {
        return Start::Anywhere;
    };
    let members: Vec<u8> = first.members().collect();
    let is_rare = members.len() <= 3 && !members.iter().any(|byte| COMMON.contains(byte));
    if prefix.len() >= 3 && !is_rare {
        return Start::Shifts {
            length: prefix.len(),
            shifts: shift_table(&prefix),
        };
    }
    match members.len() {
        256 => Start::Anywhere,
        1..=3 => Start::OneOf(members.into_boxed_slice()),
        _ => Start::Set(first.clone()),
    }
}

/// The sets of the bytes that any match begins with, as far as they are certain.
fn prefix(program: &Program) -> Vec<ByteSet> {
    let mut prefix = Vec::new();
    for node in &program.nodes {
        match node {
            Node::Literal(bytes) => {
                prefix.extend(
                    bytes
                        .iter()
                        .map(|&byte| ByteSet::from_fn(|other| other == byte)),
                );
            }
            Node::Single {
                set,
                repeat: Repeat::Once,
                ..
            } => prefix.push(set.clone()),
            Node::Single {
                set,
                repeat: Repeat::Plus,
                ..
            } => {
                prefix.push(set.clone());
                break;
            }
            Node::Open(_) | Node::Close(_) | Node::Position(_) | Node::Frontier(_) => {}
            _ => break,
        }
    }
    prefix.truncate(MAX_PREFIX);
    prefix
}

/// For each byte: 0 if it may end the window, else how far the window can move.
fn shift_table(prefix: &[ByteSet]) -> Box<[u8; 256]> {
    let length = prefix.len();
    let mut shifts = Box::new([0_u8; 256]);
    for (byte, cell) in (0..=u8::MAX).zip(shifts.iter_mut()) {
        let distance = prefix
            .iter()
            .rev()
            .position(|set| set.contains(byte))
            .unwrap_or(length);
        *cell = u8::try_from(distance).unwrap_or(1);
    }
    shifts
}
