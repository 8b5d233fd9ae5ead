//! The world in which a stanza is seen, written as text: for `%TEST` blocks, and for trying rules out.
//!
//! One statement stands on a line, `keyword subject: value`; the lines are those of scripts (comments, empty lines
//! and continuation as there). [`STATEMENTS`] lists all of them. Most stanzas need none: what is not said is
//! deduced from the stanza itself by [`Context::place`].
//!
//! ```
//! use rules::{NoFiles, Options, context::Context, compile};
//! use xmpp::{stanza::Stanza, xml::Limits};
//!
//! let mut context = Context::parse("roster juliet@example.com: romeo@example.net both groups Friends").unwrap();
//! let compiled = compile("example.com", &[], &Options::default(), &NoFiles, None);
//! assert!(context.bind(&compiled.ruleset).is_empty());
//! let text = b"<message from='romeo@example.net/orchard' to='juliet@example.com'/>";
//! let mut stanza = Stanza::from_xml(text, &Limits::default()).unwrap();
//! let place = context.place(&mut stanza);
//! assert_eq!((place.host.as_str(), place.chain.as_str()), ("example.com", "deliver"));
//! let outcome = compiled.ruleset.run(&place.chain, &stanza, &context.world);
//! ```

mod moment;
mod place;
mod sessions;
mod statements;
mod words;

use std::time::Duration;

use crate::diagnostic::{Code, Diagnostic};
use crate::facts::Timestamp;
use crate::program::Ruleset;
use crate::refusal::Refusal;
use crate::syntax::lexer::{self, Line};
use crate::syntax::span::Span;
use crate::world::World;

pub(crate) use moment::parse_span;
pub use place::Place;
pub use statements::{STATEMENTS, Statement};

/// Lines that one context may hold.
pub const MAX_LINES: usize = 10_000;

/// A world, and from where and into which chain the next stanza comes.
#[derive(Clone, Debug)]
pub struct Context {
    /// The world so far; [`Self::place`] sets its origin.
    pub world: World,
    /// The chain that stanzas run through; `None`: as [`Self::place`] deduces.
    pub chain: Option<String>,
    host: String,
    has_hosts: bool,
    /// The session that all stanzas come from, if that was said.
    origin: Option<String>,
    /// Marks for the origin of the next stanza, and for its account.
    origin_marks: Vec<(String, Timestamp)>,
    account_marks: Vec<(String, Timestamp)>,
    lists: Vec<Listed>,
    chain_span: Span,
}

/// Entries that a list is said to hold.
#[derive(Clone, Debug)]
struct Listed {
    list: String,
    entry: String,
    span: Span,
}

impl Default for Context {
    fn default() -> Self {
        Self::for_hosts(["example.com".to_owned()])
    }
}

impl Context {
    /// An empty world with these local hosts, of which the first is the one whose rules run; statements may name
    /// others. Without any it is `example.com`.
    #[must_use]
    pub fn for_hosts(hosts: impl IntoIterator<Item = String>) -> Self {
        let mut hosts = hosts.into_iter().peekable();
        let host = hosts.peek().cloned();
        let mut world = World::default();
        if host.is_some() {
            world.hosts = hosts.collect();
        }
        Self {
            world,
            chain: None,
            host: host.unwrap_or_else(|| "example.com".to_owned()),
            has_hosts: false,
            origin: None,
            origin_marks: Vec::new(),
            account_marks: Vec::new(),
            lists: Vec::new(),
            chain_span: Span::default(),
        }
    }

    /// Reads a whole context.
    ///
    /// # Errors
    /// Every mistake in it, with its place and what to write instead.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut context = Self::default();
        let mistakes = context.read(text);
        if mistakes.is_empty() {
            Ok(context)
        } else {
            Err(mistakes)
        }
    }

    /// Adds what a text says to this context; answers with the mistakes in it.
    pub fn read(&mut self, text: &str) -> Vec<Diagnostic> {
        let mut mistakes = Vec::new();
        for (number, line) in lexer::lines(text).iter().enumerate() {
            if line.text.is_empty() || line.text.starts_with(['#', ';']) {
                continue;
            }
            if number >= MAX_LINES {
                let refusal = mistake(format!("a context has at most {MAX_LINES} lines"));
                mistakes.push(placed(refusal, line.span));
                break;
            }
            mistakes.extend(self.line(line).err());
        }
        mistakes
    }

    /// The host whose rules run: the first one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        let nanoseconds = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let now = self.world.now.nanoseconds().saturating_add(nanoseconds);
        self.world.now = Timestamp::from_nanoseconds(now);
    }

    /// Puts the entries of `list` statements into the lists of a ruleset that serves no live traffic, and answers
    /// with what the ruleset does not know.
    #[must_use]
    pub fn bind(&self, ruleset: &Ruleset) -> Vec<Diagnostic> {
        self.bind_lists(&self.lists, ruleset)
    }

    fn bind_lists(&self, lists: &[Listed], ruleset: &Ruleset) -> Vec<Diagnostic> {
        let mut mistakes = fill(lists, ruleset);
        let is_known = |chain: &str| {
            ["preroute", "deliver", "deliver_remote"].contains(&chain)
                || ruleset.names.contains_key(chain)
        };
        if let Some(chain) = self.chain.as_deref().filter(|chain| !is_known(chain)) {
            let known = ruleset
                .chains()
                .chain(["preroute", "deliver", "deliver_remote"]);
            let message = format!("no script has a chain {chain}");
            mistakes.push(
                Diagnostic::error(Code::Context, self.chain_span, message)
                    .with_nearest(chain, known),
            );
        }
        mistakes
    }

    /// As [`Self::bind`], for the lists behind the first `bound`, which then counts all.
    pub(crate) fn bind_new(&self, ruleset: &Ruleset, bound: &mut usize) -> Vec<Diagnostic> {
        let lists = self.lists.get(*bound..).unwrap_or_default();
        *bound = self.lists.len();
        self.bind_lists(lists, ruleset)
    }

    /// Reads one statement.
    pub(crate) fn line(&mut self, line: &Line<'_>) -> Result<(), Diagnostic> {
        self.statement(line)
            .map_err(|(refusal, span)| placed(refusal, span))
    }
}

fn fill(lists: &[Listed], ruleset: &Ruleset) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for listed in lists {
        let mut is_known = false;
        for list in ruleset.objects().lists(&listed.list) {
            list.hold(listed.entry.as_bytes());
            is_known = true;
        }
        if !is_known {
            let message = format!("no script defines a list {}", listed.list);
            let mistake = Diagnostic::error(Code::Context, listed.span, message);
            mistakes.push(mistake.with_nearest(&listed.list, ruleset.objects().names("LIST")));
        }
    }
    mistakes
}

fn mistake(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::Context, message)
}

fn placed(refusal: Refusal, span: Span) -> Diagnostic {
    let made = Diagnostic::error(refusal.code, span, refusal.message);
    match refusal.help {
        Some(help) => made.with_help(help),
        None => made,
    }
}

#[cfg(test)]
mod tests;
