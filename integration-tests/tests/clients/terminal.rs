//! A terminal of tmux's in control mode: what a person would type goes in, what a person would see comes out.
//!
//! tmux reports every output of the program, so waiting for a text needs no polling: the screen is looked at again only
//! after something was written to it.

use std::path::Path;
use std::process::Stdio;

use harness::DEADLINE;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

pub(super) struct Terminal {
    _client: Child,
    processes: Vec<i32>,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    has_changed: bool,
    seen: String,
}

impl Terminal {
    /// Starts `program` with this environment in a terminal of 140 columns and 50 lines.
    pub(super) async fn start(
        directory: &Path,
        program: &str,
        environment: &[(&str, &Path)],
    ) -> Terminal {
        let socket = directory.join("tmux");
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&socket).args([
            "-f",
            "/dev/null",
            "-C",
            "new-session",
            "-x",
            "140",
            "-y",
            "50",
            program,
        ]);
        command
            .env("LANG", "C.UTF-8")
            .env_remove("TMUX")
            .envs(environment.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("tmux");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut terminal = Terminal {
            input: child.stdin.take().unwrap(),
            lines,
            processes: Vec::new(),
            _client: child,
            has_changed: true,
            seen: String::new(),
        };
        terminal.reply().await;
        let pids = terminal
            .command("display-message -p '#{pid} #{pane_pid}'")
            .await
            .join(" ");
        terminal.processes = pids
            .split_whitespace()
            .map(|pid| pid.parse().unwrap())
            .collect();
        terminal
    }

    /// Types a line and presses Enter.
    pub(super) async fn type_line(&mut self, text: &str) {
        assert!(!text.contains('\''), "a quote would end the argument");
        self.command(&format!("send-keys -l '{text}'")).await;
        self.command("send-keys Enter").await;
    }

    /// Waits until the screen shows this text.
    pub(super) async fn see(&mut self, text: &str) {
        let waiting = async {
            loop {
                self.has_changed = false;
                self.seen = self.command("capture-pane -p -J").await.join("\n");
                if self.seen.contains(text) {
                    return;
                }
                while !self.has_changed {
                    self.line().await;
                }
            }
        };
        if timeout(DEADLINE, waiting).await.is_err() {
            panic!("{text:?} was not seen on\n{}", self.seen);
        }
    }

    async fn command(&mut self, command: &str) -> Vec<String> {
        self.input
            .write_all(format!("{command}\n").as_bytes())
            .await
            .unwrap();
        self.reply().await
    }

    /// The lines between `%begin` and `%end`.
    async fn reply(&mut self) -> Vec<String> {
        while !self.line().await.starts_with("%begin") {}
        let mut reply = Vec::new();
        loop {
            let line = self.line().await;
            if line.starts_with("%end") {
                return reply;
            }
            assert!(!line.starts_with("%error"), "tmux: {reply:?}");
            reply.push(line);
        }
    }

    async fn line(&mut self) -> String {
        let line = timeout(DEADLINE, self.lines.next_line())
            .await
            .expect("a line of tmux's")
            .unwrap();
        let line =
            line.unwrap_or_else(|| panic!("the program ended; the screen was\n{}", self.seen));
        self.has_changed |= line.starts_with("%output");
        line
    }
}

impl Drop for Terminal {
    /// The server and the program outlive their client unless they are told.
    fn drop(&mut self) {
        for pid in self.processes.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
