//! `INJECT`: add a child.

use bytes::Bytes;
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::diagnostic::Code;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "INJECT",
    parameter: Parameter::Required("Expected an XML element to inject"),
    syntax: "INJECT=<element xmlns='...'>...</element>",
    summary: "One well-formed XML element is added behind the stanza's children. Without `xmlns` it is in the stanza's own namespace.",
    example: "KIND: message
INJECT=<no-store xmlns='urn:xmpp:hints'/>

PAYLOAD: urn:xmpp:hints
LOG=marked as not to be stored

%TEST later rules see the new child: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
logged: marked as not to be stored
",
    parse,
};

#[derive(Debug)]
struct Inject {
    /// The element in canonical form.
    content: Bytes,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let (value, dropped) = tolerated(required(value).trim());
    for attribute in dropped {
        scope.warn(
            Code::Suspicious,
            format!("the attribute `{attribute}` has blanks around its `=` and is left out, as mod_firewall does"),
        );
    }
    let xml = format!("<message xmlns='jabber:client'>{value}</message>");
    let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default())
        .map_err(|error| Refusal::invalid(format!("malformed XML: {error}")))?;
    if stanza.children().count() != 1 || stanza.nodes().count() != 1 {
        return Err(Refusal::invalid("INJECT takes exactly one element"));
    }
    Ok(Box::new(Inject {
        content: stanza.content().clone(),
    }))
}

/// Cuts attributes such as `a = '1'` out of the tags and escapes `<` in the others; answers with the names of those
/// that were cut too.
fn tolerated(xml: &str) -> (String, Vec<String>) {
    let mut out = String::with_capacity(xml.len());
    let mut dropped = Vec::new();
    let mut rest = xml;
    let mut is_in_tag = false;
    while let Some(c) = rest.chars().next() {
        if is_in_tag
            && c.is_ascii_whitespace()
            && let Some((name, behind)) = spaced_attribute(rest)
        {
            dropped.push(name.to_owned());
            rest = behind;
            continue;
        }
        let mut length = c.len_utf8();
        let is_quote = is_in_tag && matches!(c, '"' | '\'');
        if is_quote {
            length = rest
                .get(1..)
                .and_then(|inside| inside.find(c))
                .map_or(rest.len(), |at| at + 2);
        } else {
            is_in_tag = (is_in_tag || c == '<') && c != '>';
        }
        let (copied, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        // Scripts write expressions such as `$<@from>` into attributes, where they stay literal.
        out.push_str(&if is_quote {
            copied.replace('<', "&lt;")
        } else {
            copied.to_owned()
        });
        rest = behind;
    }
    (out, dropped)
}

/// ` name = 'value'` with a blank on at least one side of the `=`.
fn spaced_attribute(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/' | '<'))?;
    let (name, behind) = text.split_at_checked(end)?;
    let equals = behind.trim_start();
    let value = equals.strip_prefix('=')?;
    let trimmed = value.trim_start();
    let is_spaced = equals.len() < behind.len() || trimmed.len() < value.len();
    let quote = trimmed.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (_, behind) = trimmed.get(1..)?.split_once(quote)?;
    (is_spaced && !name.is_empty()).then_some((name, behind))
}

impl Action for Inject {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        run.edit(|stanza| {
            stanza.append_content(&self.content);
        });
        Flow::Continue
    }
}
