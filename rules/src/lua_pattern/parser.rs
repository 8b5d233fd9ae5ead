//! Text of a pattern to the nodes that the matcher walks.

use thiserror::Error;

use super::set::{ByteSet, class};

/// Captures that a pattern may have.
pub(super) const MAX_CAPTURES: usize = 32;
/// Items with a choice that a pattern may have: the matcher's recursion is that deep at most.
const MAX_CHOICES: usize = 200;

/// Why a pattern was refused, in the words of Lua.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// A `%` stands at the end.
    #[error("malformed pattern (ends with '%')")]
    EndsWithEscape,
    /// A set has no end.
    #[error("malformed pattern (missing ']')")]
    UnfinishedSet,
    /// A `(` has no `)`.
    #[error("unfinished capture")]
    UnfinishedCapture,
    /// A `)` has no `(`.
    #[error("invalid pattern capture")]
    UnopenedCapture,
    /// `%b` without two bytes.
    #[error("malformed pattern (missing arguments to '%b')")]
    BalanceArguments,
    /// `%f` without a set.
    #[error("missing '[' after '%f' in pattern")]
    FrontierSet,
    /// `%1` to `%9` before that capture is closed, or `%0`.
    #[error("invalid capture index %{0} in pattern")]
    CaptureIndex(u8),
    /// More captures than Lua allows.
    #[error("too many captures")]
    TooManyCaptures,
    /// More quantified items than can be tried.
    #[error("pattern too complex")]
    TooComplex,
}

/// How often a single item may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Once,
    Optional,
    Star,
    Plus,
    Lazy,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Bytes, one after the other.
    Literal(Box<[u8]>),
    /// One byte of a set, with its quantifier.
    Single {
        set: ByteSet,
        repeat: Repeat,
        is_any: bool,
    },
    Open(usize),
    Position(usize),
    Close(usize),
    BackReference(usize),
    Balance(u8, u8),
    Frontier(ByteSet),
    /// `$`, or the end that [`super::Mode::Whole`] asks for.
    End,
}

/// A parsed pattern.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) captures: usize,
    /// False if the outcome at a node depends on more than the position.
    pub(super) is_memoizable: bool,
    pub(super) minimum_length: usize,
}

impl Program {
    pub(super) fn run_of(&self) -> Option<&ByteSet> {
        match &self.nodes[..] {
            [
                Node::Single {
                    set,
                    repeat: Repeat::Plus,
                    ..
                },
            ] => Some(set),
            _ => None,
        }
    }
}

pub(super) fn parse(pattern: &[u8], must_end: bool) -> Result<Program, PatternError> {
    let mut parser = Parser {
        rest: pattern,
        must_end,
        ..Parser::default()
    };
    while let Some(byte) = parser.next() {
        parser.item(byte)?;
    }
    if !parser.open.is_empty() {
        return Err(PatternError::UnfinishedCapture);
    }
    if parser.choices > MAX_CHOICES {
        return Err(PatternError::TooComplex);
    }
    parser.flush();
    if must_end {
        parser.nodes.push(Node::End);
    }
    let minimum_length = parser.nodes.iter().map(minimum_length).sum();
    let is_memoizable = !parser
        .nodes
        .iter()
        .any(|node| matches!(node, Node::BackReference(_) | Node::Balance(..)));
    Ok(Program {
        nodes: parser.nodes,
        captures: parser.captures,
        is_memoizable,
        minimum_length,
    })
}

fn minimum_length(node: &Node) -> usize {
    match node {
        Node::Literal(bytes) => bytes.len(),
        Node::Single {
            repeat: Repeat::Once | Repeat::Plus,
            ..
        } => 1,
        Node::Balance(..) => 2,
        _ => 0,
    }
}

#[derive(Default)]
struct Parser<'a> {
    rest: &'a [u8],
    must_end: bool,
    nodes: Vec<Node>,
    literal: Vec<u8>,
    captures: usize,
    open: Vec<usize>,
    closed: [bool; MAX_CAPTURES],
    choices: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            let bytes = std::mem::take(&mut self.literal);
            self.nodes.push(Node::Literal(bytes.into_boxed_slice()));
        }
    }

    fn push(&mut self, node: Node) {
        self.flush();
        self.nodes.push(node);
    }

    fn item(&mut self, byte: u8) -> Result<(), PatternError> {
        match byte {
            b'(' => self.open_capture(),
            b')' => {
                let index = self.open.pop().ok_or(PatternError::UnopenedCapture)?;
                if let Some(closed) = self.closed.get_mut(index) {
                    *closed = true;
                }
                self.choices += 1;
                self.push(Node::Close(index));
                Ok(())
            }
            b'$' if self.rest.is_empty() && !self.must_end => {
                self.push(Node::End);
                Ok(())
            }
            b'%' => self.escape(),
            b'[' => {
                let set = self.set()?;
                self.single(set);
                Ok(())
            }
            b'.' => {
                self.single(ByteSet::from_fn(|_| true));
                Ok(())
            }
            literal => {
                self.byte(literal);
                Ok(())
            }
        }
    }

    fn open_capture(&mut self) -> Result<(), PatternError> {
        if self.captures >= MAX_CAPTURES {
            return Err(PatternError::TooManyCaptures);
        }
        let index = self.captures;
        self.captures += 1;
        self.choices += 1;
        if self.rest.first() == Some(&b')') {
            self.next();
            // It holds no text, so a later back-reference to it is well formed and never matches.
            if let Some(closed) = self.closed.get_mut(index) {
                *closed = true;
            }
            self.push(Node::Position(index));
        } else {
            self.open.push(index);
            self.push(Node::Open(index));
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        match self.next().ok_or(PatternError::EndsWithEscape)? {
            b'b' => match self.rest {
                [open, close, rest @ ..] => {
                    let node = Node::Balance(*open, *close);
                    self.rest = rest;
                    self.push(node);
                    Ok(())
                }
                _ => Err(PatternError::BalanceArguments),
            },
            b'f' => {
                if self.next() != Some(b'[') {
                    return Err(PatternError::FrontierSet);
                }
                let set = self.set()?;
                self.push(Node::Frontier(set));
                Ok(())
            }
            digit @ b'0'..=b'9' => {
                let number = digit - b'0';
                let index = usize::from(number).wrapping_sub(1);
                if self.closed.get(index) != Some(&true) {
                    return Err(PatternError::CaptureIndex(number));
                }
                self.choices += 1;
                self.push(Node::BackReference(index));
                Ok(())
            }
            letter => {
                match class(letter) {
                    Some(set) => self.single(set),
                    None => self.byte(letter),
                }
                Ok(())
            }
        }
    }

    fn repeat(&mut self) -> Repeat {
        let repeat = match self.rest.first() {
            Some(b'*') => Repeat::Star,
            Some(b'+') => Repeat::Plus,
            Some(b'-') => Repeat::Lazy,
            Some(b'?') => Repeat::Optional,
            _ => return Repeat::Once,
        };
        self.next();
        self.choices += 1;
        repeat
    }

    fn byte(&mut self, byte: u8) {
        match self.repeat() {
            Repeat::Once => self.literal.push(byte),
            repeat => {
                let set = ByteSet::from_fn(|other| other == byte);
                self.push(Node::Single {
                    set,
                    repeat,
                    is_any: false,
                });
            }
        }
    }

    fn single(&mut self, set: ByteSet) {
        let repeat = self.repeat();
        let is_any = set.is_full();
        self.push(Node::Single {
            set,
            repeat,
            is_any,
        });
    }

    /// What stands behind `[`, up to and with its `]`.
    fn set(&mut self) -> Result<ByteSet, PatternError> {
        let body = self.rest;
        let is_complement = body.first() == Some(&b'^');
        let mut at = usize::from(is_complement);
        let first = at;
        loop {
            match body.get(at) {
                None => return Err(PatternError::UnfinishedSet),
                Some(b']') if at > first => break,
                Some(b'%') if body.get(at + 1).is_some() => at += 2,
                Some(b'%') => return Err(PatternError::EndsWithEscape),
                Some(_) => at += 1,
            }
        }
        let members = body.get(first..at).unwrap_or_default();
        self.rest = body.get(at + 1..).unwrap_or_default();
        let set = members_of(members);
        Ok(if is_complement { set.complement() } else { set })
    }
}

fn members_of(mut rest: &[u8]) -> ByteSet {
    let mut set = ByteSet::empty();
    loop {
        match rest {
            [] => return set,
            [b'%', letter, tail @ ..] => {
                match class(*letter) {
                    Some(class) => set.add(&class),
                    None => set.set(*letter, true),
                }
                rest = tail;
            }
            [from, b'-', to, tail @ ..] => {
                for byte in *from..=*to {
                    set.set(byte, true);
                }
                rest = tail;
            }
            [byte, tail @ ..] => {
                set.set(*byte, true);
                rest = tail;
            }
        }
    }
}
