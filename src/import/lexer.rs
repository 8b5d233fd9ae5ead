//! The words of a Lua file.

use super::report::Report;
use super::value::Place;
use std::rc::Rc;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    /// In decimal.
    Number(String),
    /// Punctuation or an operator.
    Sign(&'static str),
    /// What is no Lua; already reported.
    Broken,
}

/// A word, its line, and whether it is the first of its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) line: usize,
    pub(super) starts_line: bool,
}

/// Longer ones first, so that `..` is not read as two of `.`.
const SIGNS: [&str; 33] = [
    "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>", "=", "{", "}", "(", ")", "[", "]",
    ";", ",", ".", ":", "+", "-", "*", "/", "%", "^", "#", "<", ">", "&", "|", "~",
];

/// Splits a file into its words; what is no Lua is reported, and the rest of that line left out.
pub(super) fn words(text: &str, file: &Rc<str>, report: &mut Report) -> Vec<Word> {
    let mut lexer = Lexer {
        text: text.chars().collect(),
        at: 0,
        line: 1,
    };
    if text.starts_with('#') {
        lexer.skip_line();
    }
    let mut words = Vec::new();
    let mut last_line = 0;
    loop {
        match lexer.next() {
            Ok(None) => return words,
            Ok(Some((token, line))) => {
                words.push(Word {
                    token,
                    line,
                    starts_line: line != last_line,
                });
                last_line = lexer.line;
            }
            Err((line, reason)) => {
                let place = Place {
                    file: Rc::clone(file),
                    line,
                };
                report.refused(&place, reason);
                lexer.skip_line();
                words.push(Word {
                    token: Token::Broken,
                    line,
                    starts_line: line != last_line,
                });
                last_line = lexer.line;
            }
        }
    }
}

struct Lexer {
    text: Vec<char>,
    at: usize,
    line: usize,
}

type Refusal = (usize, String);

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek(0).filter(|c| wanted(*c)) {
            taken.push(c);
            self.take();
        }
        taken
    }

    fn skip_line(&mut self) {
        self.take_while(|c| c != '\n');
    }

    fn next(&mut self) -> Result<Option<(Token, usize)>, Refusal> {
        self.skip_blanks()?;
        let line = self.line;
        let Some(c) = self.peek(0) else {
            return Ok(None);
        };
        let token = if c.is_ascii_alphabetic() || c == '_' {
            Token::Name(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_'))
        } else if c.is_ascii_digit() {
            self.number()?
        } else if c == '"' || c == '\'' {
            Token::Text(self.quoted()?)
        } else if let Some(level) = self.long_bracket() {
            Token::Text(self.long_text(level)?)
        } else {
            self.sign()?
        };
        Ok(Some((token, line)))
    }

    fn skip_blanks(&mut self) -> Result<(), Refusal> {
        loop {
            self.take_while(char::is_whitespace);
            if self.peek(0) != Some('-') || self.peek(1) != Some('-') {
                return Ok(());
            }
            self.at += 2;
            match self.long_bracket() {
                Some(level) => drop(self.long_text(level)?),
                None => self.skip_line(),
            }
        }
    }

    /// The number of `=` between the brackets that open a long text here.
    fn long_bracket(&self) -> Option<usize> {
        let level = (1..)
            .take_while(|ahead| self.peek(*ahead) == Some('='))
            .count();
        let opens = self.peek(0) == Some('[') && self.peek(level + 1) == Some('[');
        opens.then_some(level)
    }

    fn long_text(&mut self, level: usize) -> Result<String, Refusal> {
        let opened = self.line;
        self.at += level + 2;
        if self.peek(0) == Some('\r') {
            self.take();
        }
        if self.peek(0) == Some('\n') {
            self.take();
        }
        let end: Vec<char> = format!("]{}]", "=".repeat(level)).chars().collect();
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            let rest = self.text.get(self.at..).unwrap_or_default();
            if c == ']' && rest.starts_with(&end) {
                self.at += end.len();
                return Ok(text);
            }
            text.push(c);
            self.take();
        }
        Err((
            opened,
            "the brackets that open here are never closed: write ]] behind the text".to_owned(),
        ))
    }

    fn quoted(&mut self) -> Result<String, Refusal> {
        let line = self.line;
        let open = || {
            (
                line,
                "a text has no closing quotation mark on its line: write one".to_owned(),
            )
        };
        let mark = self.take();
        let mut text = String::new();
        loop {
            match self.peek(0) {
                None | Some('\n') => return Err(open()),
                c if c == mark => {
                    self.take();
                    return Ok(text);
                }
                Some('\\') => {
                    self.take();
                    self.escape(&mut text)?;
                }
                Some(c) => {
                    text.push(c);
                    self.take();
                }
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Refusal> {
        let line = self.line;
        let unknown = || {
            (
                line,
                "a text has a backslash that Lua does not know: write \\\\ for a backslash"
                    .to_owned(),
            )
        };
        let c = self.peek(0).ok_or_else(unknown)?;
        if c.is_ascii_digit() {
            let mut digits = String::new();
            while let Some(digit) = self
                .peek(0)
                .filter(|c| c.is_ascii_digit() && digits.len() < 3)
            {
                digits.push(digit);
                self.take();
            }
            let code = digits.parse::<u8>().ok().filter(u8::is_ascii);
            text.push(char::from(code.ok_or_else(unknown)?));
            return Ok(());
        }
        self.take();
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            '\\' | '"' | '\'' | '\n' => text.push(c),
            'z' => drop(self.take_while(char::is_whitespace)),
            'x' => {
                let digits: String = [self.take(), self.take()].into_iter().flatten().collect();
                let code = u8::from_str_radix(&digits, 16).ok().filter(u8::is_ascii);
                text.push(char::from(code.ok_or_else(unknown)?));
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Token, Refusal> {
        let line = self.line;
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let decimal = match hexadecimal {
            Some(digits) => i64::from_str_radix(digits, 16).ok().map(|n| n.to_string()),
            None => match text.parse::<i64>() {
                Ok(number) => Some(number.to_string()),
                Err(_) => text
                    .parse::<f64>()
                    .ok()
                    .filter(|n| n.is_finite())
                    .map(decimal),
            },
        };
        let refusal = || {
            (
                line,
                format!("{text} is no number that can be read: write it in plain digits"),
            )
        };
        decimal.map(Token::Number).ok_or_else(refusal)
    }

    fn sign(&mut self) -> Result<Token, Refusal> {
        let here = |sign: &&&str| {
            sign.chars()
                .enumerate()
                .all(|(ahead, c)| self.peek(ahead) == Some(c))
        };
        let Some(sign) = SIGNS.iter().find(here).copied() else {
            let c = self.peek(0).unwrap_or_default();
            return Err((
                self.line,
                format!("{c:?} means nothing in Lua: put texts in quotation marks"),
            ));
        };
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }
}

/// A number without a fraction is written like a whole one.
fn decimal(number: f64) -> String {
    let whole = number.fract() == 0.0;
    if whole {
        format!("{number:.0}")
    } else {
        number.to_string()
    }
}
