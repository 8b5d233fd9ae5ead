//! Lua patterns against Lua itself: random patterns, random subjects.

use std::fmt::Write;

use anyhow::Result;
use rules::lua_pattern::{Budget, Capture, Mode, Pattern};
use serde_json::{Value, json};

use super::random::Random;
use super::real::Real;

const BYTES: &[&str] = &[
    "a", "b", "c", "x", "1", "2", " ", ".", "-", "]", "[", "(", ")", "%", "^", "$", "A", "B", "\n",
    "\0", "\u{e9}", "_", "e", "l", "o",
];
const LITERALS: &[&str] = &[
    "a", "b", "c", "x", "1", " ", "A", "e", "l", "o", "_", "%.", "%-", "%%", "%]", "%(", "-", "]",
];
const CLASSES: &[&str] = &[
    "%a", "%c", "%d", "%g", "%l", "%p", "%s", "%u", "%w", "%x", "%A", "%D", "%S", "%W", "%P", ".",
    "%z", "%e", "%G",
];
const SETS: &[&str] = &[
    "[abc]",
    "[^a]",
    "[a-c]",
    "[%w_]",
    "[^%s]",
    "[]]",
    "[^]]",
    "[a-]",
    "[-a]",
    "[%a-z]",
    "[c-a]",
    "[%]%-]",
    "[.]",
    "[a^]",
    "[^%d%p]",
    "[0-9a-fA-F]",
    "[%%]",
    "[%a%-]",
    "[+*?]",
];
const FIXED: &[&str] = &[
    "%a+",
    "%d+",
    "https?://%S+",
    "[a-z]+",
    "(%a)%a",
    "()%a",
    "x*",
    ".",
    "%bab",
    "%b()",
    "%f[%w]%w+",
    "[^ ]+",
    "o-l",
    "a.-b",
    "%S+%s",
    "[%w%.]+",
    "[]]",
    "%[%a%]",
    "(h)(e)",
    "(.)%1",
    "[^\\n]+",
    "^%a+",
    "%d+$",
    "(()%a())",
    "[%w_.-]+@[%w.-]+",
];

/// A valid pattern as it may stand in a script: printable, and not too costly for the real engine.
pub(crate) fn for_script(random: &mut Random) -> String {
    if random.percent(60) {
        return random.pick(FIXED).to_owned();
    }
    loop {
        let pattern = items(random, 4);
        if is_printable(&pattern) && Pattern::new(pattern.as_bytes(), Mode::Search).is_ok() {
            return pattern;
        }
    }
}

fn is_printable(pattern: &str) -> bool {
    pattern.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && !pattern.starts_with(' ')
        && !pattern.ends_with([' ', '\\'])
        && !pattern.is_empty()
}

fn items(random: &mut Random, most: usize) -> String {
    let mut pattern = String::new();
    let (mut open, mut quantified) = (0, 0);
    for _ in 0..random.between(1, most) {
        match random.below(24) {
            0 | 1 => {
                pattern.push('(');
                open += 1;
            }
            2..=4 if open > 0 => {
                pattern.push(')');
                open -= 1;
            }
            5 => pattern.push_str("()"),
            6 => write!(
                pattern,
                "%b{}{}",
                random.pick(&["(", "a", "x", "["]),
                random.pick(&[")", "b", "x", "]"])
            )
            .unwrap_or_default(),
            7 => write!(pattern, "%f{}", random.pick(SETS)).unwrap_or_default(),
            8 => write!(pattern, "%{}", random.between(1, 2)).unwrap_or_default(),
            _ => {
                let item = match random.below(3) {
                    0 => random.pick(LITERALS),
                    1 => random.pick(CLASSES),
                    _ => random.pick(SETS),
                };
                pattern.push_str(item);
                if quantified < 4 && random.percent(45) {
                    pattern.push_str(random.pick(&["*", "+", "-", "?"]));
                    quantified += 1;
                }
            }
        }
    }
    pattern.extend(std::iter::repeat_n(')', open));
    if random.percent(8) {
        pattern.insert(0, '^');
    }
    if random.percent(8) {
        pattern.push('$');
    }
    pattern
}

/// Any pattern: well formed, damaged, or noise.
fn any(random: &mut Random) -> Vec<u8> {
    let mut pattern = items(random, 7).into_bytes();
    match random.below(10) {
        0 => {
            let at = random.below(pattern.len());
            pattern.remove(at);
        }
        1 => {
            let at = random.below(pattern.len() + 1);
            pattern.insert(at, random.pick(BYTES).as_bytes()[0]);
        }
        2 => pattern = noise(random, 6),
        _ => {}
    }
    pattern
}

fn noise(random: &mut Random, most: usize) -> Vec<u8> {
    (0..random.below(most + 1))
        .flat_map(|_| random.pick(BYTES).bytes())
        .collect()
}

/// One pattern and its subjects.
#[derive(Debug)]
pub(crate) struct PatternCase {
    pattern: Vec<u8>,
    subjects: Vec<Vec<u8>>,
}

impl PatternCase {
    pub(crate) fn random(random: &mut Random) -> Self {
        let pattern = any(random);
        let subjects = (0..6)
            .map(|_| match random.below(4) {
                0 => random
                    .pick(&[
                        "hello world from Lua",
                        "key = value, k2=v2",
                        "((a)(b))x",
                        "THE (quick) fox",
                        "",
                    ])
                    .as_bytes()
                    .to_vec(),
                // A subject that has much of the pattern in it.
                1 => pattern
                    .iter()
                    .copied()
                    .filter(u8::is_ascii_alphanumeric)
                    .collect(),
                _ => noise(random, 24),
            })
            .collect();
        Self { pattern, subjects }
    }

    fn request(&self) -> Value {
        let subjects: Vec<String> = self.subjects.iter().map(|subject| hex(subject)).collect();
        json!({ "pattern": hex(&self.pattern), "subjects": subjects })
    }

    /// What is different, if anything; `Ok(None)` and true if only quirk Q9 is.
    pub(crate) fn compare(&self, real: &mut Real) -> Result<(Option<String>, bool)> {
        let answer = real.ask(&self.request())?;
        let strict = answer["strict"].as_bool().unwrap_or(false);
        let loads = answer["loads"].as_bool().unwrap_or(false);
        let error = Pattern::new(&self.pattern, Mode::Search).err();
        let shown = String::from_utf8_lossy(&self.pattern);
        if let Some(error) = error {
            let difference = strict.then(|| format!("{shown:?}: ours says {error}"));
            return Ok((difference, loads));
        }
        if !strict {
            return Ok((
                Some(format!("{shown:?}: is malformed, and ours takes it")),
                false,
            ));
        }
        for (subject, real) in self
            .subjects
            .iter()
            .zip(answer["subjects"].as_array().into_iter().flatten())
        {
            if let Some(difference) = self.compare_subject(subject, real) {
                let subject = String::from_utf8_lossy(subject);
                return Ok((
                    Some(format!("{shown:?} on {subject:?}: {difference}")),
                    false,
                ));
            }
        }
        Ok((None, false))
    }

    fn compare_subject(&self, subject: &[u8], real: &Value) -> Option<String> {
        for error in ["found_error", "whole_error", "tokens_error"] {
            if let Some(error) = real[error].as_str() {
                return Some(format!("real error {error}"));
            }
        }
        let budget = Budget::new(50_000_000);
        let new = |mode| Pattern::new(&self.pattern, mode).ok();
        let found = new(Mode::Search)?.is_match(subject, &budget);
        let whole = new(Mode::Whole)?.is_match(subject, &budget);
        let iterated = new(Mode::Iterate)?;
        let tokens: Vec<String> = iterated
            .matches(subject, &budget)
            .map(|found| match found.capture {
                Some(Capture::Text(from, to)) => hex(&subject[from..to]),
                Some(Capture::Position(at)) => hex(at.to_string().as_bytes()),
                None => hex(&subject[found.start..found.end]),
            })
            .collect();
        if budget.is_spent() {
            return Some("ours ran out of steps".to_owned());
        }
        let ours = json!({ "found": found, "whole": whole, "tokens": tokens.join(","), "count": tokens.len() });
        (ours != *real).then(|| format!("real {real}, ours {ours}"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap_or_default();
        out
    })
}
