//! What Lua itself notices when it tries a pattern on the empty text.

/// True if matching the pattern against `\"\"` raises an error in Lua: it looks only at what it reaches.
pub(crate) fn fails_on_empty_text(pattern: &[u8]) -> bool {
    let mut rest = pattern.strip_prefix(b"^").unwrap_or(pattern);
    let mut open = 0_usize;
    let mut closed = 0_usize;
    loop {
        match rest {
            [] | [b'$'] => return open > 0,
            [b'(', b')', tail @ ..] => {
                closed += 1;
                rest = tail;
            }
            [b'(', tail @ ..] => {
                open += 1;
                rest = tail;
            }
            [b')', tail @ ..] if open > 0 => {
                (open, closed) = (open - 1, closed + 1);
                rest = tail;
            }
            [b')', ..] => return true,
            [b'%', b'b', tail @ ..] => return tail.len() < 2,
            [b'%', b'f', tail @ ..] => match tail {
                [b'[', ..] => return item_length(tail).is_none(),
                _ => return true,
            },
            [b'%', digit @ b'0'..=b'9', tail @ ..] => {
                if usize::from(digit - b'0').wrapping_sub(1) >= closed {
                    return true;
                }
                rest = tail;
            }
            _ => {
                let Some(length) = item_length(rest) else {
                    return true;
                };
                match rest.get(length) {
                    Some(b'*' | b'?' | b'-') => rest = rest.get(length + 1..).unwrap_or_default(),
                    // One byte at least, and there is none: no match, and nothing behind it is read.
                    _ => return false,
                }
            }
        }
    }
}

/// Length of a single item; `None` if it is malformed.
fn item_length(pattern: &[u8]) -> Option<usize> {
    match pattern {
        [b'%'] | [] => None,
        [b'%', ..] => Some(2),
        [b'[', ..] => {
            let mut at = if pattern.get(1) == Some(&b'^') { 2 } else { 1 };
            let first = at;
            loop {
                match pattern.get(at)? {
                    b']' if at > first => return Some(at + 1),
                    b'%' => at += 2,
                    _ => at += 1,
                }
            }
        }
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::fails_on_empty_text;

    #[test]
    fn only_what_is_reached_is_noticed() {
        for (pattern, expected) in [
            ("[", true),
            ("(a", false),
            ("(", true),
            ("a[", false),
            ("a*[", true),
            ("%", true),
            ("x", false),
            (")", true),
        ] {
            assert_eq!(
                fails_on_empty_text(pattern.as_bytes()),
                expected,
                "{pattern}"
            );
        }
    }
}
