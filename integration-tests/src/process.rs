//! The processes of nodes: how they are started, and when they are ready.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Pid;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};

use crate::client::DEADLINE;

/// What a node is started in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// A program and its arguments that run the node, such as `prlimit`.
    pub(crate) wrapper: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// The node's program with the configuration of this directory.
pub(crate) fn program(directory: &Path) -> Command {
    let mut command = Command::new(program_file());
    command
        .arg("--config")
        .arg(directory.join("portcullis.toml"));
    command.env_remove("NOTIFY_SOCKET").kill_on_drop(true);
    command
}

fn surrounded(directory: &Path, surroundings: &Surroundings) -> Command {
    let mut command = match surroundings.wrapper.split_first() {
        None => program(directory),
        Some((wrapper, arguments)) => {
            let mut command = Command::new(wrapper);
            command.args(arguments).arg(program_file());
            command
                .arg("--config")
                .arg(directory.join("portcullis.toml"));
            command.kill_on_drop(true);
            command
        }
    };
    command.envs(surroundings.environment.iter().cloned());
    command
}

/// The node's program: `node` lies beside the directory of the test binary, where cargo puts it.
pub fn program_file() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("node");
    assert!(path.exists(), "{} is not built", path.display());
    path
}

pub(crate) fn pid_of(process: u32) -> Pid {
    i32::try_from(process).ok().and_then(Pid::from_raw).unwrap()
}

/// The program, with what it says in the log of this directory.
pub(crate) fn logged(directory: &Path, surroundings: &Surroundings) -> Command {
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.join("node.log"))
        .unwrap();
    let mut command = surrounded(directory, surroundings);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command
}

/// Starts the node and waits for the readiness that it also announces to systemd.
pub(crate) async fn spawn(
    directory: &Path,
    surroundings: &Surroundings,
    arguments: &[&str],
) -> (Child, String) {
    let notify_path = directory.join("notify");
    drop(fs::remove_file(&notify_path));
    let notify = UnixDatagram::bind(&notify_path).unwrap();
    let mut child = logged(directory, surroundings)
        .args(arguments)
        .env("NOTIFY_SOCKET", &notify_path)
        .spawn()
        .unwrap();
    let show = || fs::read_to_string(directory.join("node.log")).unwrap_or_default();
    tokio::select! {
        said = ready(&notify) => (child, said),
        status = child.wait() => panic!("the node ended at once: {status:?}\n{}", show()),
        () = tokio::time::sleep(DEADLINE) => panic!("the node was not ready in time\n{}", show()),
    }
}

/// Everything that is said until the node is ready.
async fn ready(notify: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let mut said = String::new();
    while !said.lines().any(|line| line == "READY=1") {
        let n = notify.recv(&mut buffer).await.unwrap();
        said.push_str(&String::from_utf8_lossy(&buffer[..n]));
        said.push('\n');
    }
    said
}
