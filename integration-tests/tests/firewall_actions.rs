//! Every action of the rules, and every chain, on a running node.

use harness::{HOST, TestClient, TestNode};
use tempfile::TempDir;

/// A node with one script.
pub(crate) struct Scene {
    pub(crate) node: TestNode,
    files: TempDir,
}

impl Scene {
    /// Starts a node with this script for all hosts, these further settings and users.
    pub(crate) async fn new(script: &str, toml: &str, users: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("test.pfw");
        std::fs::write(&path, script).unwrap();
        let mut config: toml::Table = toml.parse().unwrap();
        let firewall = config
            .entry("firewall")
            .or_insert_with(|| toml::Table::new().into());
        let scripts = vec![toml::Value::from(path.to_str().unwrap())];
        let table = firewall.as_table_mut().unwrap();
        table.insert("scripts".into(), scripts.into());
        let node = TestNode::with_users(&config.to_string(), users).await;
        Self { node, files }
    }

    /// Alice, bob and carol, all online.
    async fn three(script: &str) -> (Self, TestClient, TestClient, TestClient) {
        let scene = Self::new(script, "", &["alice", "bob", "carol"]).await;
        let alice = scene.node.online("alice/desk").await;
        let bob = scene.node.online("bob/phone").await;
        let carol = scene.node.online("carol/tab").await;
        (scene, alice, bob, carol)
    }

    /// Another script, from now on.
    async fn reload(&self, script: &str) {
        std::fs::write(self.files.path().join("test.pfw"), script).unwrap();
        let taken = self.node.reload().await;
        assert!(taken.status.success(), "{taken:?}");
    }
}

/// A rule for messages whose body says `body`.
fn on(body: &str, actions: &str) -> String {
    format!("KIND: message\nINSPECT: body#={body}\n{actions}\n\n")
}

pub(crate) async fn say(from: &mut TestClient, to: &str, body: &str) {
    from.send(&format!(
        "<message to='{to}' type='chat' id='of-{body}'><body>{body}</body></message>"
    ))
    .await;
}

fn said(from: &TestClient, body: &str) -> String {
    format!(
        "<message from='{}' type='chat'><body>{body}</body></message>",
        from.jid
    )
}

fn refused(from: &str, body: &str, condition: &str) -> String {
    format!(
        "<message type='error' from='{from}' id='of-{body}'><error>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    )
}

#[tokio::test]
async fn pass_drop_default_return_and_jump_chain_end_a_chain_or_do_not() {
    let script = [
        "::deliver\n\n",
        &on("pass", "PASS."),
        &on("drop", "DROP."),
        &on("default", "DEFAULT."),
        &on("return", "JUMP CHAIN=user/returns"),
        &on("jump", "JUMP CHAIN=user/decides"),
        &on("pass", "DROP."),
        "::user/returns\n\nRETURN.\n\nDROP.\n\n::user/decides\n\nBOUNCE=gone (moved)\n",
    ];
    let (_scene, mut alice, mut bob, _) = Scene::three(&script.concat()).await;
    let to = bob.jid.clone();
    for body in ["pass", "drop", "default", "return", "jump", "last"] {
        say(&mut alice, &to, body).await;
    }
    for body in ["pass", "return", "last"] {
        bob.expect(&said(&alice, body)).await;
    }
    alice
        .expect(&refused(&to, "default", "service-unavailable"))
        .await;
    alice.expect(&refused(&to, "jump", "gone")).await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn bounce_and_reply_answer_the_sender_and_never_an_answer() {
    let script = [
        "::deliver\n\n",
        &on("away", "REPLY=We are closed.\nDROP."),
        "NOT KIND: iq\nTO: <*>@<*>/<*>\nREPLY=never\nBOUNCE=policy-violation:cancel (no)\n\n",
        "KIND: iq\nTYPE: result error\nTO: <*>@<*>/<*>\nBOUNCE.\n",
    ];
    let (_scene, mut alice, mut bob, _) = Scene::three(&script.concat()).await;
    let to = bob.jid.clone();
    say(&mut alice, &to, "away").await;
    alice
        .expect(&format!(
            "<message from='{to}' to='{}' type='chat' id='of-away'><body>We are closed.</body></message>",
            alice.jid
        ))
        .await;
    alice.send(&format!("<presence to='{to}' id='p1'/>")).await;
    alice
        .expect(
            "<presence type='error' id='p1'><error type='cancel'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></presence>",
        )
        .await;
    alice
        .send(&format!(
            "<message to='{to}' type='error' id='e1'/><iq to='{to}' type='result' id='r1'/>"
        ))
        .await;
    alice.expect_nothing().await;
    bob.expect_nothing().await;
}

#[tokio::test]
async fn copy_redirect_forward_and_report_send_stanzas_elsewhere() {
    let script = [
        "::deliver\n\nTO: carol@<*>\nPASS.\n\n",
        &on("copy", "COPY=carol@localhost/tab"),
        &on("redirect", "REDIRECT=carol@localhost/tab"),
        &on("forward", "FORWARD=carol@localhost/tab\nDROP."),
        &on(
            "report",
            "REPORT TO=carol@localhost/tab spam Caught it\nDROP.",
        ),
    ];
    let (_scene, mut alice, mut bob, mut carol) = Scene::three(&script.concat()).await;
    let to = bob.jid.clone();
    for body in ["copy", "redirect", "forward", "report", "last"] {
        say(&mut alice, &to, body).await;
    }
    bob.expect(&said(&alice, "copy")).await;
    bob.expect(&said(&alice, "last")).await;
    carol.expect(&said(&alice, "copy")).await;
    carol.expect(&said(&alice, "redirect")).await;
    let inner = |body: &str| {
        format!(
            "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{}' to='{to}' type='chat'>\
             <body>{body}</body></message></forwarded>",
            alice.jid
        )
    };
    carol
        .expect(&format!(
            "<message from='{HOST}' to='carol@{HOST}/tab'>{}</message>",
            inner("forward")
        ))
        .await;
    carol
        .expect(&format!(
            "<message from='{HOST}' id='*'>{}<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>\
             <text>Caught it</text></report></message>",
            inner("report")
        ))
        .await;
    alice.expect_nothing().await;
}

/// What a rule makes in the name of the host is nothing that a client has to hear of.
#[tokio::test]
async fn a_forward_that_reaches_nobody_is_not_the_sender_s_error() {
    let script = [
        "::deliver\n\n",
        &on(
            "x",
            "FORWARD=nobody@localhost\nFORWARD=a@elsewhere.example\nREPORT TO=not a jid",
        ),
    ];
    let (_scene, mut alice, mut bob, _) = Scene::three(&script.concat()).await;
    say(&mut alice, &bob.jid, "x").await;
    bob.expect(&said(&alice, "x")).await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn strip_inject_and_log_see_what_those_before_them_did() {
    let script = "::deliver\n\nPAYLOAD: t:secret\nSTRIP=tag t:secret\nINJECT=<seen xmlns='t:seen'>2</seen>\n\
                  LOG=[warn] cleaned $<@from|bare> $<{t:seen}seen#> $<{t:secret}tag#||\"none\">\n";
    let (scene, mut alice, mut bob, _) = Scene::three(script).await;
    alice
        .send(&format!(
            "<message to='{}'><body>x</body><tag xmlns='t:secret'>s</tag></message>",
            bob.jid
        ))
        .await;
    let got = bob
        .expect("<message><body>x</body><seen xmlns='t:seen'>2</seen></message>")
        .await;
    assert!(got.child("tag").is_none(), "{got}");
    until_logged(&scene.node, &mut alice, "cleaned alice@localhost 2 none").await;
}

/// Lines reach the log by another thread.
async fn until_logged(node: &TestNode, client: &mut TestClient, text: &str) {
    for _ in 0..1000 {
        if node.log().contains(text) {
            return;
        }
        client.sync().await;
    }
    panic!("not logged: {text}");
}

#[tokio::test]
async fn marks_of_a_session_are_its_own() {
    let script = [
        "::preroute\n\n",
        &on("mark", "MARK ORIGIN=seen"),
        &on("unmark", "UNMARK ORIGIN=seen"),
        "KIND: message\nORIGIN MARKED: seen (3600s)\nINJECT=<young xmlns='t:m'/>\n\n",
        "KIND: message\nORIGIN MARKED: seen\nINJECT=<marked xmlns='t:m'/>\n",
    ];
    let (scene, mut alice, mut bob, _) = Scene::three(&script.concat()).await;
    let mut other = scene.node.online("alice/phone").await;
    let to = bob.jid.clone();
    let got = async |from: &mut TestClient, bob: &mut TestClient, body: &str| {
        say(from, &to, body).await;
        let got = bob.skip_to("<message/>").await;
        (got.child("marked").is_some(), got.child("young").is_some())
    };
    assert_eq!(got(&mut alice, &mut bob, "a").await, (false, false));
    assert_eq!(got(&mut alice, &mut bob, "mark").await, (true, true));
    assert_eq!(got(&mut alice, &mut bob, "b").await, (true, true));
    assert_eq!(got(&mut other, &mut bob, "c").await, (false, false));
    assert_eq!(got(&mut alice, &mut bob, "unmark").await, (false, false));
}

#[tokio::test]
async fn lists_grow_and_shrink_by_rules() {
    let script = [
        "%LIST known: memory\n\n::deliver\n\n",
        &on("add", "ADD TO=known $<@from|bare>\nPASS."),
        &on("remove", "REMOVE FROM=known $<@from|bare>\nPASS."),
        "KIND: message\nNOT CHECK LIST: known contains $<@from|bare>\nDROP.\n",
    ];
    let (_scene, mut alice, mut bob, mut carol) = Scene::three(&script.concat()).await;
    let to = bob.jid.clone();
    for body in ["no", "add", "yes", "remove", "nor"] {
        say(&mut alice, &to, body).await;
    }
    alice.sync().await;
    say(&mut carol, &to, "add").await;
    for body in ["add", "yes", "remove"] {
        bob.expect(&said(&alice, body)).await;
    }
    bob.expect(&said(&carol, "add")).await;
}

/// Rules about marks of users: `mark` and `unmark` do it, everything else shows it.
fn user_marks() -> String {
    [
        "::preroute\n\n",
        &on("mark", "MARK USER=spammer"),
        &on("unmark", "UNMARK USER=spammer"),
        "::deliver\n\nKIND: message\nUSER MARKED: spammer (3600s)\nINJECT=<marked xmlns='t:m'/>\n",
    ]
    .concat()
}

async fn is_marked(from: &mut TestClient, to: &mut TestClient, body: &str) -> bool {
    say(from, &to.jid, body).await;
    let got = to.skip_to("<message/>").await;
    assert_eq!(got.child("body").map(|body| body.text.as_str()), Some(body));
    got.child("marked").is_some()
}

#[tokio::test]
async fn marks_of_a_user_hold_for_all_sessions_and_survive_the_node() {
    let (mut scene, mut alice, mut bob, mut carol) = Scene::three(&user_marks()).await;
    let mut other = scene.node.online("alice/phone").await;
    assert!(!is_marked(&mut alice, &mut bob, "a").await);
    assert!(is_marked(&mut alice, &mut bob, "mark").await);
    assert!(is_marked(&mut other, &mut bob, "b").await);
    assert!(!is_marked(&mut carol, &mut bob, "c").await);
    crate::supervision::panic_at(&scene.node, "accounts/alice@localhost").await;
    assert!(is_marked(&mut other, &mut bob, "while the account is started anew").await);
    crate::supervision::expect_restarted(&scene.node, "accounts/alice@localhost").await;
    // The answer to a ping says that what came before is stored.
    alice.sync().await;
    scene.node.kill9().await;
    let mut alice = scene.node.online("alice/desk").await;
    let mut bob = scene.node.online("bob/phone").await;
    assert!(is_marked(&mut alice, &mut bob, "d").await);
    assert!(!is_marked(&mut alice, &mut bob, "unmark").await);
    alice.sync().await;
    scene.node.restart().await;
    let mut alice = scene.node.online("alice/desk").await;
    let mut bob = scene.node.online("bob/phone").await;
    assert!(!is_marked(&mut alice, &mut bob, "e").await);
}

#[tokio::test]
async fn operators_mark_users_with_the_node_and_without_it() {
    let (mut scene, mut alice, mut bob, _) = Scene::three(&user_marks()).await;
    let ask = async |node: &TestNode, what: &[&str]| {
        let output = node.command(&[&["firewall"], what].concat()).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text + &told)
    };
    let (ok, text) = ask(&scene.node, &["mark", "alice@localhost", "spammer"]).await;
    assert!(ok, "{text}");
    assert!(is_marked(&mut alice, &mut bob, "a").await);
    let (ok, text) = ask(&scene.node, &["marked", "localhost", "spammer"]).await;
    assert!(
        ok && text.starts_with("alice@localhost 20") && text.lines().count() == 1,
        "{text}"
    );
    let (ok, text) = ask(&scene.node, &["unmark", "alice@localhost", "spammer"]).await;
    assert!(ok, "{text}");
    assert!(!is_marked(&mut alice, &mut bob, "b").await);
    for mistake in [
        ["mark", "nobody@localhost", "spammer"],
        ["mark", "alice@localhost", "9lives"],
        ["marked", "elsewhere.example", "spammer"],
    ] {
        let (ok, text) = ask(&scene.node, &mistake).await;
        assert!(!ok && !text.is_empty(), "{mistake:?}");
    }
    scene.node.signal(rustix::process::Signal::TERM);
    scene.node.ended().await;
    let (ok, text) = ask(&scene.node, &["mark", "alice@localhost", "spammer"]).await;
    assert!(ok, "{text}");
    scene.node.start_again().await;
    let mut alice = scene.node.online("alice/desk").await;
    let mut bob = scene.node.online("bob/phone").await;
    assert!(is_marked(&mut alice, &mut bob, "c").await);
}

#[tokio::test]
async fn marks_end_with_the_account_and_begin_with_a_reload() {
    let (scene, mut alice, mut bob, _) = Scene::three("::preroute\n\nKIND: message\nPASS.\n").await;
    for user in ["alice@localhost", "carol@localhost"] {
        let marked = scene
            .node
            .command(&["firewall", "mark", user, "spammer"])
            .await;
        assert!(marked.status.success(), "{marked:?}");
    }
    assert!(!is_marked(&mut alice, &mut bob, "a").await);
    scene.reload(&user_marks()).await;
    assert!(
        is_marked(&mut alice, &mut bob, "b").await,
        "a session from before the rules"
    );
    let gone = scene
        .node
        .command(&["user", "delete", "alice@localhost"])
        .await;
    assert!(gone.status.success(), "{gone:?}");
    scene.node.add_user("alice").await;
    let mut alice = scene.node.online("alice/new").await;
    assert!(
        !is_marked(&mut alice, &mut bob, "c").await,
        "another account of that name"
    );
    let listed = scene
        .node
        .command(&["firewall", "marked", HOST, "spammer"])
        .await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.starts_with("carol@localhost ") && listed.lines().count() == 1,
        "{listed}"
    );
}

#[tokio::test]
async fn unsubscribe_sender_ends_the_subscription_on_both_sides() {
    let script = ["::deliver\n\n", &on("spam", "UNSUBSCRIBE SENDER.\nDROP.")];
    let (scene, mut alice, mut bob, mut carol) = Scene::three(&script.concat()).await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    say(&mut alice, &bob.jid, "spam").await;
    let (a, b) = (alice.bare().to_owned(), bob.bare().to_owned());
    let push = |jid: &str, subscription: &str| {
        format!(
            "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{jid}' subscription='{subscription}'/></query></iq>"
        )
    };
    alice
        .expect_all(&[
            &format!("<presence type='unavailable' from='{}'/>", bob.jid),
            &format!("<presence type='unsubscribed' from='{b}' to='{a}'/>"),
            &push(&b, "from"),
        ])
        .await;
    bob.expect(&push(&a, "to")).await;
    // A request that waits for its answer has got one; who has no subscription at all is left alone.
    carol
        .send(&format!("<presence type='subscribe' to='{b}'/>"))
        .await;
    let asked = format!("<presence type='subscribe' from='{}'/>", carol.bare());
    bob.expect(&asked).await;
    carol.sync().await;
    say(&mut carol, &bob.jid, "spam").await;
    carol
        .expect_all(&[
            &format!("<presence type='unsubscribed' from='{b}'/>"),
            &push(&b, "none"),
        ])
        .await;
    say(&mut carol, &bob.jid, "spam").await;
    carol.expect_nothing().await;
    bob.expect_nothing().await;
    // Nobody is asked again at the next log-in.
    let mut late = scene.node.online("bob/late").await;
    let waiting = late.sync().await;
    assert!(
        waiting
            .iter()
            .all(|stanza| stanza.attr("type") != Some("subscribe")),
        "{waiting:?}"
    );
}

/// Two users whose every stanza costs the other its subscription do not keep the node busy.
#[tokio::test]
async fn unsubscribing_each_other_comes_to_an_end() {
    let (scene, mut alice, mut bob, _) =
        Scene::three("::deliver\n\nFROM: <*>@<*>\nUNSUBSCRIBE SENDER.\n").await;
    say(&mut alice, &bob.jid, "x").await;
    bob.skip_to(&said(&alice, "x")).await;
    until_logged(&scene.node, &mut alice, "in a circle").await;
    alice.sync().await;
    bob.sync().await;
    alice.expect_nothing().await;
    bob.expect_nothing().await;
}

#[tokio::test]
async fn what_is_for_other_servers_passes_deliver_remote() {
    let script = [
        "::deliver_remote\n\n",
        &on("drop", "DROP."),
        &on("bounce", "BOUNCE=policy-violation"),
        &on("default", "DEFAULT."),
        &on("redirect", "REDIRECT=bob@localhost"),
        &on("copy", "COPY=bob@localhost"),
        "KIND: presence\nTYPE: subscribe\nBOUNCE=not-acceptable\n\n",
        "::deliver\n\nTO: <*>@elsewhere.example\nINJECT=<wrong xmlns='t:chain'/>\n",
    ];
    let (_scene, mut alice, mut bob, _) = Scene::three(&script.concat()).await;
    let to = "x@elsewhere.example";
    for (body, condition) in [
        ("drop", ""),
        ("bounce", "policy-violation"),
        ("default", "not-allowed"),
        ("other", "remote-server-not-found"),
        ("copy", "remote-server-not-found"),
        ("redirect", ""),
    ] {
        say(&mut alice, to, body).await;
        if !condition.is_empty() {
            alice.expect(&refused(to, body, condition)).await;
        }
    }
    for body in ["copy", "redirect"] {
        bob.expect(&said(&alice, body)).await;
    }
    alice
        .send("<iq to='elsewhere.example' type='get' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    alice
        .expect("<iq type='error' id='i1'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
        .await;
    alice
        .send(&format!("<presence to='{to}' type='subscribe'/>"))
        .await;
    alice
        .expect_all(&[
            "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='x@elsewhere.example' ask='subscribe'/></query></iq>",
            "<presence type='error'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
        ])
        .await;
    alice.expect_nothing().await;
}

/// A chain before `preroute`, one after it for some stanzas only, and one that only rules run.
const CHAINS: &str = "[firewall.extra_chains.early]\nevents = [\"pre-message/full\"]\norder = \"before\"\n\
                      [firewall.extra_chains.late]\nevents = [\"pre-message/bare\", \"route/remote\"]\n\
                      [firewall.extra_chains.own]\nevents = [\"custom/thing\"]\n";

#[tokio::test]
async fn chains_of_the_configuration_run_where_their_events_are() {
    let trace = |name: &str| format!("KIND: message\nINJECT=<{name} xmlns='t:chain'/>\n\n");
    let script = [
        "::late\n\n",
        &on("late", "BOUNCE=gone"),
        &trace("late"),
        "::preroute\n\n",
        &on("skip", "PASS."),
        &on("fire", "EVENT=custom/thing"),
        &on("jump", "JUMP EVENT=custom/thing"),
        &trace("built-in"),
        "::early\n\n",
        &on("early", "BOUNCE=conflict"),
        &trace("early"),
        "::own\n\n",
        &on("jump", "BOUNCE=item-not-found"),
        &trace("own"),
        "NOT KIND: message\nDROP.\n",
    ];
    let scene = Scene::new(&script.concat(), CHAINS, &["alice", "bob"]).await;
    let mut alice = scene.node.online("alice/desk").await;
    let mut bob = scene.node.online("bob/phone").await;
    let (full, bare) = (bob.jid.clone(), bob.bare().to_owned());
    for (to, body, trace) in [
        (&full, "a", vec!["early", "built-in"]),
        (&bare, "b", vec!["built-in", "late"]),
        (&bare, "skip", vec!["late"]),
        (&full, "skip", vec!["early"]),
        (&full, "fire", vec!["early", "own", "built-in"]),
    ] {
        say(&mut alice, to, body).await;
        let got = bob.expect(&said(&alice, body)).await;
        let seen = got.children.iter().filter(|child| child.ns == "t:chain");
        let seen: Vec<_> = seen.map(|child| child.name.as_str()).collect();
        assert_eq!(seen, trace, "{to} {body}");
    }
    say(&mut alice, &full, "early").await;
    alice.expect(&refused(&full, "early", "conflict")).await;
    say(&mut alice, &bare, "late").await;
    alice.expect(&refused(&bare, "late", "gone")).await;
    say(&mut alice, &full, "jump").await;
    alice
        .expect(&refused(&full, "jump", "item-not-found"))
        .await;
    say(&mut alice, "a@elsewhere.example", "late").await;
    alice
        .expect(&refused("a@elsewhere.example", "late", "gone"))
        .await;
    // Events are of one chain each: nothing else was dropped.
    alice.expect_nothing().await;
    bob.expect_nothing().await;
}

#[tokio::test]
async fn chains_and_events_that_do_not_exist_are_refused_by_name() {
    let node = TestNode::start("").await;
    let script = node.write(
        "a.pfw",
        "::early\n\nEVENT=resource-bind\n\nEVENT=message/bare\n",
    );
    let scripts = format!("firewall.scripts=[{script:?}]");
    let set = |event: &str| format!("firewall.extra_chains.early.events=[\"{event}\"]");
    let check = async |arguments: &[&str]| {
        let output = node.command(arguments).await;
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = check(&["--set", &scripts, "check"]).await;
    assert!(told.contains("Unknown chain: early"), "{told}");
    let told = check(&["--set", &scripts, "--set", &set("message/bare"), "check"]).await;
    assert!(
        told.contains("there is no event resource-bind here"),
        "{told}"
    );
    assert!(
        told.contains("rules can not fire the event message/bare"),
        "{told}"
    );
    let told = check(&["--set", &set("resource-bind"), "check"]).await;
    assert!(
        told.contains("firewall.extra_chains.early: there is no event resource-bind here"),
        "{told}"
    );
    assert!(told.contains("pre-message/bare"), "{told}");
}

#[tokio::test]
async fn an_event_that_fires_itself_costs_its_stanza_only() {
    let script = [
        "::own\n\nEVENT=custom/thing\nEVENT=custom/thing\n\n::preroute\n\n",
        &on("x", "EVENT=custom/thing"),
    ];
    let scene = Scene::new(&script.concat(), CHAINS, &["alice", "bob"]).await;
    let mut alice = scene.node.online("alice/desk").await;
    let mut bob = scene.node.online("bob/phone").await;
    say(&mut alice, &bob.jid, "x").await;
    say(&mut alice, &bob.jid, "y").await;
    bob.expect(&said(&alice, "y")).await;
    until_logged(&scene.node, &mut alice, "stanza dropped").await;
}
