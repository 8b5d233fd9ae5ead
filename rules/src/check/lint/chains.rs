//! Chains that nobody jumps to, and jumps to chains that nobody fills.

use super::{ChainSet, Surroundings};
use crate::check::Candidate;
use crate::check::script::RuleDraft;
use crate::diagnostic::{Code, Diagnostic};
use crate::shipped::{SHIPPED, shipped};
use crate::syntax::ast::Item;
use crate::syntax::span::Span;

/// What all scripts of a host do with chains.
#[derive(Default)]
pub(in crate::check) struct Chains {
    filled: ChainSet,
    jumped_to: ChainSet,
}

impl Chains {
    /// Looks at the rules of all scripts.
    pub(in crate::check) fn new(drafts: &[(u32, Vec<RuleDraft>)]) -> Self {
        let mut chains = Self::default();
        for draft in drafts.iter().flat_map(|(_, rules)| rules) {
            chains.filled.insert(draft.chain);
            chains.jumped_to.extend(draft.jumps.iter().copied());
        }
        chains
    }

    fn names<'c>(
        set: &'c ChainSet,
        chain_list: &'c [Box<str>],
    ) -> impl Iterator<Item = &'c str> + Clone {
        set.iter()
            .filter_map(|id| chain_list.get(id.0 as usize))
            .map(|name| &**name)
    }
}

pub(super) fn run(
    candidate: &Candidate,
    surroundings: &Surroundings<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let chains = surroundings.chains;
    let filled = Chains::names(&chains.filled, surroundings.chain_list);
    let is_own = |name: &str| name.starts_with("user/");
    let jumped_to = Chains::names(&chains.jumped_to, surroundings.chain_list);
    let mut current = "deliver";
    for item in &candidate.parsed.items {
        if let Item::Chain(switch) = item {
            current = &switch.name.text;
        }
        match item {
            Item::Rule(rule) => {
                for action in rule
                    .actions
                    .iter()
                    .filter(|one| one.name.text == "JUMP_CHAIN")
                {
                    let Some(value) = &action.value else { continue };
                    let name = value.text.trim();
                    if current == name {
                        out.push(circle(name, value.span));
                    }
                    let is_filled = filled.clone().any(|known| known == name);
                    let is_given = surroundings.given_chains.contains(&name);
                    if is_given || is_filled || is_announced(&candidate.text, name) {
                        continue;
                    }
                    let message = format!("no script has rules in the chain {name}");
                    let help = match is_own(name) {
                        true => format!(
                            "write `::{name}` above the rules that are meant, or name the chain in a comment if other \
                             scripts may fill it"
                        ),
                        false => "chains of scripts begin with user/".to_owned(),
                    };
                    let problem = Diagnostic::warning(Code::MissingChain, value.span, message);
                    let own = filled.clone().filter(|name| is_own(name));
                    let known = own.chain(surroundings.given_chains.iter().copied());
                    out.push(problem.with_help(help).with_nearest(name, known));
                }
            }
            Item::Chain(switch) if is_own(&switch.name.text) => {
                let name = switch.name.text.as_str();
                if !jumped_to.clone().any(|known| known == name) && !is_extension(name) {
                    let message = format!("nothing jumps to the chain {name}: its rules never run");
                    out.push(
                        Diagnostic::warning(Code::UnusedChain, switch.name.span, message)
                            .with_help(format!(
                                "write `JUMP CHAIN={name}` where they should run, or move them to another chain"
                            )),
                    );
                }
            }
            _ => {}
        }
    }
}

/// What is said of a jump to the chain that it stands in.
fn circle(chain: &str, span: Span) -> Diagnostic {
    let message = format!(
        "the chain {chain} jumps to itself: what comes here again is dropped at the hundredth jump"
    );
    Diagnostic::warning(Code::Suspicious, span, message)
        .with_help("jump to another chain, or leave it out")
}

/// True if a comment names the chain: it is there for other scripts to fill.
fn is_announced(script: &str, chain: &str) -> bool {
    let mut comments = script
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with(['#', ';']));
    comments.any(|line| line.contains(chain))
}

/// True if a script that ships leaves the chain to others: they may be loaded elsewhere.
fn is_extension(chain: &str) -> bool {
    let texts = SHIPPED.iter().filter_map(|name| shipped(name));
    let mut lines = texts.flat_map(str::lines);
    lines.any(|line| line.strip_prefix("JUMP CHAIN=") == Some(chain))
}
