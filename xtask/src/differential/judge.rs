//! Is a difference one that is meant?

use std::collections::BTreeSet;

use anyhow::Result;

use super::case::{Answer, Case};
use super::ours;
use super::real::Real;

/// What the comparison of one case says.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// No difference; true if the script was rejected by both.
    Same(bool),
    /// The difference vanishes when these quirks of the real module are cured, and not with fewer.
    Quirks(BTreeSet<String>),
    /// A difference that nothing explains.
    Different {
        /// The real one, as it is.
        real: Answer,
        /// The real one with all quirks cured.
        cured: Answer,
        /// Ours.
        ours: Answer,
    },
}

/// Code that ours refuses by design; the real one runs any Lua.
const REFUSED_CODE: &str = "unsupported code expression";

/// Runs a case on both sides and looks for the cause of what differs.
pub(crate) fn judge(real: &mut Real, case: &Case) -> Result<Verdict> {
    let ours = ours::run(case);
    let plain = real.run(case, &[])?;
    if Answer::agrees(&plain, &ours) {
        return Ok(Verdict::Same(matches!(ours, Answer::Rejected { .. })));
    }
    let all = real.cures().to_vec();
    let cured = real.run(case, &all)?;
    if !Answer::agrees(&cured, &ours) {
        if is_refused_code(&ours) {
            return Ok(Verdict::Quirks(BTreeSet::from(["code".to_owned()])));
        }
        return Ok(Verdict::Different {
            real: plain,
            cured,
            ours,
        });
    }
    Ok(Verdict::Quirks(fewest(real, case, &ours, all)?))
}

fn is_refused_code(ours: &Answer) -> bool {
    match ours {
        Answer::Rejected { messages, .. } => messages.iter().all(|m| m.contains(REFUSED_CODE)),
        Answer::Ran(_) => false,
    }
}

/// Leaves out cures, half of them and then fewer at a time, as long as the rest explains the difference.
fn fewest(
    real: &mut Real,
    case: &Case,
    ours: &Answer,
    mut needed: Vec<String>,
) -> Result<BTreeSet<String>> {
    let mut size = needed.len().div_ceil(2);
    loop {
        let mut at = 0;
        while at < needed.len() {
            let end = (at + size).min(needed.len());
            let rest: Vec<String> = [&needed[..at], &needed[end..]].concat();
            if Answer::agrees(&real.run(case, &rest)?, ours) {
                needed = rest;
            } else {
                at = end;
            }
        }
        if size == 1 {
            return Ok(needed.into_iter().collect());
        }
        size = size.div_ceil(2);
    }
}

/// The smallest case that still differs: steps and lines are left out as long as it does.
pub(crate) fn shrink(real: &mut Real, case: &Case) -> Result<Case> {
    let mut case = case.clone();
    let mut differs = |case: &Case| -> Result<bool> {
        Ok(matches!(judge(real, case)?, Verdict::Different { .. }))
    };
    let mut has_shrunk = true;
    while has_shrunk {
        has_shrunk = false;
        let mut at = 0;
        while at < case.steps.len() {
            let mut smaller = case.clone();
            smaller.steps.remove(at);
            if differs(&smaller)? {
                (case, has_shrunk) = (smaller, true);
            } else {
                at += 1;
            }
        }
        let mut at = 0;
        loop {
            let mut lines: Vec<&str> = case.script.split('\n').collect();
            if at >= lines.len() || case.script.is_empty() {
                break;
            }
            lines.remove(at);
            let mut smaller = case.clone();
            smaller.script = lines.join("\n");
            if differs(&smaller)? {
                (case, has_shrunk) = (smaller, true);
            } else {
                at += 1;
            }
        }
    }
    Ok(case)
}
