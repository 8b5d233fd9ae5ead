//! The declarative part of Lua that configuration files are written in.

use std::rc::Rc;

use super::lexer::{Token, Word, words};
use super::report::Report;
use super::value::{Node, Place, Table, Value};

/// Tables within tables.
const MAX_DEPTH: usize = 32;

/// One statement, in the order of the file.
#[derive(Debug, PartialEq)]
pub(super) enum Statement {
    Assign(String, Node),
    VirtualHost(String, Place),
    /// A domain, and the module that serves it unless it is an external one.
    Component(String, Option<String>, Place),
    Include(String, Place),
    /// The end of a section whose options stand in braces.
    Global,
}

/// Reads a file; what is computed or no Lua is reported and left out.
pub(super) fn parse(text: &str, file: &Rc<str>, report: &mut Report) -> Vec<Statement> {
    let words = words(text, file, report);
    let mut parser = Parser {
        words,
        at: 0,
        file: Rc::clone(file),
        report,
        found: Vec::new(),
    };
    while parser.peek().is_some() {
        if parser.statement().is_err() {
            parser.recover();
        }
    }
    parser.found
}

/// A statement that can not be read on; it has been reported.
struct Unreadable;

struct Parser<'a> {
    words: Vec<Word>,
    at: usize,
    file: Rc<str>,
    report: &'a mut Report,
    found: Vec<Statement>,
}

impl Parser<'_> {
    fn word(&self, ahead: usize) -> Option<&Word> {
        self.words.get(self.at + ahead)
    }

    fn peek(&self) -> Option<&Token> {
        self.word(0).map(|word| &word.token)
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == name)
    }

    /// Whether the word so far ahead is a `=`.
    fn is_named(&self, ahead: usize) -> bool {
        self.word(ahead)
            .is_some_and(|word| word.token == Token::Sign("="))
    }

    fn accept(&mut self, sign: &str) -> bool {
        let accepted = self.is(sign);
        self.at += usize::from(accepted);
        accepted
    }

    fn place(&self) -> Place {
        let word = self.word(0).or(self.words.last());
        Place {
            file: Rc::clone(&self.file),
            line: word.map_or(1, |word| word.line),
        }
    }

    fn refuse(&mut self, place: &Place, reason: &str) -> Unreadable {
        self.report.refused(place, reason);
        Unreadable
    }

    fn statement(&mut self) -> Result<(), Unreadable> {
        let place = self.place();
        let Some(Token::Name(name)) = self.peek().cloned() else {
            if self.accept(";") {
                return Ok(());
            }
            return Err(self.refuse(
                &place,
                "expected NAME = VALUE: is a comma, a brace or a quotation mark missing above?",
            ));
        };
        self.at += 1;
        match name.as_str() {
            "if" | "for" | "while" | "do" | "function" | "repeat" | "local" | "return" | "goto"
            | "break" => {
                let reason =
                    format!("{name}: programs are not run: write the outcome as NAME = VALUE");
                self.report.refused(&place, reason);
                self.skip_program(&name);
                Ok(())
            }
            "VirtualHost" | "Host" => self.virtual_host(place),
            "Component" => self.component(place),
            "Include" => {
                let pattern = self.argument(&place)?;
                self.found.push(Statement::Include(pattern, place));
                Ok(())
            }
            _ if self.accept("=") => {
                let value = self.expression(0)?;
                self.found.push(Statement::Assign(name, value));
                Ok(())
            }
            _ => {
                let reason = format!(
                    "{name}: only NAME = VALUE, VirtualHost, Component and Include are read: write the value itself"
                );
                Err(self.refuse(&place, &reason))
            }
        }
    }

    /// The text in `Name "text"` and `Name("text")`.
    fn argument(&mut self, place: &Place) -> Result<String, Unreadable> {
        let node = if self.accept("(") {
            let node = self.expression(0)?;
            self.accept(")");
            node
        } else {
            self.expression(0)?
        };
        match node.value {
            Value::Text(text) => Ok(text),
            Value::Computed => Err(Unreadable),
            _ => Err(self.refuse(place, "expected a text in quotation marks here")),
        }
    }

    fn virtual_host(&mut self, place: Place) -> Result<(), Unreadable> {
        let name = self.argument(&place)?;
        self.found.push(Statement::VirtualHost(name, place));
        self.options()
    }

    fn component(&mut self, place: Place) -> Result<(), Unreadable> {
        let name = self.argument(&place)?;
        let module = match self.peek() {
            Some(Token::Text(_)) => Some(self.argument(&place)?),
            _ => None,
        };
        self.found.push(Statement::Component(name, module, place));
        self.options()
    }

    /// Options in braces behind the name of a section.
    fn options(&mut self) -> Result<(), Unreadable> {
        if !self.is("{") {
            return Ok(());
        }
        if let Value::Table(table) = self.expression(0)?.value {
            let assigned = table.fields.into_iter();
            let assigned = assigned.map(|(name, value)| Statement::Assign(name, value));
            self.found.extend(assigned);
        }
        self.found.push(Statement::Global);
        Ok(())
    }

    fn expression(&mut self, depth: usize) -> Result<Node, Unreadable> {
        let mut node = self.operand(depth)?;
        while let Some(operator) = self.operator() {
            let place = self.place();
            self.at += 1;
            let right = self.operand(depth)?;
            let joined = match (operator.as_str(), &node.value, &right.value) {
                (_, Value::Computed, _) | (_, _, Value::Computed) => None,
                ("..", Value::Text(a) | Value::Number(a), Value::Text(b) | Value::Number(b)) => {
                    Some(Value::Text(format!("{a}{b}")))
                }
                _ => {
                    let reason = format!("{operator}: nothing is computed: write the outcome");
                    self.report.refused(&place, reason);
                    None
                }
            };
            node.value = joined.unwrap_or(Value::Computed);
        }
        Ok(node)
    }

    fn operator(&self) -> Option<String> {
        match self.peek()? {
            Token::Sign(
                sign @ (".." | "+" | "-" | "*" | "/" | "//" | "%" | "^" | "==" | "~=" | "<" | ">"
                | "<=" | ">=" | "&" | "|" | "~" | "<<" | ">>"),
            ) => Some((*sign).to_owned()),
            Token::Name(name) if name == "and" || name == "or" => Some(name.clone()),
            _ => None,
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Node, Unreadable> {
        let place = self.place();
        if depth > MAX_DEPTH {
            return Err(self.refuse(&place, "tables are nested too deep: 32 levels are read"));
        }
        let Some(token) = self.peek().cloned() else {
            return Err(self.refuse(&place, "the file ends where a value should stand"));
        };
        let is_statement = self.word(0).is_some_and(|word| word.starts_line) && self.is_named(1);
        if is_statement && matches!(token, Token::Name(_)) {
            return Err(self.refuse(&place, "a value is missing before this statement"));
        }
        self.at += 1;
        let value = match token {
            Token::Text(text) => Value::Text(text),
            Token::Number(number) => Value::Number(number),
            Token::Broken => Value::Computed,
            Token::Sign("{") => Value::Table(self.table(depth + 1)?),
            Token::Sign("(") => {
                let inner = self.expression(depth + 1)?;
                self.accept(")");
                inner.value
            }
            Token::Sign("-") => match self.operand(depth + 1)?.value {
                Value::Number(number) => Value::Number(format!("-{number}")),
                _ => Value::Computed,
            },
            Token::Name(name) => match name.as_str() {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                "nil" => Value::Nil,
                _ => self.computed(&name, &place, depth)?,
            },
            Token::Sign(sign) => {
                self.at -= 1;
                let reason = format!(
                    "found {sign} where a value should stand: write a text, a number, true, false or a table"
                );
                return Err(self.refuse(&place, &reason));
            }
        };
        Ok(Node { value, place })
    }

    /// Steps over a variable, a call or a function.
    fn computed(&mut self, name: &str, place: &Place, depth: usize) -> Result<Value, Unreadable> {
        let reason = match name.strip_prefix("ENV_") {
            Some(variable) => format!(
                "{name}: the environment is not read here: write the value of {variable} itself"
            ),
            None => format!(
                "{name}: variables, functions and calls are not read: write the value itself"
            ),
        };
        self.report.refused(place, reason);
        if name == "function" {
            self.skip_program("function");
            return Ok(Value::Computed);
        }
        if name == "not" {
            self.operand(depth + 1)?;
            return Ok(Value::Computed);
        }
        loop {
            match self.peek() {
                Some(Token::Sign("." | ":")) => self.at += 2,
                Some(Token::Sign("(" | "[" | "{")) => self.skip_brackets(),
                Some(Token::Text(_)) if self.word(0).is_some_and(|word| !word.starts_line) => {
                    self.at += 1
                }
                _ => return Ok(Value::Computed),
            }
        }
    }

    fn table(&mut self, depth: usize) -> Result<Table, Unreadable> {
        let mut table = Table::default();
        while !self.accept("}") {
            let named = matches!(self.peek(), Some(Token::Name(_))) && self.is_named(1);
            if named {
                let Some(Token::Name(name)) = self.peek().cloned() else {
                    return Err(Unreadable);
                };
                self.at += 2;
                table.fields.push((name, self.expression(depth)?));
            } else if self.accept("[") {
                self.keyed(&mut table, depth)?;
            } else {
                let item = self.expression(depth)?;
                if !matches!(item.value, Value::Computed | Value::Nil) {
                    table.items.push(item);
                }
            }
            if !self.accept(",") && !self.accept(";") && !self.is("}") {
                let place = self.place();
                return Err(self.refuse(
                    &place,
                    "a comma or a closing brace } is missing before this",
                ));
            }
        }
        Ok(table)
    }

    fn keyed(&mut self, table: &mut Table, depth: usize) -> Result<(), Unreadable> {
        let key = self.expression(depth)?;
        if !self.accept("]") || !self.accept("=") {
            return Err(self.refuse(&key.place, "expected [KEY] = VALUE"));
        }
        let value = self.expression(depth)?;
        if let Value::Text(name) | Value::Number(name) = key.value {
            table.fields.push((name, value));
        }
        Ok(())
    }

    fn skip_brackets(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Sign("(" | "[" | "{") => depth += 1,
                Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Steps over a program, up to its `end` or, where it has none, to the next line that begins a statement.
    fn skip_program(&mut self, keyword: &str) {
        let mut depth = match keyword {
            "local" if self.is_name("function") => {
                self.at += 1;
                1
            }
            "if" | "for" | "while" | "do" | "function" | "repeat" => 1_usize,
            _ => return self.recover(),
        };
        // The `do` of a loop belongs to it.
        let mut loops = usize::from(matches!(keyword, "for" | "while"));
        while let Some(token) = self.peek().cloned() {
            self.at += 1;
            let Token::Name(name) = token else { continue };
            match name.as_str() {
                "for" | "while" => {
                    loops += 1;
                    depth += 1;
                }
                "do" if loops > 0 => loops -= 1,
                "if" | "function" | "repeat" | "do" => depth += 1,
                "end" | "until" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                if name == "until" {
                    self.recover();
                }
                return;
            }
        }
    }

    /// Goes to the next line that looks like the begin of a statement outside of all braces.
    fn recover(&mut self) {
        while let Some(word) = self.word(0) {
            let next = self.word(1).map(|word| &word.token);
            let section = |name: &str| ["VirtualHost", "Component", "Include"].contains(&name);
            let begins = match &word.token {
                Token::Name(name) if section(name) => true,
                Token::Name(_) => next == Some(&Token::Sign("=")) && !self.is_inside(),
                _ => false,
            };
            if word.starts_line && begins {
                return;
            }
            self.at += 1;
        }
    }

    /// Whether a `NAME = ...` here ends in a comma or belongs to a table, as far as one can see.
    fn is_inside(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        matches!(before.map(|word| &word.token), Some(Token::Sign("{" | ",")))
    }
}
