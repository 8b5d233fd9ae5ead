use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::protocol::{Answer, Command, MAX_REQUEST, Reloaded};
use super::*;
use crate::observe::State;
use crate::supervise::{ActorPath, Slot};
use crate::test_node::TestCore;

struct Served {
    node: TestCore,
    slot: Slot<AdminSocket>,
    path: PathBuf,
    orders: Orders,
}

async fn served() -> Served {
    let node = TestCore::start(&[]);
    let path = node.directory.path().join("admin.sock");
    let (slot, orders) = open(&node, path.clone()).await;
    Served {
        node,
        slot,
        path,
        orders,
    }
}

async fn open(node: &TestCore, socket: PathBuf) -> (Slot<AdminSocket>, Orders) {
    let (handle, orders) = order_channel();
    let console = Console::new(node.core.clone(), handle);
    let path = ActorPath::root("console").child("socket");
    let here = actix_rt::Arbiter::current();
    let factory = move |_: &_| AdminSocket::new(console.clone(), socket.clone());
    let slot = node.core.tree.spawn(path, &here, factory).unwrap();
    node.core
        .tree
        .until(|_| slot.state() == State::Running)
        .await;
    (slot, orders)
}

struct Client(BufReader<UnixStream>);

impl Client {
    async fn connect(served: &Served) -> Self {
        Self(BufReader::new(
            UnixStream::connect(&served.path).await.unwrap(),
        ))
    }

    async fn say(&mut self, line: &str) -> Value {
        self.0.get_mut().write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).await.unwrap();
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }

    async fn ask(&mut self, command: Value) -> Value {
        let request = json!({ "version": 1, "command": command });
        self.say(&format!("{request}\n")).await
    }
}

#[actix_rt::test]
async fn one_connection_manages_accounts() {
    let served = served().await;
    let mut client = Client::connect(&served).await;
    let add = json!({ "user-add": { "jid": "a@localhost", "password": "x", "role": "admin" } });
    assert_eq!(client.ask(add.clone()).await, json!("done"));
    let refused = client.ask(add).await;
    assert_eq!(
        refused["refused"]["problems"][0],
        "a@localhost: the account exists already"
    );
    let listed = client
        .ask(json!({ "user-list": { "host": "localhost", "after": null } }))
        .await;
    assert_eq!(listed["users"]["users"][0]["role"], "admin");
    assert_eq!(
        client
            .ask(json!({ "user-delete": { "jid": "a@localhost" } }))
            .await,
        json!("done")
    );
    served.node.stop().await;
}

#[actix_rt::test]
async fn only_the_own_user_may_open_it_and_it_leaves_nothing_behind() {
    let served = served().await;
    let mode = std::fs::metadata(&served.path)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    served.slot.stop();
    served
        .node
        .core
        .tree
        .until(|_| served.slot.state() == State::Stopped)
        .await;
    assert!(!served.path.exists());
    served.node.stop().await;
}

#[actix_rt::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let node = TestCore::start(&[]);
    let path = node.directory.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (slot, _orders) = open(&node, path.clone()).await;
    assert!(UnixStream::connect(&path).await.is_ok());
    slot.stop();
    node.core
        .tree
        .until(|_| slot.state() == State::Stopped)
        .await;
    let _alive = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let (slot, _orders) = open(&node, path.clone()).await;
    let seen = node
        .core
        .tree
        .observe(slot.path(), Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(seen.report.unwrap()["is_listening"], false);
    slot.stop();
    node.core
        .tree
        .until(|_| slot.state() == State::Stopped)
        .await;
    assert!(path.exists(), "it belongs to somebody else");
    node.stop().await;
}

#[actix_rt::test]
async fn nonsense_is_refused() {
    let served = served().await;
    for (line, problem) in [
        ("{\"version\":2,\"command\":\"status\"}\n", "version 1"),
        ("{\"version\":1,\"command\":\"explode\"}\n", "known command"),
        ("\n", "known command"),
        (&*"x".repeat(MAX_REQUEST), "one line"),
    ] {
        let mut client = Client::connect(&served).await;
        let answer = client.say(line).await;
        let said = answer["refused"]["problems"][0].as_str().unwrap();
        assert!(said.contains(problem), "{said}");
    }
    served.node.stop().await;
}

#[actix_rt::test]
async fn a_panic_costs_the_socket_a_moment() {
    let served = served().await;
    let mut client = Client::connect(&served).await;
    let told = client
        .ask(json!({ "actor-panic": { "path": "console/socket" } }))
        .await;
    assert_eq!(told["told"]["actors"], 1);
    let tree = &served.node.core.tree;
    let is_again =
        |status: crate::observe::Status| status.restarts == 1 && status.state == State::Running;
    tree.until(|tree| tree.status(served.slot.path()).is_some_and(is_again))
        .await;
    let status = Client::connect(&served).await.ask(json!("status")).await;
    assert_eq!(status["status"]["hosts"], json!([]));
    let still = client
        .ask(json!({ "actor-list": { "within": "console", "after": null } }))
        .await;
    assert_eq!(
        still["actors"]["actors"][0]["path"], "console/socket",
        "who was served still is"
    );
    served.node.stop().await;
}

#[actix_rt::test]
async fn actors_that_are_not_there_are_told_nothing() {
    let served = served().await;
    let mut client = Client::connect(&served).await;
    for command in ["actor-restart", "actor-stop", "actor-panic"] {
        for path in ["sessions/17", "a//b"] {
            let answer = client.ask(json!({ command: { "path": path } })).await;
            assert!(
                answer["refused"]["problems"][0].is_string(),
                "{command} {path}"
            );
        }
    }
    served.node.stop().await;
}

async fn order(orders: &mut Orders) -> Order {
    match orders.recv().await.unwrap() {
        Errand::Order(order) => order,
        Errand::Talk(talk, _) => panic!("{talk:?}"),
    }
}

#[actix_rt::test]
async fn a_talk_is_left_to_the_node_with_its_connection() {
    let mut served = served().await;
    let mut client = Client::connect(&served).await;
    let node = async {
        let Some(Errand::Talk(Talk::Handover, mut stream)) = served.orders.recv().await else {
            panic!("no talk");
        };
        stream.write_all(b"\"done\"\n").await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.ask(json!("handover")), node);
    assert_eq!(answer, json!("done"));
    served.orders.close();
    let refused = Client::connect(&served).await.ask(json!("upgrade")).await;
    let problem = refused["refused"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("the node is stopping"), "{problem}");
    served.node.stop().await;
}

#[actix_rt::test]
async fn a_reload_is_the_business_of_the_node() {
    let mut served = served().await;
    let mut client = Client::connect(&served).await;
    let node = async {
        let done = Reloaded {
            changes: vec!["one".into()],
            warnings: Vec::new(),
        };
        order(&mut served.orders).await.answer(Ok(done).into());
        let refusal = Err(vec!["wrong".into(), "worse".into()]);
        order(&mut served.orders).await.answer(refusal.into());
        served.orders.close();
    };
    let asked = async {
        assert_eq!(
            client.ask(json!("reload")).await["reloaded"]["changes"],
            json!(["one"])
        );
        assert_eq!(
            client.ask(json!("reload")).await["refused"]["problems"],
            json!(["wrong", "worse"])
        );
    };
    tokio::join!(node, asked);
    let gone = client.ask(json!("reload")).await;
    assert!(
        gone["refused"]["problems"][0]
            .as_str()
            .unwrap()
            .contains("stopping")
    );
    served.node.stop().await;
}

#[actix_rt::test]
async fn lists_of_actors_come_in_pages() {
    let node = TestCore::start(&[]);
    let (handle, _orders) = order_channel();
    let console = Console::new(node.core.clone(), handle);
    for number in 0..protocol::PAGE + 1 {
        let user = xmpp::jid::BareJid::new(&format!("u{number:04}@localhost")).unwrap();
        node.core.account(&user, 0);
    }
    let list = |after| Command::ActorList {
        within: Some("accounts".into()),
        after,
    };
    let Answer::Actors { actors, next } = console.run(list(None)).await else {
        panic!()
    };
    assert_eq!(actors.len(), protocol::PAGE);
    let Answer::Actors { actors, next } = console.run(list(next)).await else {
        panic!()
    };
    assert_eq!((actors.len(), next), (1, None));
    node.stop().await;
}
