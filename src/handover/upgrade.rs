//! The node starts its own successor: the same program with the same arguments.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use actors::admin::protocol::Answer;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::{PATIENCE, WRITE};

/// How the program is started anew.
#[derive(Debug)]
pub(crate) struct Successor {
    program: io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

impl Successor {
    /// The program that runs, as it is found later at the same place, with these arguments before `run --takeover`. To
    /// be made at the start: what is replaced later has another name.
    pub(crate) fn new(arguments: Vec<OsString>) -> Self {
        Self {
            program: std::env::current_exe(),
            arguments,
        }
    }

    fn start(&self) -> io::Result<Child> {
        let program = self.program.as_ref().map_err(|error| {
            let text = format!("this program does not know where it is: {error}");
            io::Error::new(error.kind(), text)
        })?;
        let mut command = Command::new(program);
        command.args(&self.arguments).args(["run", "--takeover"]);
        let started = command.stdin(Stdio::null()).spawn();
        started.map_err(|error| {
            let text = format!("{}: {error}", program.display());
            io::Error::new(error.kind(), text)
        })
    }
}

/// A successor that was started, and who waits to hear of it.
#[derive(Debug)]
pub(crate) struct Upgrade {
    child: Child,
    client: UnixStream,
    end: Instant,
}

impl Upgrade {
    /// Starts the successor; who waits is told when that fails.
    pub(crate) async fn start(successor: &Successor, client: UnixStream) -> Option<Self> {
        match successor.start() {
            Ok(child) => {
                tracing::info!(process = child.id(), "successor started");
                let end = Instant::now() + PATIENCE;
                Some(Self { child, client, end })
            }
            Err(error) => {
                tracing::error!(%error, "no successor was started");
                answer(client, Answer::refused(error.to_string())).await;
                None
            }
        }
    }

    /// Waits until the successor has ended, which it does only when it fails, or its time is up; why.
    pub(crate) async fn failed(upgrade: Option<&mut Self>) -> String {
        let Some(upgrade) = upgrade else {
            return std::future::pending().await;
        };
        match tokio::time::timeout_at(upgrade.end, upgrade.child.wait()).await {
            Ok(Ok(status)) => format!("the successor ended ({status}): what it said is in the log"),
            Ok(Err(error)) => format!("the successor is out of sight: {error}"),
            Err(_) => format!(
                "the successor did not serve within {} s",
                PATIENCE.as_secs()
            ),
        }
    }

    /// Whether the process of this number is the successor.
    pub(crate) fn is(&self, process: u32) -> bool {
        self.child.id() == Some(process)
    }

    /// Tells who waits that the successor serves.
    pub(crate) async fn succeed(self, process: u32) {
        answer(self.client, Answer::Upgraded { process }).await;
    }

    /// Ends the successor, which may hold the data, and tells who waits why.
    pub(crate) async fn fail(mut self, reason: &str) {
        let killed = self.child.kill().await;
        tracing::debug!(?killed, "the successor ends");
        let problems = reason.lines().map(str::to_owned).collect();
        answer(self.client, Answer::Refused { problems }).await;
    }
}

/// Refuses another upgrade while one is under way.
pub(crate) async fn refuse(client: UnixStream) {
    let text = "a successor was started a moment ago: wait for it";
    answer(client, Answer::refused(text)).await;
}

async fn answer(mut client: UnixStream, answer: Answer) {
    let told = async {
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        client.write_all(&line).await
    };
    match tokio::time::timeout(WRITE, told).await {
        Ok(Ok(())) => {}
        other => tracing::debug!(?other, "nobody waits for the outcome any more"),
    }
}
