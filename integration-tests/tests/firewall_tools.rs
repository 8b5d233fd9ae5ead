//! The commands that try rules out, explain them and watch them.

use std::process::{Output, Stdio};

use harness::{DEADLINE, HOST, TestClient, TestNode, program_file};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

const SCRIPT: &str = "%RATE slow: 1 (burst 2)\n%LIST seen: memory\n\n::preroute\n\nKIND: message\nLOG=leaves\n\n\
                      ::deliver\n\nKIND: message\nFROM: <*>@spam.example\nDROP.\n\n\
                      KIND: message\nLIMIT: slow on $<@from|bare>\nBOUNCE=policy-violation\n\n\
                      KIND: message\nIN ROSTER?\nTAG TRACE=known\nADD TO=seen $<@from|bare>\n\n\
                      CHECK LIST: seen contains $<@from|bare>\nUSER MARKED: bad\nDROP.\n";

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A node with [`SCRIPT`], and the script's path.
async fn node() -> (TestNode, String) {
    let directory = tempfile::tempdir().unwrap().keep();
    let path = directory.join("rules.pfw");
    std::fs::write(&path, SCRIPT).unwrap();
    let toml = format!("[firewall]\nscripts = [{path:?}]");
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    (node, path.to_str().unwrap().to_owned())
}

async fn send(from: &mut TestClient, to: &str, body: &str) {
    from.send(&format!(
        "<message to='{to}' type='chat'><body>{body}</body></message>"
    ))
    .await;
}

const STANZAS: &str = "<message from='a@spam.example' to='bob@localhost'><body>1</body></message>\n\
                       <message from='a@b.example' to='bob@localhost'><body>2</body></message>\n\n\
                       <message from='a@b.example' to='bob@localhost'>\n<body>3</body></message>\
                       <message from='a@b.example' to='bob@localhost'><body>4</body></message>\n\
                       <presence from='a@b.example' to='bob@localhost'/>\n";

#[tokio::test]
async fn stanzas_are_counted_and_their_rules_named() {
    let (node, script) = node().await;
    let output = node
        .command_with_input(&["firewall", "test", &script], STANZAS)
        .await;
    assert!(output.status.success(), "{output:?}");
    let (passed, told) = (stdout(&output), stderr(&output));
    for body in ["<body>2</body>", "<body>3</body>", "<presence"] {
        assert!(passed.contains(body), "{passed}");
    }
    assert!(
        !passed.contains("<body>1</body>") && !passed.contains("<body>4</body>"),
        "{passed}"
    );
    for line in [
        format!("** line 1: message: drop by {script}:11 (chain deliver)"),
        "** line 2: message: pass by no rule".to_owned(),
        "** line 4: message: pass by no rule".to_owned(),
        format!("** line 5: message: bounce by {script}:15 (chain deliver)"),
        "** Reply:".to_owned(),
        "** line 6: presence: pass by no rule".to_owned(),
        // The harness ends its input with a line feed more.
        "** Summary\n** -------\n** \n** 5\tprocessed\n** 3\tpassed\n** 2\tdropped\n** 7\tinput lines\n".to_owned(),
    ] {
        assert!(told.contains(&line), "{line} is not in\n{told}");
    }
    let quiet = node
        .command_with_input(&["firewall", "test", "--quiet", &script], STANZAS)
        .await;
    assert!(stderr(&quiet).starts_with("** Summary\n"), "{quiet:?}");
    let json = node
        .command_with_input(&["firewall", "test", "--json", &script], STANZAS)
        .await;
    let lines: Vec<Value> = stdout(&json)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["decided_by"]["line"], 11);
    assert_eq!(lines[3]["verdict"], "bounce");
    assert_eq!(lines[5]["summary"]["dropped"], 2);
}

#[tokio::test]
async fn a_stream_a_chain_and_a_world_can_be_given() {
    let (node, script) = node().await;
    let stream = format!(
        "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         version='1.0'>\n{STANZAS}</stream:stream>\n"
    );
    let arguments = ["firewall", "test", "--chain", "preroute", &script];
    let output = node.command_with_input(&arguments, &stream).await;
    let told = stderr(&output);
    assert!(
        output.status.success() && told.contains("** 5\tpassed\n"),
        "{output:?}"
    );
    assert!(
        told.contains(&format!("** Log:\t[info] leaves ({script}:7)")),
        "{told}"
    );
    let context = node.write(
        "world.txt",
        "roster bob@localhost: a@b.example both\nmark user a@b.example: bad 1d ago\n",
    );
    let arguments = [
        "firewall",
        "explain",
        "--context",
        context.to_str().unwrap(),
        &script,
    ];
    let known = "<message from='a@b.example/x' to='bob@localhost'><body>2</body></message>";
    let output = node.command_with_input(&arguments, known).await;
    let told = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(
        told.contains("subscription of a@b.example in the roster of bob@localhost = both"),
        "{told}"
    );
    assert!(told.contains("result = listed"), "{told}");
    let broken = node.write("broken.txt", "roster bob@localhost a@b.example both\n");
    let arguments = [
        "firewall",
        "test",
        "--context",
        broken.to_str().unwrap(),
        &script,
    ];
    let output = node.command_with_input(&arguments, known).await;
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(stderr(&output).contains("broken.txt"), "{output:?}");
    let misspelt = ["firewall", "test", "--chain", "prerouted", &script];
    let output = node.command_with_input(&misspelt, STANZAS).await;
    assert!(!output.status.success(), "{output:?}");
    assert!(
        stderr(&output)
            .contains("no script has rules in the chain prerouted; there are rules in: "),
        "{output:?}"
    );
}

#[tokio::test]
async fn mistakes_of_input_and_scripts_are_named() {
    let (node, script) = node().await;
    let input = "<message from='a@b.example'/>\n<message><body></message>\n<message/>\n";
    let output = node
        .command_with_input(&["firewall", "test", &script], input)
        .await;
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        told.contains("line 2: not-well-formed") && told.contains("** 1\tprocessed\n"),
        "{told}"
    );
    let broken = node.write("broken.pfw", "FLY.\n");
    for command in ["test", "explain"] {
        let arguments = ["firewall", command, broken.to_str().unwrap()];
        let output = node.command_with_input(&arguments, input).await;
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        assert!(stderr(&output).contains("FLY"), "{output:?}");
    }
    let nothing = node.command(&["firewall", "explain", &script]).await;
    assert!(!nothing.status.success(), "{nothing:?}");
}

#[tokio::test]
async fn a_stanza_is_explained_offline() {
    let (node, script) = node().await;
    let arguments = [
        "firewall",
        "explain",
        "--from",
        "x@spam.example/y",
        "--to",
        "bob@localhost",
    ];
    let output = node.command(&arguments).await;
    let told = stdout(&output);
    for part in [
        "chain deliver of localhost",
        "line 11: matches",
        "✓ FROM: <*>@spam.example",
        "from = x@spam.example/y",
        "verdict: drop",
        &format!("decided by: {script}:11 (chain deliver)"),
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let stanza = node.write(
        "stanza.xml",
        "<presence from='alice@localhost/x' to='bob@localhost'/>",
    );
    let stanza = stanza.to_str().unwrap();
    let output = node
        .command(&["firewall", "explain", "--stanza", stanza, "--json", &script])
        .await;
    let told: Value = serde_json::from_str(&stdout(&output))
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(told[0]["chain"], "preroute", "{told}");
    assert_eq!(told[1]["verdict"], "pass", "{told}");
    let rule = &told[1]["parts"][0]["rules"][0];
    assert_eq!(
        (&rule["is_left_out"], &rule["conditions"][0]["held"]),
        (&true.into(), &"no".into())
    );
}

#[tokio::test]
async fn the_running_node_explains_and_changes_nothing() {
    let (node, script) = node().await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let marked = node
        .command(&["firewall", "mark", "alice@localhost", "bad"])
        .await;
    assert!(marked.status.success(), "{marked:?}");
    let to = format!("bob@{HOST}");
    // More often than the limiter allows: it is looked at, and the list stays as it is.
    for _ in 0..4 {
        let arguments = [
            "firewall",
            "explain",
            "--node",
            "--from",
            "alice@localhost/desk",
            "--to",
            &to,
        ];
        let output = node.command(&arguments).await;
        let told = stdout(&output);
        for part in [
            "chain preroute of localhost",
            "chain deliver of localhost",
            "balance = 2.00 of 2 events, 1 a second",
            "subscription of alice@localhost in the roster of bob@localhost = both",
            "result = listed, added by a rule, by this stanza",
            "mark bad of the account = set",
            "verdict: drop",
            &format!("decided by: {script}:24 (chain deliver)"),
        ] {
            assert!(
                told.contains(part),
                "{part} is not in\n{told}\n{}",
                stderr(&output)
            );
        }
    }
    let unmarked = node
        .command(&["firewall", "unmark", "alice@localhost", "bad"])
        .await;
    assert!(unmarked.status.success(), "{unmarked:?}");
    send(&mut alice, &to, "one").await;
    bob.expect("<message><body>one</body></message>").await;
    let stranger = "<message from='x@spam.example' to='bob@localhost'><body>x</body></message>";
    let arguments = [
        "firewall", "explain", "--node", "--json", "--chain", "deliver",
    ];
    let output = node.command_with_input(&arguments, stranger).await;
    let told: Value = serde_json::from_str(&stdout(&output))
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(
        (&told[0]["verdict"], told.as_array().unwrap().len()),
        (&"drop".into(), 1)
    );
    bob.expect_nothing().await;
}

#[tokio::test]
async fn what_can_not_be_explained_is_refused() {
    let (node, _) = node().await;
    for (more, part) in [
        (["--session", "alice@localhost/away"], "is not connected"),
        (["--from", "@"], "@"),
        (["--chain", "user/none"], "no rule"),
    ] {
        let arguments = [
            &["firewall", "explain", "--node", "--to", "bob@localhost"][..],
            &more,
        ]
        .concat();
        let output = node.command(&arguments).await;
        let said = stderr(&output) + &stdout(&output);
        assert!(said.contains(part), "{part} is not in {output:?}");
    }
}

/// A `firewall trace` that runs until it has what it was asked for.
struct Watcher {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Watcher {
    async fn start(node: &TestNode, arguments: &[&str]) -> Self {
        let mut child = Command::new(program_file())
            .arg("--config")
            .arg(node.directory().join("portcullis.toml"))
            .args(["firewall", "trace"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut watcher = Self { child, out, err };
        assert_eq!(watcher.note().await, "tracing; interrupt to end");
        watcher
    }

    async fn note(&mut self) -> String {
        let line = timeout(DEADLINE, self.err.next_line())
            .await
            .expect("a line in time");
        line.unwrap().unwrap_or_default()
    }

    async fn line(&mut self) -> String {
        let line = timeout(DEADLINE, self.out.next_line())
            .await
            .expect("a line in time");
        line.unwrap().unwrap_or_default()
    }

    async fn json(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    async fn ends(mut self) {
        let status = timeout(DEADLINE, self.child.wait())
            .await
            .expect("an end in time");
        assert!(status.unwrap().success());
    }
}

#[tokio::test]
async fn traces_are_shown_as_stanzas_come() {
    let (node, script) = node().await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    let mut all = Watcher::start(
        &node,
        &["--chain", "deliver", "--stanzas", "full", "--count", "1"],
    )
    .await;
    let mut own = Watcher::start(
        &node,
        &["--json", "--jid", "bob@localhost/phone", "--count", "2"],
    )
    .await;
    send(&mut alice, "bob@localhost/phone", "hello").await;
    bob.expect("<message><body>hello</body></message>").await;
    let mut shown = String::new();
    while !shown.contains("end of the chain") {
        shown += &(all.line().await + "\n");
    }
    for part in [
        "localhost alice@localhost/desk to bob@localhost/phone: pass",
        "<body>hello</body></message>",
        &format!("{script}, chain deliver"),
        "✓ KIND: message",
        "✗ LIMIT: slow on $<@from|bare>",
        "✗ IN ROSTER?",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    all.ends().await;
    let (first, second) = (own.json().await, own.json().await);
    assert_eq!(
        (&first["report"]["chain"], &second["report"]["chain"]),
        (&"preroute".into(), &"deliver".into())
    );
    assert!(
        first["stanza"].as_str().unwrap().starts_with("<message ")
            && !first.to_string().contains("hello")
    );
    own.ends().await;
}

#[tokio::test]
async fn traces_are_chosen_by_rule_and_tag() {
    let (node, _) = node().await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    let mut by_rule =
        Watcher::start(&node, &["--json", "--rule", "rules.pfw:6", "--count", "1"]).await;
    let mut tagged = Watcher::start(&node, &["--json", "--tag", "known", "--count", "1"]).await;
    let mut untagged = Watcher::start(
        &node,
        &[
            "--json", "--tag", "untagged", "--chain", "deliver", "--count", "1",
        ],
    )
    .await;
    send(&mut alice, "bob@localhost/phone", "one").await;
    bob.expect("<message><body>one</body></message>").await;
    assert_eq!(by_rule.json().await["report"]["chain"], "preroute");
    assert_eq!(untagged.json().await["from"], "alice@localhost/desk");
    crate::subscription::befriend(&mut alice, &mut bob).await;
    send(&mut alice, "bob@localhost/phone", "two").await;
    bob.skip_to("<message><body>two</body></message>").await;
    let trace = tagged.json().await;
    assert_eq!(
        (&trace["tag"], &trace["report"]["chain"]),
        (&"known".into(), &"deliver".into())
    );
    for watcher in [by_rule, tagged, untagged] {
        watcher.ends().await;
    }
}

#[tokio::test]
async fn too_many_traces_are_left_out_and_counted() {
    let (node, _) = node().await;
    let mut alice = node.online("alice/desk").await;
    let mut watcher = Watcher::start(
        &node,
        &["--chain", "preroute", "--rate", "1", "--stanzas", "none"],
    )
    .await;
    for n in 0..50 {
        send(&mut alice, "nobody@localhost", &n.to_string()).await;
    }
    let note = watcher.note().await;
    assert!(
        note.ends_with("traces were left out: there were too many"),
        "{note}"
    );
    // A client that leaves is forgotten: as many as may watch again.
    drop(watcher);
    for wrong in [
        ["--rule", "rules.pfw"],
        ["--jid", "@"],
        ["--host", "elsewhere.example"],
        ["--rate", "0"],
    ] {
        let output = node
            .command(&[&["firewall", "trace"][..], &wrong].concat())
            .await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

#[tokio::test]
async fn a_script_that_asks_for_traces_has_them_in_the_log() {
    let directory = tempfile::tempdir().unwrap().keep();
    let path = directory.join("traced.pfw");
    let script = "@@ trace = on\n@@ purpose = none\n\n::preroute\n\nKIND: message\nJUMP CHAIN=user/x\n\n::user/x\n\nTAG TRACE=mine\n";
    std::fs::write(&path, script).unwrap();
    let toml = format!("[firewall]\nscripts = [{path:?}]");
    let node = TestNode::with_users(&toml, &["alice"]).await;
    let mut alice = node.online("alice/desk").await;
    send(&mut alice, "alice@localhost/desk", "logged").await;
    alice.expect("<message><body>logged</body></message>").await;
    let log = node.log();
    let traces: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("firewall::trace") && line.contains("message"))
        .collect();
    assert!(traces.len() >= 2, "{log}");
    assert!(
        traces[0].contains("user/x") && traces[0].contains("→ TAG TRACE=mine"),
        "inner chains come first: {log}"
    );
    assert!(
        traces[1].contains("✓ KIND: message → JUMP CHAIN=user/x") && traces[1].contains("mine"),
        "{log}"
    );
}
