//! The counters of a ruleset with the names of what they count.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher};

use ahash::{AHashMap, RandomState};

use crate::counters::{ChainTotals, RuleTotals};
use crate::program::{Chain, Part, Rule, Ruleset};

/// What a rule has done.
#[derive(Clone, Copy)]
pub struct RuleCount<'r> {
    /// Name of the script.
    pub script: &'r str,
    /// Name of the chain.
    pub chain: &'r str,
    /// First line of the rule.
    pub line: u32,
    /// How often its chain was run in this script: stanzas that could have reached it.
    pub runs: u64,
    /// What it did.
    pub totals: RuleTotals,
    rule: &'r Rule,
}

impl RuleCount<'_> {
    /// Conditions and actions as written, each behind a ` / `, cut to `bytes`.
    #[must_use]
    pub fn text(&self, bytes: usize) -> String {
        let mut text = String::new();
        for line in self.rule.lines() {
            if !text.is_empty() {
                text.push_str(" / ");
            }
            text.push_str(line);
            if text.len() > bytes {
                text.truncate(text.floor_char_boundary(bytes));
                text.push('…');
                break;
            }
        }
        text
    }
}

impl std::fmt::Debug for RuleCount<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleCount")
            .field("script", &self.script)
            .field("chain", &self.chain)
            .field("line", &self.line)
            .field("runs", &self.runs)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

/// What became of the stanzas of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainCount<'r> {
    /// Name of the chain.
    pub chain: &'r str,
    /// By outcome.
    pub totals: ChainTotals,
}

impl Rule {
    /// Its conditions and actions as written.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let checks = self.checks.iter().map(|check| &*check.text);
        checks.chain(self.steps.iter().map(|step| &*step.text))
    }
}

/// What a rule is recognised by in another version of its script.
type Identity<'r> = (&'r str, &'r str, u64);

impl Ruleset {
    /// What each rule has done since it was loaded or reset, by chain and script in the order of their rules.
    #[must_use]
    pub fn rule_counts(&self) -> Vec<RuleCount<'_>> {
        let (totals, runs) = (self.counters.rules(), self.counters.parts());
        self.numbered()
            .map(|(chain, part, number, rule)| RuleCount {
                script: self.script_name(part.script),
                chain: &chain.name,
                line: rule.line,
                runs: runs.get(part.number).copied().unwrap_or(0),
                totals: totals.get(number).copied().unwrap_or_default(),
                rule,
            })
            .collect()
    }

    /// Scripts and chains that hold rules, as pairs of their names.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.chains.iter().flat_map(|chain| {
            let parts = chain.parts.iter();
            parts.map(|part| (self.script_name(part.script), &*chain.name))
        })
    }

    /// What became of the stanzas that the server ran each chain for. Chains that only rules jump to have none.
    pub fn chain_counts(&self) -> impl Iterator<Item = ChainCount<'_>> {
        let hooks = self.chains.iter().enumerate();
        hooks
            .filter(|(_, chain)| !chain.parts.is_empty() && !chain.name.starts_with("user/"))
            .map(|(number, chain)| ChainCount {
                chain: &chain.name,
                totals: self.counters.chain(number),
            })
    }

    /// Has the counters of rules begin anew: of one script, or of all. What became of stanzas goes on being counted.
    /// Returns how many rules that are.
    pub fn reset_counts(&self, script: Option<&str>) -> usize {
        let is_meant =
            |part: &Part| script.is_none_or(|script| script == self.script_name(part.script));
        let rules: Vec<usize> = self
            .numbered()
            .filter(|(_, part, ..)| is_meant(part))
            .map(|(_, _, number, _)| number)
            .collect();
        let parts = self.chains.iter().flat_map(|chain| &chain.parts);
        let parts = parts.filter(|part| is_meant(part)).map(|part| part.number);
        self.counters.reset(rules.iter().copied(), parts);
        rules.len()
    }

    /// Goes on with what `previous` has counted: for rules with the same text in the same chain and script, and for
    /// chains of the same name. To be called once, when this ruleset has taken the place of the other.
    pub fn adopt_counts(&self, previous: &Self) {
        let hasher = RandomState::new();
        let totals = previous.counters.rules();
        let mut known: AHashMap<Identity<'_>, VecDeque<RuleTotals>> = AHashMap::new();
        for (chain, part, number, rule) in previous.numbered() {
            let of_rule = totals.get(number).copied().unwrap_or_default();
            let identity = previous.identity(&hasher, chain, part, rule);
            known.entry(identity).or_default().push_back(of_rule);
        }
        let runs = previous.counters.parts();
        let mut parts: AHashMap<(&str, &str), u64> = AHashMap::new();
        for (chain, part) in previous.all_parts() {
            let of_part = runs.get(part.number).copied().unwrap_or(0);
            parts.insert((previous.script_name(part.script), &chain.name), of_part);
        }
        let chains: AHashMap<&str, ChainTotals> = previous
            .chain_counts()
            .map(|count| (count.chain, count.totals))
            .collect();
        self.counters.carry(
            self.numbered().filter_map(|(chain, part, number, rule)| {
                let same = known.get_mut(&self.identity(&hasher, chain, part, rule))?;
                Some((number, same.pop_front()?))
            }),
            self.all_parts().filter_map(|(chain, part)| {
                let key = (self.script_name(part.script), &*chain.name);
                Some((part.number, *parts.get(&key)?))
            }),
            self.chains
                .iter()
                .enumerate()
                .filter_map(|(number, chain)| Some((number, *chains.get(&*chain.name)?))),
        );
    }

    fn all_parts(&self) -> impl Iterator<Item = (&Chain, &Part)> {
        self.chains
            .iter()
            .flat_map(|chain| chain.parts.iter().map(move |part| (chain, part)))
    }

    /// All rules with their numbers.
    fn numbered(&self) -> impl Iterator<Item = (&Chain, &Part, usize, &Rule)> {
        self.all_parts().flat_map(|(chain, part)| {
            let rules = (part.first_rule..).zip(&part.rules);
            rules.map(move |(number, rule)| (chain, part, number, rule))
        })
    }

    fn identity<'r>(
        &'r self,
        hasher: &RandomState,
        chain: &'r Chain,
        part: &Part,
        rule: &Rule,
    ) -> Identity<'r> {
        let mut hash = hasher.build_hasher();
        rule.lines().for_each(|line| line.hash(&mut hash));
        (self.script_name(part.script), &chain.name, hash.finish())
    }
}

#[cfg(test)]
mod tests;
