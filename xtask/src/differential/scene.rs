//! The world in which all cases happen, told to both sides.

use std::collections::BTreeSet;

use rules::definitions::list::SharedContents;
use rules::definitions::list::contents::ListContents;
use rules::definitions::list::definition::{Backend, ListDefinition};
use rules::definitions::list::http::{Bounds, EntryReader};
use rules::world::{Roster, Session, World};
use rules::{LoadError, Loader, OriginKind, Subscription};
use serde_json::{Value, json};

/// The host whose firewall it is.
pub(crate) const HOST: &str = "example.com";

/// Names of the sessions.
pub(crate) const ORIGINS: &[&str] = &["alice", "bob", "server", "component"];

struct Client {
    name: &'static str,
    resource: &'static str,
    ip: &'static str,
    directed: &'static [&'static str],
}

const CLIENTS: &[Client] = &[
    Client {
        name: "alice",
        resource: "phone",
        ip: "192.0.2.1",
        directed: &["juliet@remote.example/orchard"],
    },
    Client {
        name: "bob",
        resource: "desk",
        ip: "2001:db8::7",
        directed: &["alice@example.com/phone", "romeo@remote.example/r"],
    },
];

struct Contact {
    owner: &'static str,
    contact: &'static str,
    subscription: &'static str,
    groups: &'static [&'static str],
}

const fn contact(
    owner: &'static str,
    contact: &'static str,
    subscription: &'static str,
    groups: &'static [&'static str],
) -> Contact {
    Contact {
        owner,
        contact,
        subscription,
        groups,
    }
}

const CONTACTS: &[Contact] = &[
    contact(
        "alice@example.com",
        "juliet@remote.example",
        "both",
        &["Friends"],
    ),
    contact(
        "alice@example.com",
        "bob@example.com",
        "to",
        &["Work", "Friends"],
    ),
    contact("alice@example.com", "spam12@remote.example", "none", &[]),
    contact("bob@example.com", "alice@example.com", "from", &["Friends"]),
    contact("bob@example.com", "juliet@remote.example", "to", &[]),
    contact(
        "carol@example.com",
        "juliet@remote.example",
        "from",
        &["Work"],
    ),
    contact("carol@example.com", "alice@example.com", "both", &[]),
];

const PENDING: &[(&str, &str)] = &[
    ("alice@example.com", "romeo@remote.example"),
    ("carol@example.com", "bob@example.com"),
];

const GROUPS: &[(&str, &[&str])] = &[
    ("staff", &["alice@example.com", "carol@example.com"]),
    ("all guests", &["bob@example.com", "juliet@remote.example"]),
];

const ADMINS: &[(&str, &[&str])] = &[
    ("*", &["root@example.com"]),
    ("example.com", &["carol@example.com"]),
    ("other.example", &["alice@example.com"]),
];

const FILES: &[(&str, &str)] = &[
    (
        "/lists/words",
        "Hello\nbuy\nspam12@remote.example\n\nremote.example",
    ),
    ("/lists/crlf", "Hello\r\nthere\r\njuliet@remote.example\r\n"),
    ("/lists/members", "remote.example,\nbob@example.com \n"),
];

const PAGES: &[(&str, &str)] = &[
    ("http://lists.example/words", "Hello\nremote.example\nlast"),
    (
        "https://lists.example/hosts",
        "host: remote.example;\r\nhost: b.example;\r\n",
    ),
    (
        "http://lists.example/hashes",
        // SHA-1 of `Hello`.
        "f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0\n",
    ),
];

fn sessions() -> serde_json::Map<String, Value> {
    let mut sessions = serde_json::Map::new();
    for client in CLIENTS {
        sessions.insert(
            client.name.to_owned(),
            json!({
                "type": "c2s", "username": client.name, "host": HOST, "resource": client.resource,
                "full_jid": format!("{}@{HOST}/{}", client.name, client.resource), "ip": client.ip,
                "directed": client.directed,
            }),
        );
    }
    sessions.insert(
        "server".to_owned(),
        json!({ "type": "s2sin", "from_host": "remote.example", "to_host": HOST, "ip": "203.0.113.9" }),
    );
    sessions.insert(
        "component".to_owned(),
        json!({ "type": "component", "host": "component.example.com" }),
    );
    sessions
}

/// The world for the real one.
pub(crate) fn description() -> Value {
    let mut rosters = serde_json::Map::new();
    let mut roster = |owner: &str, change: &dyn Fn(&mut Value)| {
        let empty = || json!({ "items": {}, "pending": [] });
        change(rosters.entry(owner).or_insert_with(empty));
    };
    for item in CONTACTS {
        roster(item.owner, &|roster| {
            roster["items"][item.contact] =
                json!({ "subscription": item.subscription, "groups": item.groups });
        });
    }
    for (owner, from) in PENDING {
        roster(owner, &|roster| roster["pending"] = json!([from]));
    }
    let table = |entries: &[(&str, &[&str])]| -> Value {
        let entries = entries.iter().map(|(k, v)| ((*k).to_owned(), json!(v)));
        Value::Object(entries.collect())
    };
    let texts = |entries: &[(&str, &str)]| -> Value {
        let entries = entries.iter().map(|(k, v)| ((*k).to_owned(), json!(v)));
        Value::Object(entries.collect())
    };
    json!({ "world": {
        "hosts": [HOST, "other.example"], "sessions": sessions(), "rosters": rosters, "groups": table(GROUPS),
        "admins": table(ADMINS), "files": texts(FILES), "http": texts(PAGES),
    } })
}

/// The world for ours.
pub(crate) fn world() -> World {
    let mut world = World::default();
    let owned = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    world.hosts = owned(&[HOST, "other.example"]);
    for client in CLIENTS {
        let mut session = Session::of_kind(OriginKind::Client);
        session.host = Some(HOST.to_owned());
        session.full_jid = Some(format!("{}@{HOST}/{}", client.name, client.resource));
        session.ip = client.ip.parse().ok();
        session.directed = owned(client.directed);
        world.sessions.insert(client.name.to_owned(), session);
    }
    let mut server = Session::of_kind(OriginKind::ServerInbound);
    server.host = Some(HOST.to_owned());
    server.from_host = Some("remote.example".to_owned());
    server.ip = "203.0.113.9".parse().ok();
    world.sessions.insert("server".to_owned(), server);
    let mut component = Session::of_kind(OriginKind::Component);
    component.host = Some("component.example.com".to_owned());
    world.sessions.insert("component".to_owned(), component);
    for item in CONTACTS {
        let subscription = match item.subscription {
            "to" => Subscription::To,
            "from" => Subscription::From,
            "both" => Subscription::Both,
            _ => Subscription::None,
        };
        let roster: &mut Roster = world.rosters.entry(item.owner.to_owned()).or_default();
        let entry = (Some(subscription), owned(item.groups));
        roster.items.insert(item.contact.to_owned(), entry);
    }
    for (owner, from) in PENDING {
        let roster = world.rosters.entry((*owner).to_owned()).or_default();
        roster.pending.insert((*from).to_owned());
    }
    for (group, members) in GROUPS {
        world.groups.insert((*group).to_owned(), owned(members));
    }
    for (host, admins) in ADMINS {
        world.admins.insert((*host).to_owned(), owned(admins));
    }
    world
}

/// Reads the files and pages of the scene.
pub(crate) struct Files;

impl Loader for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        let found = FILES.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| LoadError::Missing(path.to_owned()))
    }

    fn list(&self, definition: &ListDefinition) -> Result<SharedContents, LoadError> {
        let contents = match &definition.backend {
            Backend::Memory => ListContents::default(),
            Backend::File {
                path,
                may_be_missing,
            } => match self.read(path) {
                Ok(text) => ListContents::from_lines(&text),
                Err(LoadError::Missing(_)) if *may_be_missing => ListContents::default(),
                Err(error) => return Err(error),
            },
            Backend::Http { .. } => page(definition),
        };
        let shared = SharedContents::default();
        shared.store(contents.into());
        Ok(shared)
    }
}

/// What a list has after its page was fetched, by the same code that does so in the node.
fn page(definition: &ListDefinition) -> ListContents {
    let Backend::Http { url, .. } = &definition.backend else {
        return ListContents::default();
    };
    let body = PAGES.iter().find(|(known, _)| known == url);
    let read = |(_, body): &(&str, &str)| {
        EntryReader::new(definition).read(body.as_bytes(), &Bounds::default())
    };
    body.and_then(|page| read(page).ok()).unwrap_or_default()
}
