//! `$<path|function|function||"default">`.

use std::borrow::Cow;

use crate::address::{Party, split};
use crate::diagnostic::Code;
use crate::refusal::Refusal;
use crate::run::{PathId, Run};

/// What an absent value is rendered as.
const UNDEFINED: &str = "<undefined>";

#[derive(Debug)]
pub(super) struct StanzaExpression {
    source: Source,
    functions: Vec<Function>,
    default: Option<String>,
}

#[derive(Debug)]
enum Source {
    To,
    From,
    Type,
    Path(PathId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Bare,
    Node,
    Host,
    Resource,
}

impl Function {
    fn named(name: &str) -> Result<Self, Refusal> {
        Ok(match name {
            "bare" => Self::Bare,
            "node" => Self::Node,
            "host" => Self::Host,
            "resource" => Self::Resource,
            _ => {
                return Err(
                    Refusal::new(Code::Expression, format!("unknown function: {name}"))
                        .help("the functions are bare, node, host and resource; a default is in quotes, as in `||\"none\"`"),
                );
            }
        })
    }

    fn of_party<'a>(self, party: &Party<'a>) -> Option<&'a str> {
        match self {
            Self::Bare => party.bare(),
            Self::Node => party.node(),
            Self::Host => party.host(),
            Self::Resource => party.resource(),
        }
    }

    fn apply(self, text: Cow<'_, str>) -> Option<Cow<'_, str>> {
        match text {
            Cow::Borrowed(text) => self.slice(text).map(Cow::Borrowed),
            Cow::Owned(text) => self.slice(&text).map(|part| Cow::Owned(part.to_owned())),
        }
    }

    fn slice(self, text: &str) -> Option<&str> {
        let parts = split(text)?;
        match self {
            Self::Bare => Some(parts.bare),
            Self::Node => parts.node,
            Self::Host => Some(parts.host),
            Self::Resource => parts.resource,
        }
    }
}

impl StanzaExpression {
    pub(super) fn parse(
        text: &str,
        intern: &mut dyn FnMut(&str) -> Result<PathId, Refusal>,
    ) -> Result<Self, Refusal> {
        let (text, default) = split_default(text);
        let is_function = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'|';
        // The first bar with nothing but names of functions behind it.
        let names = text.bytes().rev().take_while(|&byte| is_function(byte));
        let tail = text.len() - names.count();
        let chain = text
            .get(tail..)
            .and_then(|names| names.find('|'))
            .map(|at| tail + at)
            .filter(|at| at + 1 < text.len());
        let (path, functions) = match chain {
            Some(at) => (
                text.get(..at).unwrap_or(text),
                text.get(at..).unwrap_or_default(),
            ),
            None => (text, ""),
        };
        let functions = functions
            .split('|')
            .filter(|name| !name.is_empty())
            .map(Function::named)
            .collect::<Result<_, _>>()?;
        let source = match path {
            "@to" => Source::To,
            "@from" => Source::From,
            "@type" => Source::Type,
            path => Source::Path(intern(path)?),
        };
        Ok(Self {
            source,
            functions,
            default,
        })
    }

    /// The value if it is an address of the stanza or a part of one: borrowed, and the common case.
    pub(super) fn address<'a>(&self, run: &Run<'a>) -> Option<&'a str> {
        let party = match self.source {
            Source::To => &run.to,
            Source::From => &run.from,
            _ => return None,
        };
        match self.functions[..] {
            [] => party.text,
            [function] => function.of_party(party),
            _ => None,
        }
    }

    pub(super) fn value<'r, 'a: 'r>(&'r self, run: &mut Run<'a>) -> Cow<'r, str> {
        let value = match self.source {
            Source::To => run.to.text.map(Cow::Borrowed),
            Source::From => run.from.text.map(Cow::Borrowed),
            Source::Type => run.type_attr.map(Cow::Borrowed),
            Source::Path(path) if self.functions.is_empty() => run.string(path),
            Source::Path(path) => run.plain_text(path),
        };
        let value = self
            .functions
            .iter()
            .try_fold(value, |value, function| {
                Some(value.and_then(|text| function.apply(text)))
            })
            .flatten();
        value.unwrap_or_else(|| Cow::Borrowed(self.default.as_deref().unwrap_or(UNDEFINED)))
    }
}

/// Cuts `||"..."` off the end.
fn split_default(text: &str) -> (&str, Option<String>) {
    let Some((path, quoted)) = text.split_once("||\"") else {
        return (text, None);
    };
    let Some(quoted) = quoted.strip_suffix('"') else {
        return (text, None);
    };
    let mut default = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(c) = characters.next() {
        match (c, characters.as_str().chars().next()) {
            ('\\', Some(escaped @ ('"' | '\\'))) => {
                default.push(escaped);
                characters.next();
            }
            _ => default.push(c),
        }
    }
    (path, Some(default))
}
