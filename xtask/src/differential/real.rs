//! Cases through the real module: one Lua process that answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::canonical;
use super::case::{Answer, Case, Outcome};
use super::scene;
use crate::shell::{command, root};
use crate::tools::LUA;

/// The running process.
pub(crate) struct Real {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    cures: Vec<String>,
}

impl Real {
    /// Starts it with the unpacked packages in `tools`.
    pub(crate) fn start(tools: &Path) -> Result<Self> {
        let here = root().join("xtask/differential");
        let text = |path: &Path| path.display().to_string();
        let mut lua = command(
            LUA,
            &[
                &text(&here.join("driver.lua")),
                &text(&tools.join("prosody")),
                &text(&tools.join("prosody-modules")),
                &text(&here),
            ],
        );
        let mut child = lua
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{LUA} does not start"))?;
        let requests = child.stdin.take().context("no input")?;
        let answers = BufReader::new(child.stdout.take().context("no output")?);
        let mut real = Self {
            child,
            requests,
            answers,
            cures: Vec::new(),
        };
        let cures = real.ask(&scene::description())?;
        real.cures = strings(&cures["cures"]);
        Ok(real)
    }

    /// Names of all quirks that can be cured.
    pub(crate) fn cures(&self) -> &[String] {
        &self.cures
    }

    /// One request and its answer.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value> {
        let mut line = request.to_string();
        line.push('\n');
        self.requests
            .write_all(line.as_bytes())
            .with_context(|| format!("the real module ended before {line}"))?;
        self.requests.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the real module ended at {line}");
        serde_json::from_str(&answer).with_context(|| format!("no JSON: {answer}"))
    }

    /// Runs a case with some quirks cured.
    pub(crate) fn run(&mut self, case: &Case, cured: &[String]) -> Result<Answer> {
        let answer = self.ask(&case.request(cured))?;
        if let Some(message) = answer["rejected"].as_str() {
            let lines = line_of(message).into_iter().collect();
            let messages = vec![message.to_owned()];
            return Ok(Answer::Rejected { lines, messages });
        }
        Ok(Answer::Ran(items(&answer["steps"]).map(outcome).collect()))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // Its own end of input would do; this one does not wait for a case that hangs.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

fn outcome(step: &Value) -> Outcome {
    let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
    Outcome {
        result: text("result"),
        effects: items(&step["effects"])
            .map(|effect| {
                let words = strings(effect);
                match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["log", level, message] => format!("log {level} {}", canonical::mixed(message)),
                    [kind, xml] if kind != "event" => format!("{kind} {}", canonical::xml(xml)),
                    _ => words.join(" "),
                }
            })
            .collect(),
        after: canonical::xml(&text("after")),
        marks: strings(&step["marks"]),
        user_marks: strings(&step["user_marks"]),
    }
}

/// An empty list comes as an empty object: Lua does not tell them apart.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn strings(value: &Value) -> Vec<String> {
    items(value)
        .filter_map(|item| Some(item.as_str()?.to_owned()))
        .collect()
}

fn line_of(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("on line ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
