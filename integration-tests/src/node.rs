//! A node in a process of its own, with a temporary data directory.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::timeout;

use crate::certificates::Certificates;
use crate::client::{DEADLINE, TestClient};
use crate::process::{Surroundings, logged, pid_of, program, spawn};
use crate::scram::{Hash, Scram};
use crate::transport::TlsOptions;

/// The host that every node serves, whatever else its configuration adds.
pub const HOST: &str = "localhost";

/// Every node listens here with STARTTLS; `listener.c2s_tls` beside it speaks TLS from the first byte.
const STARTTLS_LISTENER: &str = "c2s";
const DIRECT_LISTENER: &str = "c2s_tls";

/// A running node; it dies with the value.
pub struct TestNode {
    directory: TempDir,
    child: Child,
    surroundings: Surroundings,
    /// The process that has taken the place of `child`, where that was not started here.
    heir: Option<Pid>,
    /// What was said to the service manager until the node was ready.
    pub notified: String,
    listeners: BTreeMap<String, SocketAddr>,
    /// What its clients trust.
    pub certificates: Certificates,
}

/// The password that [`TestNode::add_user`] gives to this user.
pub fn password_of(user: &str) -> String {
    format!("pencil of {user}")
}

impl TestNode {
    /// Starts a node. `toml` is laid over the base configuration: two listeners, the host `localhost`, test certificates.
    pub async fn start(toml: &str) -> TestNode {
        TestNode::start_in(toml, Surroundings::default(), |_, _| {}).await
    }

    /// As [`TestNode::start`]; `prepare` puts files into the directory of the configuration before.
    pub async fn with_files(toml: &str, prepare: impl FnOnce(&Path, &Certificates)) -> TestNode {
        TestNode::start_in(toml, Surroundings::default(), prepare).await
    }

    /// As [`TestNode::start`], with these environment variables.
    pub async fn with_environment(toml: &str, environment: &[(&str, &str)]) -> TestNode {
        TestNode::wrapped_with(toml, &[], environment).await
    }

    /// As [`TestNode::start`], run by another program, such as `prlimit --nofile=64`.
    pub async fn wrapped(toml: &str, wrapper: &[&str]) -> TestNode {
        TestNode::wrapped_with(toml, wrapper, &[]).await
    }

    /// As [`TestNode::wrapped`], with these environment variables.
    pub async fn wrapped_with(
        toml: &str,
        wrapper: &[&str],
        environment: &[(&str, &str)],
    ) -> TestNode {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let surroundings = Surroundings {
            wrapper: wrapper.iter().map(ToString::to_string).collect(),
            environment: environment.iter().map(own).collect(),
        };
        TestNode::start_in(toml, surroundings, |_, _| {}).await
    }

    async fn start_in(
        toml: &str,
        surroundings: Surroundings,
        prepare: impl FnOnce(&Path, &Certificates),
    ) -> TestNode {
        let directory = tempfile::Builder::new()
            .prefix("portcullis")
            .tempdir()
            .unwrap();
        let mut config = base_config(directory.path());
        merge(
            &mut config,
            toml.parse()
                .unwrap_or_else(|e| panic!("configuration: {e}\n{toml}")),
        );
        place_web(&mut config);
        let hosts = config["host"]
            .as_table()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>();
        let certificates = Certificates::create(directory.path(), &hosts);
        fs::write(directory.path().join("portcullis.toml"), config.to_string()).unwrap();
        prepare(directory.path(), &certificates);
        let listeners = listeners_of(&config);
        let (child, notified) = spawn(directory.path(), &surroundings, &["run"]).await;
        TestNode {
            directory,
            child,
            surroundings,
            heir: None,
            notified,
            listeners,
            certificates,
        }
    }

    /// Starts a node with these users; each has the password of [`password_of`].
    pub async fn with_users(toml: &str, users: &[&str]) -> TestNode {
        let node = TestNode::start(toml).await;
        for user in users {
            node.add_user(user).await;
        }
        node
    }

    /// Makes an account: `alice` stands for `alice@localhost`.
    pub async fn add_user(&self, user: &str) {
        let jid = if user.contains('@') {
            user.to_owned()
        } else {
            format!("{user}@{HOST}")
        };
        let output = self
            .command_with_input(&["user", "add", &jid], &password_of(user))
            .await;
        assert!(output.status.success(), "user add {jid}: {output:?}");
    }

    /// Runs the program with this node's configuration and returns what it did.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        self.command_with_input(arguments, "").await
    }

    /// As [`TestNode::command`], with a line on standard input.
    pub async fn command_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = program(self.directory.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads no input may be gone before it is written.
        let mut stdin = child.stdin.take().unwrap();
        drop(stdin.write_all(format!("{input}\n").as_bytes()).await);
        drop(stdin);
        timeout(DEADLINE, child.wait_with_output())
            .await
            .expect("a command that ends")
            .unwrap()
    }

    /// Has the node read its configuration and scripts again; true if it took them.
    pub async fn reload(&self) -> Output {
        self.command(&["reload"]).await
    }

    /// Sends one command over the admin socket and returns the answer, both in the form of its JSON lines.
    pub async fn admin(&self, command: serde_json::Value) -> serde_json::Value {
        let asking = async {
            let mut socket =
                UnixStream::connect(self.directory().join("data/portcullis.sock")).await?;
            let request = serde_json::json!({ "version": 1, "command": command });
            socket.write_all(format!("{request}\n").as_bytes()).await?;
            let mut line = String::new();
            BufReader::new(socket).read_line(&mut line).await?;
            std::io::Result::Ok(line)
        };
        let line = timeout(DEADLINE, asking)
            .await
            .expect("an answer in time")
            .unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    /// The temporary directory, which holds the configuration and the data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into the temporary directory and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Everything the node has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("node.log")).unwrap_or_default()
    }

    /// The node's process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running node")
    }

    /// Address of the STARTTLS listener.
    pub fn address(&self) -> SocketAddr {
        self.listener(STARTTLS_LISTENER)
    }

    /// Address of the direct-TLS listener.
    pub fn direct_address(&self) -> SocketAddr {
        self.listener(DIRECT_LISTENER)
    }

    /// Address of the listener with this name.
    pub fn listener(&self, name: &str) -> SocketAddr {
        *self
            .listeners
            .get(name)
            .unwrap_or_else(|| panic!("no listener {name} in {:?}", self.listeners))
    }

    /// TLS as an ordinary client of `localhost` speaks it.
    pub fn tls(&self) -> TlsOptions {
        TlsOptions {
            root: self.certificates.root.clone(),
            name: HOST.into(),
            alpn: Vec::new(),
            tls12: false,
        }
    }

    /// A client with STARTTLS done, ready to authenticate.
    pub async fn secured(&self) -> TestClient {
        let mut client = TestClient::connect(self.address()).await;
        client.open(HOST).await;
        client.starttls(&self.tls()).await.0
    }

    /// A client that has authenticated but not bound.
    pub async fn authenticated(&self, user: &str) -> TestClient {
        let mut client = self.secured().await;
        let outcome = client
            .scram(&Scram::new(Hash::Sha256, user), &password_of(user))
            .await;
        outcome.unwrap_or_else(|condition| client.fail(&format!("login of {user}: {condition}")));
        client.open(HOST).await;
        client
    }

    /// A bound client without presence; `alice/desk` asks for a resource, `alice` leaves it to the server.
    pub async fn login(&self, user_and_resource: &str) -> TestClient {
        let (user, resource) = match user_and_resource.split_once('/') {
            Some((user, resource)) => (user, Some(resource)),
            None => (user_and_resource, None),
        };
        let mut client = self.authenticated(user).await;
        client.bind(resource).await;
        client
    }

    /// A bound client that has asked for its roster and sent initial presence.
    pub async fn online(&self, user_and_resource: &str) -> TestClient {
        let mut client = self.login(user_and_resource).await;
        client
            .request("get", None, "<query xmlns='jabber:iq:roster'/>")
            .await;
        client.go_online().await;
        client
    }

    /// Stops the node as an operator would and starts it again on the same data.
    pub async fn restart(&mut self) {
        self.signal(Signal::TERM);
        let status = self.ended().await;
        assert!(
            status.success(),
            "the node stopped with {status}\n{}",
            self.log()
        );
        self.start_again().await;
    }

    /// Kills the node with SIGKILL and starts it again on the same data.
    pub async fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
        self.start_again().await;
    }

    /// Waits for the end of the process.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait())
            .await
            .expect("a node that ends")
            .unwrap()
    }

    /// Sends a signal to the node.
    pub fn signal(&self, signal: Signal) {
        kill_process(pid_of(self.pid()), signal).unwrap();
    }

    /// Starts an ended node on the same data and addresses.
    pub async fn start_again(&mut self) {
        (self.child, self.notified) =
            spawn(self.directory.path(), &self.surroundings, &["run"]).await;
    }

    /// Starts a successor with these arguments more, which takes the node's place; returns when both have said so: the
    /// successor that it serves, the node by its end. Whether the node was still there when the successor served.
    pub async fn take_over(&mut self, arguments: &[&str]) -> bool {
        let arguments = [&["run", "--takeover"], arguments].concat();
        let started = spawn(self.directory.path(), &self.surroundings, &arguments);
        let (successor, notified) = started.await;
        let lingers = self.child.try_wait().unwrap().is_none();
        let status = self.ended().await;
        assert!(status.success(), "{status}\n{}", self.log());
        (self.child, self.notified) = (successor, notified);
        lingers
    }

    /// Starts a successor with these arguments more and does not wait for it.
    pub fn start_successor(&self, arguments: &[&str]) -> Child {
        let mut command = logged(self.directory.path(), &self.surroundings);
        command.args(["run", "--takeover"]).args(arguments);
        command.env_remove("NOTIFY_SOCKET");
        command.spawn().unwrap()
    }

    /// Goes on with the node of another process, which is killed with the value; the one before is not waited for.
    pub fn succeed(&mut self, successor: Child) {
        self.child = successor;
    }

    /// As [`Self::succeed`], for a process that the node has started.
    pub fn adopt(&mut self, process: u32) {
        self.heir = Some(pid_of(process));
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(heir) = self.heir {
            // It may have ended.
            kill_process(heir, Signal::KILL).ok();
        }
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(8000);
            let tail = log.get(from..).unwrap_or(&log);
            eprintln!("--- log of the node\n{tail}");
        }
    }
}

/// The first address of each listener in the configuration.
fn listeners_of(config: &toml::Table) -> BTreeMap<String, SocketAddr> {
    let listeners = config["listener"].as_table().unwrap();
    let first = |listener: &toml::Value| listener.get("bind")?.get(0)?.as_str()?.parse().ok();
    listeners
        .iter()
        .filter_map(|(name, listener)| Some((name.clone(), first(listener)?)))
        .collect()
}

/// A loopback address that no other test on this machine uses: the node refuses port 0, and a port that was free a
/// moment ago may be taken, but all of 127.0.0.0/8 is ours.
pub fn own_address() -> Ipv4Addr {
    static NODES: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let node = NODES.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, 1 + high % 254, low, node)
}

fn base_config(directory: &Path) -> toml::Table {
    let directory = directory.display();
    let address = own_address();
    format!(
        r#"
        [node]
        data_directory = "{directory}/data"
        [tls.default]
        certificate = "{directory}/chain.pem"
        key = "{directory}/key.pem"
        [authentication]
        scram_iterations = 4096
        [listener.{STARTTLS_LISTENER}]
        protocol = "c2s"
        bind = ["{address}:5222"]
        [listener.{DIRECT_LISTENER}]
        protocol = "c2s"
        bind = ["{address}:5223"]
        tls = {{ implicit = true }}
        [host."{HOST}"]
        "#
    )
    .parse()
    .unwrap()
}

/// Gives http listeners that name no address one on the address of the node's other listeners.
fn place_web(config: &mut toml::Table) {
    let first = config["listener"][STARTTLS_LISTENER]["bind"][0].as_str();
    let Some(address) = first.and_then(|bind| bind.parse::<SocketAddr>().ok()) else {
        return;
    };
    for (_, listener) in config["listener"].as_table_mut().unwrap() {
        let listener = listener.as_table_mut().unwrap();
        let is_web = listener.get("protocol").and_then(toml::Value::as_str) == Some("http");
        if is_web
            && !["bind", "interfaces", "ports"]
                .iter()
                .any(|key| listener.contains_key(*key))
        {
            let tls = listener.get("tls").and_then(|tls| tls.get("implicit"));
            let port = if tls.is_some() { 5281 } else { 5280 };
            let bind = SocketAddr::new(address.ip(), port).to_string();
            listener.insert("bind".into(), vec![bind].into());
        }
    }
}

fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => drop(base.insert(key, value)),
        }
    }
}
