use std::fs;
use std::path::Path;
use std::time::Duration;

use portcullis_config::{Config, Sources};
use rules::Verdict;
use rules::world::World;
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::*;
use crate::arbiters::Arbiters;
use crate::observe::State;
use crate::supervise::ActorPath;

pub(super) const HOST: &str = "example.com";

fn config(directory: &Path, scripts: &[&str]) -> Config {
    let file = directory.join("portcullis.toml");
    let scripts: Vec<String> = scripts.iter().map(|name| format!("{name:?}")).collect();
    let toml = format!(
        "[host.{HOST:?}]\n[firewall]\nscripts = [{}]\n",
        scripts.join(", ")
    );
    fs::write(&file, toml).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    portcullis_config::load(&sources).unwrap().config
}

fn verdict(firewall: &Firewall, from: &str) -> Verdict {
    let xml = format!("<message from='{from}' to='bob@{HOST}'/>");
    let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap();
    firewall
        .ruleset(HOST)
        .unwrap()
        .run("deliver", &stanza, &World::default())
        .verdict
}

pub(super) struct Fixture {
    pub(super) directory: tempfile::TempDir,
    tree: Tree,
    arbiters: Arbiters,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            tree: Tree::new(),
            arbiters: Arbiters::start(1).unwrap(),
        }
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(
            self.directory.path().join(name),
            text.replace("@DIR@", &self.directory.path().display().to_string()),
        )
        .unwrap();
    }

    pub(super) fn config(&self, scripts: &[&str]) -> Config {
        config(self.directory.path(), scripts)
    }

    pub(super) fn start(&self, scripts: &[&str]) -> Firewall {
        Firewall::start(&self.tree, &self.arbiters.workers(), &self.config(scripts)).unwrap()
    }

    fn path(&self, script: &str, kind: &str, name: &str) -> ActorPath {
        let script = self.directory.path().join(script);
        ActorPath::root("firewall")
            .child(HOST)
            .child(script.display())
            .child(kind)
            .child(name)
    }

    pub(super) async fn running(&self, path: &ActorPath) -> bool {
        for _ in 0..200 {
            if self
                .tree
                .status(path)
                .is_some_and(|status| status.state == State::Running)
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

#[actix_rt::test]
async fn broken_reload_changes_nothing() {
    let fixture = Fixture::new();
    fixture.write("a.pfw", "FROM: spam.example\nDROP.\n");
    let firewall = fixture.start(&["a.pfw"]);
    assert_eq!(verdict(&firewall, "spam.example"), Verdict::Drop);
    fixture.write("a.pfw", "PASS.\n");
    fixture.write("b.pfw", "FORM: x\nDROP.\n\nKIND: message\nEXPLODE.\n");
    let problems = firewall
        .reload(&fixture.config(&["a.pfw", "b.pfw"]))
        .unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].to_string().contains("did you mean `FROM`?"),
        "{}",
        problems[0]
    );
    assert!(
        problems[1].to_string().contains("b.pfw:5:1"),
        "{}",
        problems[1]
    );
    assert_eq!(verdict(&firewall, "spam.example"), Verdict::Drop);
    assert!(firewall.sees_deliver(HOST));
}

#[actix_rt::test]
async fn reload_keeps_the_state_of_what_did_not_change() {
    let fixture = Fixture::new();
    let definitions = "%RATE r: 0.001\n%LIST l: memory\n\n";
    let first = format!(
        "{definitions}CHECK LIST: l contains $<@from>\nBOUNCE.\n\nADD TO=l $<@from>\n\nLIMIT: r\nDROP.\n"
    );
    fixture.write("a.pfw", &first);
    let firewall = fixture.start(&["a.pfw"]);
    assert_eq!(verdict(&firewall, "one.example"), Verdict::Pass);
    assert_eq!(verdict(&firewall, "one.example"), Verdict::Bounce);
    fixture.write("a.pfw", &format!("# changed\n{first}"));
    firewall.reload(&fixture.config(&["a.pfw"])).unwrap();
    assert_eq!(verdict(&firewall, "one.example"), Verdict::Bounce);
    assert_eq!(verdict(&firewall, "two.example"), Verdict::Drop);
}

#[actix_rt::test]
async fn changed_list_file_is_read_again() {
    let fixture = Fixture::new();
    fixture.write("list.txt", "one.example\n");
    fixture.write(
        "a.pfw",
        "%LIST l: file:@DIR@/list.txt\n\nCHECK LIST: l contains $<@from|host>\nDROP.\n",
    );
    let firewall = fixture.start(&["a.pfw"]);
    assert_eq!(verdict(&firewall, "two.example"), Verdict::Pass);
    fixture.write("list.txt", "one.example\ntwo.example\n");
    for _ in 0..100 {
        if verdict(&firewall, "two.example") == Verdict::Drop {
            return;
        }
        tokio::time::sleep(list_file::LOOK_EVERY / 20).await;
    }
    panic!("the file was not read again");
}

#[actix_rt::test]
async fn vanished_list_file_leaves_the_last_good_entries() {
    let fixture = Fixture::new();
    fixture.write("list.txt", "one.example\n");
    fixture.write(
        "a.pfw",
        "%LIST l: file:@DIR@/list.txt\n\nCHECK LIST: l contains $<@from|host>\nDROP.\n",
    );
    let firewall = fixture.start(&["a.pfw"]);
    fs::remove_file(fixture.directory.path().join("list.txt")).unwrap();
    assert!(firewall.reload(&fixture.config(&["a.pfw"])).is_err());
    assert_eq!(verdict(&firewall, "one.example"), Verdict::Drop);
}

#[actix_rt::test]
async fn panic_of_a_part_costs_nothing_that_rules_use() {
    let fixture = Fixture::new();
    fixture.write(
        "a.pfw",
        "%RATE r: 0.001\n%LIST l: memory\n\nLIMIT: r\nDROP.\n\nADD TO=l x\n",
    );
    let firewall = fixture.start(&["a.pfw"]);
    assert_eq!(verdict(&firewall, "one.example"), Verdict::Pass);
    for (kind, name) in [("limiters", "r"), ("lists", "l"), ("chains", "deliver")] {
        let path = fixture.path("a.pfw", kind, name);
        assert!(fixture.running(&path).await, "{path:?}");
        assert!(fixture.tree.inject_panic(&path));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(fixture.running(&path).await, "{path:?}");
    }
    assert_eq!(verdict(&firewall, "one.example"), Verdict::Drop);
}

#[actix_rt::test]
async fn parts_follow_the_scripts() {
    let fixture = Fixture::new();
    fixture.write("a.pfw", "%ZONE z: x.example\n\nENTERING: z\nDROP.\n");
    let firewall = fixture.start(&["a.pfw"]);
    let zone = fixture.path("a.pfw", "zones", "z");
    assert!(fixture.running(&zone).await);
    fixture.write("a.pfw", "DROP.\n");
    firewall.reload(&fixture.config(&["a.pfw"])).unwrap();
    for _ in 0..200 {
        if fixture.tree.status(&zone).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the zone's actor is still there");
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let script = "%LIST p: pubsubitemid:pubsub.example/spam\n%LIST h: https://me:secret@x.example/l\n\nPASS.\n";
    fs::write(directory.path().join("a.pfw"), script).unwrap();
    let (problems, _) = check(&config(directory.path(), &["a.pfw"]));
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for reason in ["'pubsubitemid'", "holds a user or a password"] {
        assert!(
            shown.iter().any(|one| one.contains(reason)),
            "{reason}: {shown:?}"
        );
    }
}
