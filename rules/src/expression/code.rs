//! `$(code)`: a closed set of forms that look like Lua and mean what Lua would give.
//!
//! Anything else is refused when the script is loaded (firewall language, section 7.2).

use std::borrow::Cow;

use crate::address::split;
use crate::diagnostic::Code;
use crate::facts::OriginKind;
use crate::path::readable;
use crate::refusal::Refusal;
use crate::run::{PathId, Run};

/// Alternatives, tried from left to right.
#[derive(Debug)]
pub(super) struct CodeExpression {
    alternatives: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Session(SessionField),
    Stanza,
    TopTag,
    Name,
    Path(PathId),
    Local(Local),
    CurrentHost,
}

#[derive(Clone, Copy, Debug)]
enum SessionField {
    Type,
    Host,
    Username,
    Resource,
    FullJid,
    FromHost,
    ToHost,
    Ip,
    Id,
    Secure,
}

#[derive(Clone, Copy, Debug)]
enum Local {
    To,
    From,
    Type,
    BareTo,
    BareFrom,
    ToHost,
    FromHost,
    ToNode,
    FromNode,
}

type Intern<'i> = &'i mut dyn FnMut(&str) -> Result<PathId, Refusal>;

impl CodeExpression {
    pub(super) fn parse(text: &str, intern: Intern<'_>) -> Result<Self, Refusal> {
        let unsupported = || {
            Refusal::new(Code::Expression, format!("unsupported code expression: $({text})")).help(
                "supported are session.*, stanza, stanza.attr.*, stanza:top_tag(), stanza:get_child_text(), \
                 stanza:find(), module.host and `or` between them",
            )
        };
        let mut alternatives = Vec::new();
        for piece in split_or(text) {
            alternatives.push(term(piece.trim(), intern)?.ok_or_else(unsupported)?);
        }
        Ok(Self { alternatives })
    }

    /// The first alternative that is not nil, or `nil`.
    pub(super) fn value<'r, 'a: 'r>(&'r self, run: &mut Run<'a>) -> Cow<'r, str> {
        for term in &self.alternatives {
            if let Some(value) = term.value(run) {
                return value;
            }
        }
        Cow::Borrowed("nil")
    }
}

/// Splits at the word `or` outside of quotes.
fn split_or(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None if text.get(at..).is_some_and(|rest| rest.starts_with(" or ")) => {
                pieces.push(text.get(start..at).unwrap_or_default());
                start = at + 4;
            }
            None => {}
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

fn term(text: &str, intern: Intern<'_>) -> Result<Option<Term>, Refusal> {
    if let Some(quoted) = quoted(text) {
        return Ok(Some(Term::Text(quoted.to_owned())));
    }
    if let Some(field) = text.strip_prefix("session.") {
        return Ok(session_field(field).map(Term::Session));
    }
    if let Some(attribute) = text
        .strip_prefix("stanza.attr.")
        .filter(|name| is_identifier(name))
    {
        return intern(&format!("@{attribute}")).map(|path| Some(Term::Path(path)));
    }
    if let Some(index) = text
        .strip_prefix("stanza.attr[")
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return match quoted(index.trim()) {
            Some(name) => intern(&format!("@{name}")).map(|path| Some(Term::Path(path))),
            None => Ok(None),
        };
    }
    if let Some(call) = text.strip_prefix("stanza:") {
        return method(call, intern);
    }
    Ok(match text {
        "stanza" => Some(Term::Stanza),
        "stanza.name" | "name" => Some(Term::Name),
        "module.host" | "current_host" => Some(Term::CurrentHost),
        _ => local(text).map(Term::Local),
    })
}

fn method(call: &str, intern: Intern<'_>) -> Result<Option<Term>, Refusal> {
    let Some((name, arguments)) = call.split_once('(') else {
        return Ok(None);
    };
    let Some(arguments) = arguments.strip_suffix(')') else {
        return Ok(None);
    };
    if name == "top_tag" && arguments.trim().is_empty() {
        return Ok(Some(Term::TopTag));
    }
    let arguments: Option<Vec<&str>> = arguments
        .split(',')
        .map(|argument| quoted(argument.trim()))
        .collect();
    let path = match (name, arguments.as_deref()) {
        ("get_child_text", Some([name])) if is_simple(name) => format!("{name}#"),
        ("get_child_text", Some([name, ns])) if is_simple(name) => format!("{{{ns}}}{name}#"),
        ("find", Some([path])) => (*path).to_owned(),
        _ => return Ok(None),
    };
    intern(&path).map(|path| Some(Term::Path(path)))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// True for an element name that a path does not read as something else.
fn is_simple(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '#', '@', '{'])
}

/// The inside of a quoted string without escapes.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = text.get(1..)?.strip_suffix(quote)?;
    (!inside.contains([quote, '\\'])).then_some(inside)
}

fn session_field(name: &str) -> Option<SessionField> {
    Some(match name {
        "type" => SessionField::Type,
        "host" => SessionField::Host,
        "username" => SessionField::Username,
        "resource" => SessionField::Resource,
        "full_jid" => SessionField::FullJid,
        "from_host" => SessionField::FromHost,
        "to_host" => SessionField::ToHost,
        "ip" => SessionField::Ip,
        "id" => SessionField::Id,
        "secure" => SessionField::Secure,
        _ => return None,
    })
}

fn local(name: &str) -> Option<Local> {
    Some(match name {
        "to" => Local::To,
        "from" => Local::From,
        "type" => Local::Type,
        "bare_to" => Local::BareTo,
        "bare_from" => Local::BareFrom,
        "to_host" => Local::ToHost,
        "from_host" => Local::FromHost,
        "to_node" => Local::ToNode,
        "from_node" => Local::FromNode,
        _ => return None,
    })
}

impl Term {
    fn value<'r, 'a: 'r>(&'r self, run: &mut Run<'a>) -> Option<Cow<'r, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Session(field) => field.value(run),
            Self::Stanza => {
                run.budget.take(run.current().size() as u64 / 8);
                let mut xml = Vec::new();
                run.current().write_to(&mut xml);
                Some(Cow::Owned(readable(&xml)))
            }
            Self::TopTag => {
                let mut xml = Vec::new();
                run.current().write_start_tag(&mut xml);
                Some(Cow::Owned(readable(&xml)))
            }
            Self::Name => Some(Cow::Borrowed(run.stanza.kind().name())),
            Self::Path(path) => run.string(*path),
            Self::Local(local) => local.value(run).map(Cow::Borrowed),
            Self::CurrentHost => Some(Cow::Owned(run.ruleset.host().to_owned())),
        }
    }
}

impl SessionField {
    fn value<'a>(self, run: &Run<'a>) -> Option<Cow<'a, str>> {
        let origin = run.origin;
        let own = origin.full_jid.and_then(split);
        match self {
            Self::Type => Some(Cow::Borrowed(origin.kind.name())),
            Self::Host => match origin.kind {
                OriginKind::ServerInbound
                | OriginKind::ServerInboundUnauthenticated
                | OriginKind::ServerOutbound => None,
                _ => origin.host.map(Cow::Borrowed),
            },
            Self::Username => own.and_then(|parts| parts.node).map(Cow::Borrowed),
            Self::Resource => own.and_then(|parts| parts.resource).map(Cow::Borrowed),
            Self::FullJid => origin.full_jid.map(Cow::Borrowed),
            Self::FromHost => origin.from_host.map(Cow::Borrowed),
            Self::ToHost => origin.to_host.map(Cow::Borrowed),
            Self::Ip => origin.ip.map(|ip| Cow::Owned(ip.to_string())),
            Self::Id => origin.id.map(|id| Cow::Owned(id.to_string())),
            Self::Secure => origin.is_secure.then_some(Cow::Borrowed("true")),
        }
    }
}

impl Local {
    fn value<'a>(self, run: &Run<'a>) -> Option<&'a str> {
        match self {
            Self::To => run.to.text,
            Self::From => run.from.text,
            Self::Type => run.type_attr,
            Self::BareTo => run.to.bare(),
            Self::BareFrom => run.from.bare(),
            Self::ToHost => run.to.host(),
            Self::FromHost => run.from.host(),
            Self::ToNode => run.to.node(),
            Self::FromNode => run.from.node(),
        }
    }
}
