//! Actions that send a stanza back into the rule that sent it.

use super::{Seen, SeenCondition};
use crate::address::split;
use crate::conditions::words;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::ast::Action;

/// Conditions that a copy meets as the stanza did: they look at what a copy keeps.
const KEPT: [&str; 18] = [
    "KIND",
    "TYPE",
    "PAYLOAD",
    "FROM",
    "FROM EXACTLY",
    "FROM FULL JID",
    "FROM GROUP",
    "FROM ROLE",
    "FROM ADMIN",
    "FROM ADMIN OF",
    "FROM IP",
    "FROM SUBNET",
    "FROM COUNTRY",
    "MAY",
    "TIME",
    "DAY",
    "SCAN",
    "COUNT",
];

/// Warns about rules of `deliver` whose copies come back to them.
pub(super) fn run(rules: &[Seen<'_>], host: &str, out: &mut Vec<Diagnostic>) {
    let mut is_guarded = false;
    for rule in rules.iter().filter(|rule| rule.chain == "deliver") {
        if !is_guarded {
            out.extend(
                rule.rule
                    .actions
                    .iter()
                    .filter_map(|one| looping(rule, one, host)),
            );
        }
        // A rule above that decides by the recipient may be there to let copies through.
        is_guarded |= rule.ends && rule.conditions.iter().any(is_guard);
    }
}

/// True if the condition can tell a copy from its stanza by the recipient or a mark.
fn is_guard(condition: &SeenCondition<'_>) -> bool {
    let name = condition.name;
    name.starts_with("TO ")
        || name.ends_with("MARKED")
        || matches!(
            name,
            "TO" | "ENTERING" | "LEAVING" | "IN ROSTER" | "IN ROSTER GROUP"
        )
        || condition.value.contains("@to")
}

fn looping(rule: &Seen<'_>, action: &Action, host: &str) -> Option<Diagnostic> {
    let target = action.value.as_ref()?;
    let jid = target.text.split_whitespace().next()?;
    let jid = crate::jid_pattern::normalised(jid);
    if split(&jid)?.host != host {
        return None;
    }
    let returns = match action.name.text.as_str() {
        "COPY" | "REDIRECT" => rule.conditions.iter().all(|one| is_kept(one, &jid)),
        "FORWARD" | "REPORT_TO" => rule.conditions.iter().all(is_met_by_messages),
        _ => false,
    };
    if !returns {
        return None;
    }
    let what = action.name.text.replace('_', " ");
    let message = format!("what {what} sends to {jid} comes back to this rule, and is sent again");
    let help = if rule.conditions.iter().any(|one| one.value == jid) {
        "send it to another address".to_owned()
    } else {
        format!("put `NOT TO: {jid}` among the conditions")
    };
    let problem = Diagnostic::warning(Code::CopyLoop, action.line.span, message);
    Some(problem.with_help(help))
}

/// True if a copy to `jid` meets the condition as the stanza did.
fn is_kept(condition: &SeenCondition<'_>, jid: &str) -> bool {
    match condition.name {
        "TO" | "TO EXACTLY" => !condition.is_negated && condition.value == jid,
        "INSPECT" => !condition.value.starts_with("@to"),
        name => KEPT.contains(&name),
    }
}

/// True if every message of this server meets the condition.
fn is_met_by_messages(condition: &SeenCondition<'_>) -> bool {
    let has = |word| words(condition.value).any(|one| one == word) != condition.is_negated;
    match condition.name {
        "KIND" => has("message"),
        "TYPE" => has("normal"),
        _ => false,
    }
}
