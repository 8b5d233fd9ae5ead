//! The world of a case: sessions, rosters, files and lists from its context.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;

use crate::definitions::list::SharedContents;
use crate::definitions::list::contents::ListContents;
use crate::definitions::list::definition::{Backend, ListDefinition};
use crate::definitions::list::http::{Bounds, EntryReader, RETRY, Schedule, Validators};
use crate::world::{Roster, Session, World};
use crate::{ExtraChain, LoadError, Loader, Options, OriginKind, Subscription, Timestamp};

/// Where `@DIR@` is said to be.
pub(super) const DIRECTORY: &str = "/vectors";

pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

fn entries<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn set(value: Option<&Value>) -> BTreeSet<String> {
    items(value).map(str::to_owned).collect()
}

pub(super) fn time(value: &Value) -> Option<Timestamp> {
    value.as_f64().map(Timestamp::from_seconds)
}

/// Names of the local hosts.
pub(super) fn hosts(context: &Value) -> Vec<String> {
    let hosts = context
        .get("hosts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    hosts
        .filter_map(|host| text(host.get("name")))
        .map(str::to_owned)
        .collect()
}

pub(super) fn world(context: &Value) -> World {
    let mut world = World {
        hosts: hosts(context).into_iter().collect(),
        ..World::default()
    };
    if let Some(start) = context.get("start").and_then(time) {
        world.now = start;
    }
    for (name, session) in entries(context, "sessions") {
        world.sessions.insert(name.clone(), self::session(session));
    }
    for (owner, roster) in entries(context, "rosters") {
        world.rosters.insert(owner.clone(), self::roster(roster));
    }
    for (name, members) in entries(context, "groups") {
        world.groups.insert(name.clone(), set(Some(members)));
    }
    for (host, admins) in entries(context, "admins") {
        world.admins.insert(host.clone(), set(Some(admins)));
    }
    for (account, role) in entries(context, "roles") {
        world
            .roles
            .extend(role.as_str().map(|role| (account.clone(), role.to_owned())));
    }
    for (role, permissions) in entries(context, "permissions") {
        world
            .permissions
            .insert(role.clone(), set(Some(permissions)));
    }
    for (address, place) in entries(context, "geoip") {
        if let Ok(address) = address.parse() {
            let field = |name: &str| text(place.get(name)).map(str::to_owned);
            world
                .countries
                .insert(address, [field("code"), field("code3"), field("continent")]);
        }
    }
    world
}

fn session(value: &Value) -> Session {
    let kind = match text(value.get("type")) {
        Some("c2s") => OriginKind::Client,
        Some("component") => OriginKind::Component,
        Some("s2sout") => OriginKind::ServerOutbound,
        _ => OriginKind::ServerInbound,
    };
    let mut session = Session::of_kind(kind);
    session.full_jid = text(value.get("jid")).map(str::to_owned);
    session.from_host = text(value.get("from_host")).map(str::to_owned);
    session.host = text(value.get("host")).map(str::to_owned).or_else(|| {
        let full = session.full_jid.as_deref()?;
        crate::address::split(full).map(|parts| parts.host.to_owned())
    });
    session.ip = text(value.get("ip")).and_then(|ip| ip.parse().ok());
    session.directed = set(value.get("directed"));
    session
}

fn roster(value: &Value) -> Roster {
    let mut roster = Roster {
        pending: set(value.get("pending")),
        ..Roster::default()
    };
    for (contact, item) in entries(value, "items") {
        let subscription = match text(item.get("subscription")) {
            Some("to") => Some(Subscription::To),
            Some("from") => Some(Subscription::From),
            Some("both") => Some(Subscription::Both),
            _ => Some(Subscription::None),
        };
        roster
            .items
            .insert(contact.clone(), (subscription, set(item.get("groups"))));
    }
    roster
}

pub(super) fn options(context: &Value) -> Options {
    let mut options = Options::default();
    let limit = context
        .get("options")
        .and_then(|options| options.get("firewall_multirate_cache_limit"));
    if let Some(limit) = limit.and_then(Value::as_u64) {
        options.limiter_entries = usize::try_from(limit).unwrap_or(usize::MAX);
    }
    for (name, chain) in entries(context, "extra_chains") {
        options.extra_chains.push(ExtraChain {
            name: name.clone(),
            events: items(chain.get("events")).map(str::to_owned).collect(),
            is_event_chain: text(chain.get("type")) == Some("event"),
            runs_before: false,
        });
    }
    options
}

/// One request that was made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) at: f64,
    pub(super) if_none_match: Option<String>,
    pub(super) is_insecure: bool,
}

struct HttpList {
    schedule: Schedule,
    reader: EntryReader,
    contents: SharedContents,
}

/// Files and web pages of a case.
pub(super) struct Files {
    files: RefCell<BTreeMap<String, String>>,
    lists: RefCell<BTreeMap<String, SharedContents>>,
    http: RefCell<Vec<(ListDefinition, HttpList)>>,
    answers: BTreeMap<String, Vec<Value>>,
    served: RefCell<BTreeMap<String, usize>>,
    pub(super) asked: RefCell<Vec<Asked>>,
    pub(super) now: RefCell<Timestamp>,
}

impl Files {
    pub(super) fn new(context: &Value, now: Timestamp) -> Self {
        let files = entries(context, "files").filter_map(|(name, content)| {
            Some((name.clone(), content.as_str()?.replace("@DIR@", DIRECTORY)))
        });
        let answers = entries(context, "http")
            .map(|(url, answers)| (url.clone(), answers.as_array().cloned().unwrap_or_default()));
        Self {
            files: RefCell::new(files.collect()),
            lists: RefCell::default(),
            http: RefCell::default(),
            answers: answers.collect(),
            served: RefCell::default(),
            asked: RefCell::default(),
            now: RefCell::new(now),
        }
    }

    /// Writes a file; lists that were read from it follow.
    pub(super) fn write(&self, name: &str, content: &str) {
        let content = content.replace("@DIR@", DIRECTORY);
        if let Some(list) = self.lists.borrow().get(&format!("{DIRECTORY}/{name}")) {
            list.store(Arc::new(ListContents::from_lines(content.as_bytes())));
        }
        self.files.borrow_mut().insert(name.to_owned(), content);
    }

    /// Lets time pass: lists that are due are fetched.
    pub(super) fn advance(&self, now: Timestamp) {
        *self.now.borrow_mut() = now;
        for (_, list) in self.http.borrow_mut().iter_mut() {
            if list.schedule.due().is_some_and(|due| due <= now) {
                self.fetch(list, now);
            }
        }
    }

    fn fetch(&self, list: &mut HttpList, now: Timestamp) {
        let request = list.schedule.request();
        let mut served = self.served.borrow_mut();
        let turn = served.entry(request.url.clone()).or_default();
        let answers = self.answers.get(&request.url);
        let answer = answers.and_then(|answers| answers.get(*turn).or(answers.last()));
        *turn += 1;
        let code = answer.and_then(|answer| answer.get("code")?.as_u64());
        let code = u16::try_from(code.unwrap_or(0)).unwrap_or(0);
        let body = answer.and_then(|answer| text(answer.get("body")));
        let validators = Validators {
            etag: answer
                .and_then(|answer| text(answer.get("etag")))
                .map(str::to_owned),
            last_modified: None,
        };
        self.asked.borrow_mut().push(Asked {
            url: request.url,
            at: now.seconds_since(Timestamp::default()),
            if_none_match: request.validators.etag,
            is_insecure: !request.verify_certificate,
        });
        let body = body.unwrap_or_default().as_bytes();
        match (code, list.reader.read(body, &Bounds::default())) {
            (200, Ok(contents)) => {
                list.contents.store(Arc::new(contents));
                list.schedule.replaced(validators, now, Duration::ZERO);
            }
            (304, _) => list.schedule.kept(now, Duration::ZERO),
            _ => {
                list.schedule.refused(code, RETRY, now, Duration::ZERO);
            }
        }
    }
}

impl Loader for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        let name = path
            .strip_prefix(DIRECTORY)
            .and_then(|path| path.strip_prefix('/'))
            .unwrap_or(path);
        let files = self.files.borrow();
        let content = files
            .get(name)
            .ok_or_else(|| LoadError::Missing(path.to_owned()))?;
        Ok(content.as_bytes().to_vec())
    }

    fn list(&self, definition: &ListDefinition) -> Result<SharedContents, LoadError> {
        match &definition.backend {
            Backend::Memory => Ok(SharedContents::default()),
            Backend::File {
                path,
                may_be_missing,
            } => {
                if let Some(known) = self.lists.borrow().get(path) {
                    return Ok(known.clone());
                }
                let contents = match self.read(path) {
                    Ok(text) => ListContents::from_lines(&text),
                    Err(LoadError::Missing(_)) if *may_be_missing => ListContents::default(),
                    Err(error) => return Err(error),
                };
                let contents: SharedContents = Arc::new(ArcSwap::from_pointee(contents));
                self.lists
                    .borrow_mut()
                    .insert(path.clone(), contents.clone());
                Ok(contents)
            }
            Backend::Http { .. } => {
                if let Some((_, known)) = self
                    .http
                    .borrow()
                    .iter()
                    .find(|(known, _)| known == definition)
                {
                    return Ok(known.contents.clone());
                }
                let now = *self.now.borrow();
                let contents: SharedContents =
                    Arc::new(ArcSwap::from_pointee(ListContents::never_loaded()));
                if let Some(schedule) = Schedule::new(definition, now) {
                    let mut list = HttpList {
                        schedule,
                        reader: EntryReader::new(definition),
                        contents: contents.clone(),
                    };
                    self.fetch(&mut list, now);
                    self.http.borrow_mut().push((definition.clone(), list));
                }
                Ok(contents)
            }
        }
    }
}
