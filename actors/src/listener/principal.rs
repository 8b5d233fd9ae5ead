//! Users and groups of the system, by name or number, as the local files list them.

use std::io;

/// The number of a user.
///
/// # Errors
/// Nobody has this name.
pub(super) fn user_id(name: &str) -> io::Result<u32> {
    find(name, "/etc/passwd", "user")
}

/// The number of a group.
///
/// # Errors
/// No group has this name.
pub(super) fn group_id(name: &str) -> io::Result<u32> {
    find(name, "/etc/group", "group")
}

fn find(name: &str, file: &str, what: &str) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let listed = std::fs::read_to_string(file)?;
    number_of(name, &listed).ok_or_else(|| {
        let text = format!("{file} has no {what} {name:?}: write one that is there, or a number");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// The third field of the line that begins with `name`.
fn number_of(name: &str, listed: &str) -> Option<u32> {
    let mut lines = listed.lines().map(|line| line.split(':'));
    let mut fields =
        lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    fields.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_for_itself_and_a_name_is_looked_up() {
        assert_eq!(user_id("1234").unwrap(), 1234);
        assert_eq!(user_id("root").unwrap(), 0);
        assert_eq!(number_of("bin", "root:x:0:\nbin:x:1:a,b\n"), Some(1));
        let error = group_id("no-such-group").unwrap_err().to_string();
        assert!(error.contains("no-such-group"), "{error}");
    }
}
