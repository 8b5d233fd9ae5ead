//! The actors below `firewall`: one for each part of the published rules, following it through reloads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rules::definitions::Object;

use super::chain::Chain;
use super::files::Files;
use super::list::List;
use super::list_fetcher::{ListFetcher, Terms};
use super::list_file::ListFile;
use super::published::{Place, Published};
use super::rate_limiter::RateLimiter;
use super::shadow::ShadowActor;
use super::zone::Zone;
use crate::arbiters::Workers;
use crate::supervise::{ActorPath, RestartPolicy, SpawnError, Supervise, Tree};

/// What stands for the rules in the tree: rebuilt after a failure, since nothing is lost by it.
pub(super) const POLICY: RestartPolicy = RestartPolicy::Backoff {
    min: Duration::from_millis(100),
    max: Duration::from_secs(30),
    give_up_after: 0,
    within: Duration::from_secs(60),
};

/// Starts and stops the actors.
pub(super) struct Branch {
    tree: Tree,
    workers: Workers,
    published: Arc<Published>,
    /// How lists are fetched.
    terms: Arc<ArcSwap<Terms>>,
    running: BTreeMap<ActorPath, ()>,
}

enum Part {
    Chain,
    Zone,
    List,
    Limiter,
    Shadow,
}

impl Branch {
    pub(super) fn new(
        tree: Tree,
        workers: Workers,
        published: Arc<Published>,
        terms: Arc<Terms>,
    ) -> Self {
        Self {
            terms: Arc::new(ArcSwap::new(terms)),
            tree,
            workers,
            published,
            running: BTreeMap::new(),
        }
    }

    /// Fetches lists by other terms from now on.
    pub(super) fn set_terms(&self, terms: Arc<Terms>) {
        self.terms.store(terms);
    }

    /// Starts what is new in the published rules and stops what is gone; the rest goes on undisturbed.
    pub(super) fn follow(&mut self, files: &Files) {
        let mut wanted = self.wanted();
        let root = ActorPath::root("firewall");
        let lists = files.lists();
        let mut watched = BTreeMap::new();
        for list in lists {
            watched.insert(root.child("files").child(list.path().display()), list);
        }
        let mut fetched = BTreeMap::new();
        for list in files.fetched() {
            fetched.insert(root.child("http").child(list.name()), list);
        }
        let is_wanted = |path: &ActorPath| {
            wanted.contains_key(path) || watched.contains_key(path) || fetched.contains_key(path)
        };
        let gone: Vec<ActorPath> = self
            .running
            .keys()
            .filter(|path| !is_wanted(path))
            .cloned()
            .collect();
        for path in gone {
            self.tree.stop(&path);
            self.running.remove(&path);
        }
        wanted.retain(|path, _| !self.running.contains_key(path));
        watched.retain(|path, _| !self.running.contains_key(path));
        fetched.retain(|path, _| !self.running.contains_key(path));
        for (path, (part, place)) in wanted {
            match part {
                Part::Chain => self.spawn(path, move || Chain::new(place.clone())),
                Part::Zone => self.spawn(path, move || Zone::new(place.clone())),
                Part::List => self.spawn(path, move || List::new(place.clone())),
                Part::Limiter => self.spawn(path, move || RateLimiter::new(place.clone())),
                Part::Shadow => self.spawn(path, move || ShadowActor::new(place.clone())),
            }
        }
        for (path, list) in watched {
            self.spawn(path, move || ListFile::new(Arc::clone(&list)));
        }
        for (path, list) in fetched {
            let terms = Arc::clone(&self.terms);
            self.spawn(path, move || {
                ListFetcher::new(Arc::clone(&list), Arc::clone(&terms))
            });
        }
    }

    fn wanted(&self) -> BTreeMap<ActorPath, (Part, Place)> {
        let root = ActorPath::root("firewall");
        let mut wanted = BTreeMap::new();
        for (host, rules) in self.published.all().iter() {
            let host_path = root.child(host);
            let place = |script: &str, name: &str| Place {
                published: Arc::clone(&self.published),
                host: host.clone(),
                script: script.to_owned(),
                name: name.to_owned(),
            };
            if rules.shadow().is_some() {
                wanted.insert(host_path.child("shadow"), (Part::Shadow, place("", "")));
            }
            let ruleset = rules.ruleset();
            for (script, chain) in ruleset.parts() {
                let path = host_path.child(script).child("chains").child(chain);
                wanted.insert(path, (Part::Chain, place(script, chain)));
            }
            for entry in ruleset.objects().iter() {
                let (part, kind) = match entry.object {
                    Object::Zone(_) => (Part::Zone, "zones"),
                    Object::List(_) => (Part::List, "lists"),
                    Object::Rate(_) => (Part::Limiter, "limiters"),
                    Object::Search(_) | Object::Pattern(_) => continue,
                };
                let path = host_path
                    .child(&entry.script)
                    .child(kind)
                    .child(&entry.name);
                wanted.insert(path, (part, place(&entry.script, &entry.name)));
            }
        }
        wanted
    }

    fn spawn<A: Supervise>(
        &mut self,
        path: ActorPath,
        make: impl FnMut() -> A + Clone + Send + 'static,
    ) {
        // One that was told to stop a moment ago may still hold the name.
        for path in [path.clone(), path.child(2), path.child(3)] {
            let mut make = make.clone();
            let place = self.workers.handle(0);
            match self.tree.spawn(path.clone(), place, move |_| make()) {
                Ok(_) => {
                    self.running.insert(path, ());
                    return;
                }
                Err(error @ SpawnError::Taken(_)) => {
                    tracing::debug!(target: "firewall", %error, "another name is tried");
                }
                Err(error) => {
                    tracing::warn!(target: "firewall", %error, "part of the rules has no actor");
                    return;
                }
            }
        }
        tracing::warn!(target: "firewall", %path, "part of the rules has no actor: its names are taken");
    }
}
