//! The syntax tree: what stands in a script, before any name has a meaning.

use super::span::Span;

/// Text with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text itself.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `%KEYWORD name: value`.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `ZONE`, `LIST` and so on, as written.
    pub keyword: Text,
    /// The defined name.
    pub name: Text,
    /// The value, escapes not yet resolved.
    pub value: Text,
    /// True for `name:< path`: the value is the name of a file that holds it.
    pub is_file: bool,
    /// The whole line.
    pub span: Span,
}

/// `::name`.
#[derive(Clone, Debug)]
pub struct ChainSwitch {
    /// The chain's name.
    pub name: Text,
}

/// One condition line.
#[derive(Clone, Debug)]
pub struct Condition {
    /// True if the line holds the word `NOT`.
    pub negated: bool,
    /// The name with spaces for underscores and without `NOT`.
    pub name: Text,
    /// What follows the colon; `None` if nothing does.
    pub value: Option<Text>,
    /// The whole line.
    pub line: Text,
}

/// One action line.
#[derive(Clone, Debug)]
pub struct Action {
    /// The name in upper case with underscores.
    pub name: Text,
    /// What follows the equals sign; `None` if nothing does.
    pub value: Option<Text>,
    /// The whole line.
    pub line: Text,
}

/// Conditions that must all hold, and what is then done.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// In the order of the script.
    pub conditions: Vec<Condition>,
    /// In the order of the script; never empty in a parsed script.
    pub actions: Vec<Action>,
    /// From the first to the last line.
    pub span: Span,
}

/// `@@ key = value`.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The key.
    pub key: Text,
    /// The value.
    pub value: Text,
}

/// `%TEST name: verdict` and the lines below it.
#[derive(Clone, Debug)]
pub struct Test {
    /// What the test shows.
    pub name: Text,
    /// The verdict for every stanza that names none itself.
    pub verdict: Option<Text>,
    /// What stands below, without comments.
    pub lines: Vec<TestLine>,
    /// From the first to the last line; its line is that of the first.
    pub span: Span,
}

/// One line of a test, or several that are one stanza.
#[derive(Clone, Debug)]
pub enum TestLine {
    /// `keyword subject: value`
    Statement(Text),
    /// A stanza.
    Stanza(Text),
}

/// One thing of a script.
#[derive(Clone, Debug)]
pub enum Item {
    /// `%KEYWORD name: value`.
    Definition(Definition),
    /// `::name`.
    Chain(ChainSwitch),
    /// A rule.
    Rule(Rule),
    /// `%TEST name: verdict` and what belongs to it.
    Test(Test),
    /// `@@ key = value`.
    Metadata(Metadata),
}
