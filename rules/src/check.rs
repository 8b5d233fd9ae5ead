//! Scripts to a [`Ruleset`]: definitions, names, conditions and actions get their meaning here.
//!
//! All scripts of a host are compiled together. One with an error is rejected as a whole and named in its
//! [`Report`]; the version of it that was in force before stays, and the others are not touched.

mod assemble;
mod lint;
mod refused;
mod script;
mod test_blocks;
mod unknown;

use std::borrow::Cow;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::loader::Loader;
use crate::options::Options;
use crate::program::{LoadedScript, Ruleset};
use crate::syntax::ast::Item;
use crate::syntax::parser::{self, Parsed};
use crate::syntax::span::Span;

pub(crate) use test_blocks::TEST_STATEMENTS;
pub use test_blocks::{MAX_STANZAS, MAX_TESTS, TestResult};
pub(crate) use unknown::{unknown_action, unknown_condition};

/// Values of `@@ trace` that ask for traces; the others of [`TRACE`] do not.
const TRACE_ON: [&str; 2] = ["on", "true"];
/// All values that `@@ trace` should have.
const TRACE: [&str; 4] = ["on", "true", "off", "false"];

/// Problems of one script that are shown with their lines.
const MAX_RENDERED: usize = 200;
/// Bytes that a script may have.
const MAX_SCRIPT_BYTES: usize = 16 << 20;

/// The text of a script, to be compiled.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name that reports and logs use, such as the path.
    pub name: String,
    /// The bytes of the file.
    pub text: Vec<u8>,
}

/// What became of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptState {
    /// The given text is in force.
    Loaded,
    /// The given text was rejected; the version before it is in force.
    KeptPrevious,
    /// The given text was rejected, and there is no version before it.
    Rejected,
}

/// Everything that is to be said about one script.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name of the script.
    pub script: String,
    /// What became of it.
    pub state: ScriptState,
    /// Errors and warnings about the given text, in the order of its lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that places refer to.
    pub text: String,
    /// What came of its `%TEST` blocks, which run if nothing else is wrong with it.
    pub tests: Vec<TestResult>,
}

impl Report {
    /// The errors, rendered with their lines and carets; warnings too if wanted.
    #[must_use]
    pub fn render(&self, with_warnings: bool) -> String {
        let mut out = String::new();
        let wanted = |one: &&Diagnostic| with_warnings || one.is_error();
        for diagnostic in self.diagnostics.iter().filter(wanted).take(MAX_RENDERED) {
            out.push_str(&diagnostic.render(&self.script, &self.text));
            out.push('\n');
        }
        let count = self.diagnostics.iter().filter(wanted).count();
        if count > MAX_RENDERED {
            let more = count - MAX_RENDERED;
            out.push_str(&format!(
                "{}: {more} more problems are not shown\n",
                self.script
            ));
        }
        out
    }

    /// True if the text was rejected.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// The outcome of a compilation.
#[derive(Debug)]
pub struct Compiled {
    /// What is to be run.
    pub ruleset: Ruleset,
    /// One report for each source, in the same order.
    pub reports: Vec<Report>,
}

/// One candidate text of a script.
struct Candidate {
    /// Number of its source.
    source: usize,
    loaded: LoadedScript,
    text: String,
    parsed: Parsed,
}

/// Compiles all scripts of a host, in the order of the configuration.
///
/// Objects of `previous` whose definitions are the same go on with their state.
#[must_use]
pub fn compile(
    host: &str,
    sources: &[Source],
    options: &Options,
    loader: &dyn Loader,
    previous: Option<&Ruleset>,
) -> Compiled {
    let mut reports: Vec<Report> = Vec::with_capacity(sources.len());
    let mut candidates: Vec<Candidate> = Vec::with_capacity(sources.len());
    for (number, source) in sources.iter().enumerate() {
        let loaded = LoadedScript {
            name: source.name.as_str().into(),
            text: Arc::from(source.text.as_slice()),
            is_traced: false,
        };
        let candidate = Candidate::new(number, loaded);
        reports.push(Report {
            script: source.name.clone(),
            state: ScriptState::Loaded,
            diagnostics: Vec::new(),
            text: candidate.text.clone(),
            tests: Vec::new(),
        });
        candidates.push(candidate);
    }
    // Each round rejects at least one text, so there are at most two rounds for each script.
    loop {
        let mut round = assemble::assemble(host, &candidates, options, loader, previous);
        run_tests(&candidates, &mut round, &mut reports, options, loader);
        let mut is_clean = true;
        let mut kept = Vec::with_capacity(candidates.len());
        for (candidate, diagnostics) in candidates.into_iter().zip(round.diagnostics) {
            let has_errors = diagnostics.iter().any(Diagnostic::is_error);
            let Some(report) = reports.get_mut(candidate.source) else {
                continue;
            };
            if report.state == ScriptState::Loaded {
                report.diagnostics = diagnostics;
            }
            if !has_errors {
                kept.push(candidate);
                continue;
            }
            is_clean = false;
            let older = match report.state {
                ScriptState::Loaded => older_version(previous, &candidate),
                _ => None,
            };
            match older {
                Some(older) => {
                    report.state = ScriptState::KeptPrevious;
                    kept.push(older);
                }
                None => report.state = ScriptState::Rejected,
            }
        }
        candidates = kept;
        if is_clean {
            return Compiled {
                ruleset: round.ruleset,
                reports,
            };
        }
    }
}

/// Runs the `%TEST` blocks of the texts that are new and without errors, once.
fn run_tests(
    candidates: &[Candidate],
    round: &mut assemble::Round,
    reports: &mut [Report],
    options: &Options,
    loader: &dyn Loader,
) {
    for (number, candidate) in candidates.iter().enumerate() {
        let (Some(report), Some(diagnostics)) = (
            reports.get_mut(candidate.source),
            round.diagnostics.get_mut(number),
        ) else {
            continue;
        };
        let is_new = report.state == ScriptState::Loaded;
        if !is_new
            || !test_blocks::has_tests(candidate)
            || diagnostics.iter().any(Diagnostic::is_error)
        {
            continue;
        }
        let (results, problems) = test_blocks::run(number, candidates, options, loader);
        report.tests = results;
        diagnostics.extend(problems);
        diagnostics.sort_by_key(|problem| (problem.span.line, !problem.is_error()));
    }
}

fn older_version(previous: Option<&Ruleset>, candidate: &Candidate) -> Option<Candidate> {
    let older = previous?.scripts.iter().find(|script| {
        script.name == candidate.loaded.name && script.text != candidate.loaded.text
    })?;
    Some(Candidate::new(candidate.source, older.clone()))
}

/// Whether the last `@@ trace` of a script asks for traces.
fn is_traced(parsed: &Parsed) -> bool {
    let mut values = parsed.items.iter().filter_map(|item| match item {
        Item::Metadata(metadata) if metadata.key.text == "trace" => Some(&*metadata.value.text),
        _ => None,
    });
    values
        .next_back()
        .is_some_and(|value| TRACE_ON.contains(&value))
}

/// What is said of a text that is not even parsed.
fn too_long() -> Parsed {
    let message = format!("the script is longer than {} MiB", MAX_SCRIPT_BYTES >> 20);
    let problem = Diagnostic::error(Code::Unreadable, Span::new(0, 0, 1), message)
        .with_help("keep long lists in files and use them with `%LIST name: file:/path`");
    Parsed {
        problems: vec![problem],
        ..Parsed::default()
    }
}

impl Candidate {
    fn new(source: usize, mut loaded: LoadedScript) -> Self {
        let decoded = String::from_utf8_lossy(&loaded.text);
        let is_damaged = matches!(decoded, Cow::Owned(_));
        let text = decoded.into_owned();
        let mut parsed = match text.len() > MAX_SCRIPT_BYTES {
            true => too_long(),
            false => parser::parse(&text),
        };
        loaded.is_traced = is_traced(&parsed);
        if is_damaged {
            let at = text.find(char::REPLACEMENT_CHARACTER).unwrap_or(0);
            let line = text
                .get(..at)
                .unwrap_or_default()
                .bytes()
                .filter(|byte| *byte == b'\n')
                .count();
            let span = Span::new(at, at + 3, u32::try_from(line + 1).unwrap_or(u32::MAX));
            let message = "bytes that are not UTF-8 can never match and were replaced".to_owned();
            parsed
                .problems
                .push(Diagnostic::warning(Code::Encoding, span, message));
        }
        Self {
            source,
            loaded,
            text,
            parsed,
        }
    }
}
