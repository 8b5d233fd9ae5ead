//! Passwords, from the terminal or from standard input, never from arguments.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result, bail};

/// Longer input is no password.
const MAX_LINE: u64 = 8192;

/// Asks twice on a terminal; otherwise the first line of standard input is the password.
pub(crate) fn new_password(user: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        return first_line(io::stdin().lock());
    }
    let password = rpassword::prompt_password(format!("Password for {user}: "))
        .context("the terminal can not be read")?;
    let again =
        rpassword::prompt_password("The same again: ").context("the terminal can not be read")?;
    if password != again {
        bail!("the two passwords differ: nothing was changed");
    }
    Ok(password)
}

fn first_line(input: impl BufRead) -> Result<String> {
    let mut line = String::new();
    let mut input = input.take(MAX_LINE);
    input
        .read_line(&mut line)
        .context("standard input can not be read")?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        bail!("no password on standard input");
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_without_its_end() {
        for (input, password) in [
            ("a b\nc\n", "a b"),
            ("a\r\n", "a"),
            (" a ", " a "),
            ("a\n", "a"),
        ] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), password);
        }
        assert!(first_line("".as_bytes()).is_err());
        assert!(first_line("\nsecret\n".as_bytes()).is_err());
        assert!(first_line([0xff].as_slice()).is_err());
    }
}
