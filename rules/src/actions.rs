//! The actions of the language: one file each, and the table of all of them.

mod add_to;
mod bounce;
mod copy;
mod default;
mod drop;
mod event;
mod forward;
mod inject;
mod jump_chain;
mod jump_event;
mod log;
mod mark_origin;
mod mark_user;
mod pass;
mod redirect;
mod remove_from;
mod reply;
mod report_to;
mod return_;
mod strip;
mod tag_trace;
mod unmark_origin;
mod unmark_user;
mod unsubscribe_sender;

use xmpp::jid::Jid;
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use crate::conditions::Parameter;
use crate::diagnostic::Code;
use crate::facts::Needs;
use crate::program::Value;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

/// All actions, in the order of the reference.
pub(crate) const ALL: &[&Spec] = &[
    &pass::SPEC,
    &drop::SPEC,
    &default::SPEC,
    &return_::SPEC,
    &bounce::SPEC,
    &redirect::SPEC,
    &reply::SPEC,
    &copy::SPEC,
    &forward::SPEC,
    &report_to::SPEC,
    &strip::SPEC,
    &inject::SPEC,
    &mark_origin::SPEC,
    &unmark_origin::SPEC,
    &mark_user::SPEC,
    &unmark_user::SPEC,
    &add_to::SPEC,
    &remove_from::SPEC,
    &log::SPEC,
    &jump_chain::SPEC,
    &event::SPEC,
    &jump_event::SPEC,
    &unsubscribe_sender::SPEC,
    &tag_trace::SPEC,
];

/// Everything about an action but what it does.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The name in upper case with underscores.
    pub(crate) name: &'static str,
    pub(crate) parameter: Parameter,
    /// How it is written.
    pub(crate) syntax: &'static str,
    /// What it does, in Markdown.
    pub(crate) summary: &'static str,
    /// A script for the reference, with tests of its own that show what the action does.
    pub(crate) example: &'static str,
    pub(crate) parse: Parse,
}

/// Reads the value of an action.
pub(crate) type Parse = fn(&mut Scope<'_>, Option<&str>) -> Result<Box<dyn Action>, Refusal>;

/// The action of that name.
pub(crate) fn named(name: &str) -> Option<&'static Spec> {
    ALL.iter().find(|spec| spec.name == name).copied()
}

/// A compiled action.
pub(crate) trait Action: std::fmt::Debug + Send + Sync {
    /// Does it. `line` is where it stands.
    fn perform(&self, run: &mut Run<'_>, line: u32) -> Flow;

    /// Facts about accounts that it may ask for.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// True if nothing behind it in its rule can run.
    fn ends_rule(&self) -> bool {
        false
    }
}

/// Where to go after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// To the next action.
    Continue,
    /// Out of this chain; its caller goes on.
    Return,
    /// Out of this chain and of its callers; the stanza goes on.
    Pass,
    /// Out; the stanza counts as unhandled.
    Default,
    /// Out; the stanza is gone, and the run's verdict says how.
    Gone,
    /// As another chain has decided.
    Inherit(Value),
}

/// The value of an action whose parameter is required: the caller has made sure that there is one.
fn required(value: Option<&str>) -> &str {
    value.unwrap_or_default()
}

/// Where an action sends to.
#[derive(Debug)]
pub(crate) struct Target {
    /// `None` if the text is no address: the stanza is then answered as one with a malformed recipient.
    jid: Option<Jid>,
    text: String,
}

impl Target {
    fn parse(scope: &mut Scope<'_>, text: &str) -> Self {
        let text = text.trim();
        let jid = Jid::new(text).ok();
        if jid.is_none() {
            scope.warn(
                Code::Suspicious,
                format!(
                    "{text} is no JID, and expressions are not expanded here: nobody receives this"
                ),
            );
        }
        Self {
            jid,
            text: text.to_owned(),
        }
    }

    /// Addresses a stanza.
    fn address(&self, mut stanza: Stanza) -> Stanza {
        if let Some(jid) = &self.jid {
            stanza.set_to(Some(jid.clone()));
            return stanza;
        }
        let mut xml = Vec::new();
        stanza.write_with(&mut xml, stanza.from(), None);
        let name = stanza.kind().name();
        let rest = xml.get(name.len() + 1..).unwrap_or_default();
        let to = self
            .text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('\'', "&apos;");
        let mut addressed = format!("<{name} to='{to}'").into_bytes();
        addressed.extend_from_slice(rest);
        Stanza::from_xml(&addressed, &Limits::STORED).unwrap_or(stanza)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_loads() {
        for spec in ALL {
            assert_eq!(
                crate::world::load_errors(spec.example),
                Vec::<String>::new(),
                "{}",
                spec.name
            );
        }
    }
}
