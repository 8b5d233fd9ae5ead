//! Fake clients for tests of accounts and hosts: real actors, real tables, a store in memory, and no
//! sockets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use actix::dev::channel::AddressReceiver;
use parking_lot::Mutex;
use storage::{Credentials, NewAccount, Role};
use tokio::task::JoinHandle;
use xmpp::Stanza;
use xmpp::StanzaKind;
use xmpp::jid::{BareJid, FullJid};
use xmpp::xml::Limits;

use crate::account::{Attach, Detach, FromClient};
use crate::core::Core;
use crate::delivery::{Deliver, Origin};
use crate::handle::{SessionHandle, Ticket};
use crate::offer::ask;
use crate::outbound::{Next, Outbound};
use crate::route::route;
use crate::router::Router;
use crate::session::Session;
use crate::supervise::{ActorPath, Slot};
use crate::tables::AccountHandle;
use crate::test_node::TestCore;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A node with a router and users.
pub(crate) struct TestNode {
    inner: TestCore,
}

impl TestNode {
    /// A node that serves `localhost`, with these settings and users.
    pub(crate) async fn start(set: &[&str], users: &[&str]) -> Self {
        let inner = TestCore::start(set);
        let core = Arc::clone(&inner.core);
        let arbiter = core.workers.handle(0).clone();
        let path = ActorPath::root("node").child("router");
        let shared = Arc::clone(&core);
        core.tree
            .spawn(path, &arbiter, move |_| Router::new(Arc::clone(&shared)))
            .unwrap();
        until(|| !core.tables.hosts().is_empty()).await;
        let node = Self { inner };
        for user in users {
            node.add_user(user).await;
        }
        node
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    pub(crate) async fn add_user(&self, name: &str) {
        let account = NewAccount {
            user: user(name),
            credentials: Credentials::default(),
            role: Role::Registered,
            created_at: 1,
        };
        self.core().store.create_account(account).await.unwrap();
    }

    /// Binds `name@localhost/resource`, given as `name/resource`.
    pub(crate) async fn bind(&self, name: &str) -> FakeClient {
        FakeClient::bind(self.core(), name, 1 << 20).await
    }

    /// Binds and sends initial presence; what it brought is read already.
    pub(crate) async fn online(&self, name: &str) -> FakeClient {
        let client = self.bind(name).await;
        client.send("<presence/>").await;
        client.sync().await;
        client
    }

    /// Makes both see each other.
    pub(crate) async fn befriend(&self, one: &str, other: &str) {
        let limits = storage::RosterLimits {
            items: 10_000,
            requests: 10,
        };
        for (owner, contact) in [(one, other), (other, one)] {
            let mut item = xmpp::roster::RosterItem::new(user(contact));
            item.subscription = xmpp::roster::Subscription::Both;
            let update = storage::RosterUpdate {
                contact: user(contact),
                item: storage::ItemUpdate::Put(item),
                request: storage::RequestUpdate::Keep,
            };
            self.core()
                .store
                .update_roster(&user(owner), update, limits)
                .await
                .unwrap();
        }
    }

    pub(crate) fn account(&self, name: &str) -> Option<Arc<AccountHandle>> {
        self.core().tables.active(user(name).as_str())
    }

    /// Has the account of `name` panic, and waits until it is back.
    pub(crate) async fn crash(&self, name: &str) {
        let tree = &self.core().tree;
        let path = ActorPath::root("accounts").child(user(name));
        let restarts = tree.status(&path).unwrap().restarts;
        assert!(tree.inject_panic(&path));
        until(|| {
            tree.status(&path)
                .is_some_and(|status| status.restarts > restarts)
        })
        .await;
        self.account(name).unwrap().loaded(false).await;
    }

    pub(crate) async fn stop(self) {
        self.inner.stop().await;
    }
}

/// `name@localhost`.
pub(crate) fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@localhost")).unwrap()
}

/// Waits until something holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it never came to hold");
}

/// A bound session whose outgoing bytes can be read.
pub(crate) struct FakeClient {
    pub(crate) handle: Arc<SessionHandle>,
    pub(crate) account: Arc<AccountHandle>,
    core: Arc<Core>,
    read: Arc<Mutex<String>>,
    /// While set, the client takes nothing from its socket.
    pub(crate) is_stuck: Arc<AtomicBool>,
    pump: JoinHandle<()>,
    pub(crate) outbound: Arc<Outbound>,
    pings: AtomicU32,
    _mailbox: AddressReceiver<Session>,
}

impl FakeClient {
    pub(crate) async fn bind(core: &Arc<Core>, name: &str, send_buffer: usize) -> Self {
        let (localpart, resource) = name.split_once('/').unwrap_or((name, "home"));
        let jid = FullJid::new(&format!("{localpart}@localhost/{resource}")).unwrap();
        let (session, mailbox) = Slot::detached(ActorPath::root("fake"));
        let outbound = Outbound::new(send_buffer);
        let peer = (IpAddr::V4(Ipv4Addr::LOCALHOST), true);
        let handle = SessionHandle::new(
            core.session_id(),
            jid.clone(),
            peer,
            0,
            Arc::clone(&outbound),
            session,
        );
        let handle = Arc::new(handle);
        let account = core.account(&jid.to_bare(), 0);
        ask(
            account.slot().unwrap(),
            Attach(Arc::clone(&handle)),
            PATIENCE,
        )
        .await
        .unwrap()
        .unwrap();
        account.loaded(false).await;
        handle.announce();
        let (read, is_stuck) = (Arc::default(), Arc::default());
        let pump = actix_rt::spawn(pump(
            Arc::clone(&outbound),
            Arc::clone(&read),
            Arc::clone(&is_stuck),
        ));
        let core = Arc::clone(core);
        Self {
            handle,
            account,
            core,
            read,
            is_stuck,
            pump,
            outbound,
            pings: AtomicU32::new(0),
            _mailbox: mailbox,
        }
    }

    /// Sends a stanza as the session actor would, preroute left out.
    pub(crate) async fn send(&self, xml: &str) {
        let mut stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap();
        if stanza
            .to()
            .is_some_and(|to| to.as_str() == self.account.jid.as_str())
        {
            stanza.set_to(None);
        }
        stanza.set_from(Some(self.handle.jid.clone().into()));
        let by_account = stanza.kind() == StanzaKind::Presence || stanza.to().is_none();
        until(|| by_account || !self.handle.wait_for_presence()).await;
        let mut deliver = Deliver::new(stanza, Origin::Session(Arc::clone(&self.handle)));
        deliver.ticket = match deliver.stanza.kind() {
            StanzaKind::Message => Some(Ticket::new(&self.handle)),
            StanzaKind::Presence => Some(Ticket::of_presence(&self.handle)),
            StanzaKind::Iq => None,
        };
        if by_account {
            assert!(self.account.offer(FromClient(deliver)).is_ok());
        } else {
            assert!(route(&self.core, 0, deliver).is_ok());
        }
    }

    /// Everything that came, after the own account has handled all that was sent to it so far.
    pub(crate) async fn sync(&self) -> String {
        let id = format!("sync{}", self.pings.fetch_add(1, Ordering::Relaxed));
        self.send(&format!(
            "<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
        let all = self.read_to(&format!("id='{id}'/>")).await;
        all.get(..all.rfind("<iq ").unwrap()).unwrap().to_owned()
    }

    /// What came, up to and including `end`.
    pub(crate) async fn read_to(&self, end: &str) -> String {
        let waiting = async {
            loop {
                if let Some(at) = self.read.lock().find(end) {
                    return at + end.len();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let Ok(end) = tokio::time::timeout(PATIENCE, waiting).await else {
            panic!("{end:?} is not in {:?}", self.read.lock())
        };
        self.read.lock().drain(..end).collect()
    }

    /// Sends an iq and gives its answer, and all that came before.
    pub(crate) async fn ask(&self, kind: &str, payload: &str) -> String {
        let id = format!("ask{}", self.pings.fetch_add(1, Ordering::Relaxed));
        self.send(&format!("<iq type='{kind}' id='{id}'>{payload}</iq>"))
            .await;
        let answer = self.read_to(&format!("id='{id}'")).await;
        answer + &self.sync().await
    }

    /// Ends as a session does.
    pub(crate) async fn close(self) {
        self.outbound.abort();
        assert!(self.account.offer(Detach(Arc::clone(&self.handle))).is_ok());
        let (account, id) = (Arc::clone(&self.account), self.handle.id);
        until(|| !account.sessions().iter().any(|session| session.id == id)).await;
    }
}

impl Drop for FakeClient {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn pump(outbound: Arc<Outbound>, read: Arc<Mutex<String>>, is_stuck: Arc<AtomicBool>) {
    loop {
        let mut buffer = Vec::new();
        let next = std::future::poll_fn(|cx| outbound.poll_next(&mut buffer, cx)).await;
        if next != Next::Write {
            return;
        }
        while is_stuck.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        outbound.written(buffer.len());
        read.lock().push_str(&String::from_utf8(buffer).unwrap());
    }
}
