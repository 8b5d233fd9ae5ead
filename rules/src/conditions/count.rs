//! `COUNT`: how often a pattern matches.

use crate::conditions::{Condition, Cost, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::lua_pattern::Pattern;
use crate::refusal::Refusal;
use crate::run::{PathId, Run};
use crate::scope::Scope;

const SYNTAX: &str = "Error parsing COUNT expression, syntax: PATTERN in SEARCH COMPARATOR";

pub(crate) const SPEC: Spec = Spec {
    name: "COUNT",
    parameter: Parameter::Required(SYNTAX),
    syntax: "COUNT: pattern in search > number",
    summary: "The number of matches of the pattern in the searched text compares so: `>`, `<`, `>=`, `<=`, `==` or `=`.",
    examples: &[
        Example {
            definitions: "%SEARCH body: body#\n%PATTERN url: https?://%S+",
            line: "COUNT: url in body > 1",
            stanza: "<message><body>http://a http://b</body></message>",
            holds: true,
        },
        Example {
            definitions: "%SEARCH body: body#\n%PATTERN url: https?://%S+",
            line: "COUNT: url in body > 1",
            stanza: "<message><body>http://a</body></message>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Clone, Copy, Debug)]
enum Comparison {
    More,
    Less,
    Equal,
    AtMost,
    AtLeast,
}

#[derive(Debug)]
struct Count {
    search: PathId,
    pattern: Pattern,
    comparison: Comparison,
    number: u64,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let value = required(value);
    let parsed = value.match_indices(" in ").find_map(|(at, separator)| {
        let pattern = value
            .get(..at)?
            .rsplit(|c: char| c.is_ascii_whitespace())
            .next()?;
        let (search, comparator) = value.get(at + separator.len()..)?.split_once(' ')?;
        (!pattern.is_empty() && !search.is_empty() && !comparator.is_empty())
            .then_some((pattern, search, comparator))
    });
    let (pattern, search, comparator) = parsed.ok_or_else(|| Refusal::invalid(SYNTAX))?;
    let (comparison, number) = comparator_of(comparator)?;
    let pattern = scope.pattern(pattern)?;
    Ok(Box::new(Count {
        search: scope.search(search)?,
        pattern,
        comparison,
        number,
    }))
}

/// The operator and the number, which may stand on either side of it.
fn comparator_of(text: &str) -> Result<(Comparison, u64), Refusal> {
    let number = text
        .split(|c: char| !c.is_ascii_digit())
        .rfind(|digits| !digits.is_empty())
        .ok_or_else(|| Refusal::invalid("Error parsing COUNT expression, expected value"))?;
    let number = number.parse().map_err(|_| {
        Refusal::invalid(format!(
            "Error parsing COUNT expression, number too large: {number}"
        ))
    })?;
    let operator: String = text
        .chars()
        .filter(|c| !c.is_ascii_digit() && !c.is_ascii_whitespace())
        .collect();
    let comparison = match operator.as_str() {
        ">" => Comparison::More,
        "<" => Comparison::Less,
        "=" | "==" => Comparison::Equal,
        "<=" => Comparison::AtMost,
        ">=" => Comparison::AtLeast,
        other => {
            let message =
                format!("Error parsing COUNT expression, unknown comparison operator: {other}");
            return Err(Refusal::invalid(message).help("the operators are >, <, >=, <=, == and ="));
        }
    };
    Ok((comparison, number))
}

impl Condition for Count {
    fn cost(&self) -> Cost {
        Cost::Search
    }

    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.load_xml(self.search);
        let (text, budget) = run.search(self.search);
        // One more than the number decides every comparison.
        let enough = usize::try_from(self.number)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let count = self.pattern.matches(text, budget).take(enough).count() as u64;
        match self.comparison {
            Comparison::More => count > self.number,
            Comparison::Less => count < self.number,
            Comparison::Equal => count == self.number,
            Comparison::AtMost => count <= self.number,
            Comparison::AtLeast => count >= self.number,
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        run.load_xml(self.search);
        let (text, budget) = run.search(self.search);
        sight.bytes("searched", text);
        let enough = usize::try_from(self.number)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let mut matches = self.pattern.matches(text, budget).take(enough);
        let first = matches.next();
        if let Some(found) = &first {
            sight.bytes(
                "first match",
                text.get(found.start..found.end).unwrap_or_default(),
            );
        }
        let count = usize::from(first.is_some()) + matches.count();
        let or_more = if count == enough { " or more" } else { "" };
        sight.add("matches", Some(format!("{count}{or_more}")));
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
