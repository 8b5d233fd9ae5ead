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

use crate::conditions::Parameter;
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
    /// Rules whose load is a test; the last stands in the reference.
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

/// An address that an action sends to.
fn address(text: &str) -> Result<Jid, Refusal> {
    Jid::new(text.trim())
        .map_err(|error| Refusal::invalid(format!("malformed JID: {}", text.trim())).help(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_loads() {
        for spec in ALL {
            assert_eq!(crate::world::load_errors(spec.example), Vec::<String>::new(), "{}", spec.name);
        }
    }
}
