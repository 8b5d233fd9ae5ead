//! Child processes that never outlive us.

use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The core of the servers, where a row does not say otherwise.
pub(super) const SERVER_CORE: &str = "0";
/// The core of the generator.
const GENERATOR_CORE: &str = "1";
/// No server takes longer to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// No row takes longer, whatever the server does.
const WORK_LIMIT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);

/// A running child; dropping it kills it and waits for its end.
pub(super) struct Process {
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts `command` on `cores`, its output going to `log`. The wrappers (taskset, setpriv) become the program, so that
    /// the process id is its own; the kernel kills it when we die, however we die.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something listens on `address`; the end of the process before that is an error with its last words.
    pub(super) fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect_timeout(&address, POLL).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status}: {}", self.last_words());
            }
            ensure!(
                Instant::now() < deadline,
                "does not listen on {address}: {}",
                self.last_words()
            );
            pause();
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `program` pinned to `cores`, with as many open files as allowed, killed with us.
pub(super) fn pinned(cores: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"",
        "sh",
        "taskset",
        "-c",
        cores,
    ]);
    command
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(program);
    command
}

/// The generator, ready to start with `arguments`.
pub(super) fn generator(programs: &Path, arguments: &[String]) -> Command {
    let mut command = pinned(GENERATOR_CORE, programs.join("portcullis-bench"));
    command.args(arguments);
    command
}

/// Runs the generator to its end and returns its report.
pub(super) fn generate(programs: &Path, arguments: &[String]) -> Result<Value> {
    let mut command = generator(programs, arguments);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the generator")?;
    let mut process = Process {
        child,
        log: "/dev/null".into(),
    };
    let deadline = Instant::now() + WORK_LIMIT;
    // The report is one line, shorter than a pipe's buffer: it can be read after the end.
    let status = loop {
        if let Some(status) = process.child.try_wait()? {
            break status;
        }
        ensure!(
            Instant::now() < deadline,
            "the generator did not end within {WORK_LIMIT:?}"
        );
        pause();
    };
    ensure!(status.success(), "the generator ended with {status}");
    let mut text = String::new();
    process
        .child
        .stdout
        .take()
        .context("the generator has no output")?
        .read_to_string(&mut text)?;
    serde_json::from_str(&text).context("reading the generator's report")
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program serves nobody: it may wait"
)]
pub(super) fn pause() {
    std::thread::sleep(POLL);
}

/// Lets some time pass.
pub(super) fn wait_out(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        pause();
    }
}

/// A loopback address that the system says is free.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Runs a command to its end and returns its standard output.
pub(super) fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("running {program}"))?;
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
