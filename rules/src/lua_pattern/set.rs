//! Sets of bytes.

/// A set of bytes as a table: one load answers a question.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ByteSet {
    table: Box<[bool; 256]>,
}

impl ByteSet {
    pub(crate) fn empty() -> Self {
        Self {
            table: Box::new([false; 256]),
        }
    }

    pub(crate) fn from_fn(mut is_member: impl FnMut(u8) -> bool) -> Self {
        let mut set = Self::empty();
        for byte in 0..=u8::MAX {
            set.set(byte, is_member(byte));
        }
        set
    }

    #[inline]
    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.table
            .get(usize::from(byte))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn set(&mut self, byte: u8, is_member: bool) {
        if let Some(cell) = self.table.get_mut(usize::from(byte)) {
            *cell = is_member;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for byte in other.members() {
            self.set(byte, true);
        }
    }

    pub(crate) fn complement(&self) -> Self {
        Self::from_fn(|byte| !self.contains(byte))
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|&byte| self.contains(byte))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.table.iter().all(|&is_member| is_member)
    }

    /// Length of the run of members at the start of `text`.
    #[inline]
    pub(crate) fn run(&self, text: &[u8]) -> usize {
        text.iter()
            .position(|&byte| !self.contains(byte))
            .unwrap_or(text.len())
    }

    /// The runs of members in `text`, in order.
    pub(crate) fn runs<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let start = self.find(rest)?;
            let from = rest.get(start..)?;
            let (run, behind) = from.split_at_checked(self.run(from))?;
            rest = behind;
            Some(run)
        })
    }

    /// Position of the first member.
    #[inline]
    pub(crate) fn find(&self, text: &[u8]) -> Option<usize> {
        text.iter().position(|&byte| self.contains(byte))
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let members: Vec<u8> = self.members().collect();
        write!(f, "[{}]", members.escape_ascii())
    }
}

/// The set of a class letter: `%a`, or `%A` for its complement. `None` if the letter names no class.
pub(crate) fn class(letter: u8) -> Option<ByteSet> {
    let test: fn(u8) -> bool = match letter.to_ascii_lowercase() {
        b'a' => |byte| byte.is_ascii_alphabetic(),
        b'c' => |byte| byte.is_ascii_control(),
        b'd' => |byte| byte.is_ascii_digit(),
        b'g' => |byte| byte.is_ascii_graphic(),
        b'l' => |byte| byte.is_ascii_lowercase(),
        b'p' => |byte| byte.is_ascii_punctuation(),
        b's' => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => |byte| byte.is_ascii_uppercase(),
        b'w' => |byte| byte.is_ascii_alphanumeric(),
        b'x' => |byte| byte.is_ascii_hexdigit(),
        // Deprecated in Lua, but there: the NUL byte.
        b'z' => |byte| byte == 0,
        _ => return None,
    };
    let set = ByteSet::from_fn(test);
    Some(if letter.is_ascii_uppercase() {
        set.complement()
    } else {
        set
    })
}
