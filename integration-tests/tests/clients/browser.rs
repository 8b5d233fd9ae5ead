//! A page in Chromium without a screen. It reaches the test's own web server and the node and nothing else, and trusts the
//! node's root.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use harness::{HOST, ListServer, Reply, TestNode};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::assert_success;

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The server of one page, which has the address that the origin of the page is made of.
pub(super) struct Page {
    server: ListServer,
    told: Vec<String>,
}

/// A running Chromium; it ends with the value.
pub(super) struct Browser {
    child: Child,
    log: PathBuf,
}

impl Page {
    pub(super) async fn serve(html: &str) -> Page {
        let headers = ["Content-Type: text/html", "Connection: close"];
        Page {
            server: ListServer::start(Reply::ok(html, &headers)).await,
            told: Vec::new(),
        }
    }

    /// What the node calls it.
    pub(super) fn origin(&self) -> String {
        self.server.url("").trim_end_matches('/').to_owned()
    }

    /// Opens the page in a browser of its own for which [`HOST`] is where the node is.
    pub(super) async fn open(&self, node: &TestNode, query: &str) -> Browser {
        let home = node.directory();
        trust(home, &node.certificates.root_file).await;
        let rules = format!(
            "MAP {HOST} {}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            node.address().ip()
        );
        let log = home.join("chromium.log");
        let child = Command::new("chromium")
            .env("HOME", home)
            .args(FLAGS)
            .arg(format!(
                "--user-data-dir={}",
                home.join("chromium").display()
            ))
            .arg(format!("--host-resolver-rules={rules}"))
            .arg(self.server.url(&format!("?{query}")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        Browser { child, log }
    }

    /// Waits until the page tells its server this, or something that begins so; the whole of it.
    pub(super) async fn tells(&mut self, beginning: &str) -> String {
        loop {
            let request = self.server.asked().await;
            let line = request.lines().next().unwrap_or_default();
            let told = line.strip_prefix("GET /told?");
            let Some(told) = told.and_then(|told| told.strip_suffix(" HTTP/1.1")) else {
                continue;
            };
            let told = told.replace("%20", " ");
            self.told.push(told.clone());
            if told.starts_with(beginning) {
                return told;
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let later = std::iter::from_fn(|| self.server.asked_already());
            let lines: Vec<_> = later
                .filter_map(|request| request.lines().next().map(str::to_owned))
                .collect();
            eprintln!("--- the page told\n{:#?}\n{lines:#?}", self.told);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The group, for Chromium is many processes.
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = pid.and_then(Pid::from_raw) {
            kill_process_group(group, Signal::KILL).ok();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- Chromium said\n{log}");
        }
    }
}

/// Puts a root where Chromium looks for those that its user trusts.
async fn trust(home: &Path, root: &Path) {
    let store = home.join(".pki/nssdb");
    fs::create_dir_all(&store).unwrap();
    let store = format!("sql:{}", store.display());
    let root = root.display().to_string();
    let steps: [&[&str]; 2] = [
        &["-N", "--empty-password"],
        &["-A", "-t", "C,,", "-n", "root", "-i", &root],
    ];
    for step in steps {
        let output = Command::new("certutil")
            .args(["-d", &store])
            .args(step)
            .output()
            .await
            .unwrap();
        assert_success("certutil", &output);
    }
}
