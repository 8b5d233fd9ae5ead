//! The domains that external components answer for (XEP-0114), and who does now.
//!
//! A child of `components` for each domain of the configuration. It alone lets a component in, by the policy of
//! the domain, and publishes its stream; stanzas go to that stream without asking anybody.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, Context, Handler, Message};
use arc_swap::ArcSwapOption;
use portcullis_config::WhenConnected;
use serde::Serialize;
use xmpp::Stanza;
use xmpp::component::ACCEPTED;
use xmpp::jid::{DomainPart, DomainRef};
use xmpp::stanza_error::{Condition, ErrorType, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};

use crate::core::Core;
use crate::delivery::Deliver;
use crate::observe::Observe;
use crate::offer::offer;
use crate::outbound::{Outbound, OutboundError};
use crate::session::{EndSession, Session};
use crate::supervise::{RestartPolicy, Slot, Supervise};

/// A domain, and the component that answers for it now. Outlives restarts of its actor.
#[derive(Debug)]
pub struct ComponentHandle {
    /// The domain.
    pub domain: DomainPart,
    connected: ArcSwapOption<ComponentLink>,
}

impl ComponentHandle {
    /// A domain that nobody answers for yet.
    pub fn new(domain: DomainPart) -> Self {
        Self {
            domain,
            connected: ArcSwapOption::empty(),
        }
    }

    /// The stream of the component, if one is connected.
    pub fn connected(&self) -> Option<Arc<ComponentLink>> {
        let link = self.connected.load_full()?;
        link.outbound.is_open().then_some(link)
    }

    /// Hands a stanza to the component; without one, or with one that does not read, its sender is told to try later
    /// (RFC 6120 §8.3.3.17).
    pub fn deliver(&self, deliver: Deliver) {
        let link = self.connected.load();
        if link
            .as_ref()
            .is_some_and(|link| link.send(&deliver.stanza).is_ok())
        {
            return deliver.settle();
        }
        let error = StanzaError::new(Condition::RemoteServerTimeout).with_type(ErrorType::Wait);
        deliver.bounce(error.with_text("the component is not connected"));
    }

    /// Ends the stream of the component, if there is one.
    pub fn end(&self, error: StreamError) {
        if let Some(link) = self.connected() {
            link.end(error);
        }
    }
}

/// The stream of a component that has proved to know the secret.
#[derive(Debug)]
pub struct ComponentLink {
    /// Number of the session on this node.
    pub id: u64,
    /// The domain.
    pub domain: DomainPart,
    /// Where the component connects from.
    pub address: IpAddr,
    /// Whether the stream is inside TLS.
    pub secure: bool,
    outbound: Arc<Outbound>,
    session: Slot<Session>,
    sent: AtomicU64,
}

impl ComponentLink {
    /// The stream of session `id`.
    pub(crate) fn new(
        id: u64,
        domain: DomainPart,
        (address, secure): (IpAddr, bool),
        outbound: Arc<Outbound>,
        session: Slot<Session>,
    ) -> Self {
        Self {
            id,
            domain,
            address,
            secure,
            outbound,
            session,
            sent: AtomicU64::new(0),
        }
    }

    /// Queues a stanza for the component as it is.
    ///
    /// # Errors
    /// The stream is closing, or the component reads too slowly.
    pub fn send(&self, stanza: &Stanza) -> Result<(), OutboundError> {
        self.outbound.push(|out| stanza.write_to(out))?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Has the session end its stream.
    fn end(&self, error: StreamError) {
        if offer(&self.session, EndSession(error)).is_err() {
            self.outbound.abort();
        }
    }
}

/// Let this stream in; the answer says why not. Sent by the negotiation.
#[derive(Message)]
#[rtype(result = "Result<(), StreamError>")]
pub(crate) struct Join(pub(crate) Arc<ComponentLink>);

/// This stream is over. Sent by its session.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) Arc<ComponentLink>);

/// A domain in the routing tables.
#[derive(Debug)]
pub struct ComponentEntry {
    /// Who answers for it.
    pub handle: Arc<ComponentHandle>,
    /// Who lets components in.
    pub(crate) slot: Slot<Component>,
}

/// What a stream holds of its domain. Whoever drops it gives the domain up.
pub(crate) struct Joined {
    pub(crate) link: Arc<ComponentLink>,
    entry: Arc<ComponentEntry>,
}

impl Joined {
    pub(crate) fn new(entry: Arc<ComponentEntry>, link: Arc<ComponentLink>) -> Self {
        Self { link, entry }
    }

    /// Sends a blank, which says nothing and makes the kernel find out whether the component is there
    /// (RFC 6120 §4.6.1).
    pub(crate) fn keep_alive(&self) {
        // A stream that can not be told is ending.
        let _gone = self.link.outbound.push(|out| out.push(b' '));
    }

    /// The domain.
    pub(crate) fn domain(&self) -> &DomainRef {
        &self.link.domain
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // An actor that can not be told sees that the queue is closed.
        let _told = offer(&self.entry.slot, Leave(Arc::clone(&self.link)));
    }
}

/// The actor.
pub struct Component {
    core: Arc<Core>,
    handle: Arc<ComponentHandle>,
    joined: u64,
    refused: u64,
}

/// What the console shows of a component's domain.
#[derive(Clone, Debug, Serialize)]
pub struct ComponentReport {
    /// Where the component connects from; none while it is away.
    pub peer: Option<String>,
    /// The session of its stream.
    pub session: Option<u64>,
    /// Stanzas that were queued for it since it is there.
    pub sent: u64,
    /// Streams that were let in.
    pub joined: u64,
    /// Streams that were not, because another one was there.
    pub refused: u64,
}

impl Supervise for Component {
    const KIND: &'static str = "component";
    const MAILBOX: usize = 64;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(5),
            max: Duration::from_secs(5),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Component {
    type Report = ComponentReport;

    fn report(&self) -> ComponentReport {
        let link = self.handle.connected();
        ComponentReport {
            peer: link.as_ref().map(|link| link.address.to_string()),
            session: link.as_ref().map(|link| link.id),
            sent: link.map_or(0, |link| link.sent.load(Ordering::Relaxed)),
            joined: self.joined,
            refused: self.refused,
        }
    }
}

impl Actor for Component {
    type Context = Context<Self>;
}

impl Component {
    /// What lets components in for the domain of `handle`.
    pub(crate) fn new(core: Arc<Core>, handle: Arc<ComponentHandle>) -> Self {
        Self {
            core,
            handle,
            joined: 0,
            refused: 0,
        }
    }

    /// Makes room, if the policy of the domain gives any.
    fn make_room(&mut self) -> Result<(), StreamError> {
        let core = Arc::clone(&self.core);
        let config = core.config();
        let Some(own) = config.components.get(&self.handle.domain) else {
            return Err(StreamCondition::HostUnknown.into());
        };
        let Some(old) = self.handle.connected() else {
            return Ok(());
        };
        let text = match own.conflict {
            WhenConnected::KickOld => {
                let text = "another component has connected for this domain";
                old.end(StreamError::with_text(StreamCondition::Conflict, text));
                return Ok(());
            }
            WhenConnected::KickNew => "a component is connected for this domain",
        };
        self.refused += 1;
        Err(StreamError::with_text(StreamCondition::Conflict, text))
    }
}

impl Handler<Join> for Component {
    type Result = Result<(), StreamError>;

    fn handle(&mut self, Join(link): Join, _: &mut Context<Self>) -> Self::Result {
        self.make_room()?;
        // Before anybody can find the stream: nothing comes ahead of it.
        if link
            .outbound
            .push(|out| out.extend_from_slice(ACCEPTED))
            .is_err()
        {
            return Err(StreamCondition::ResourceConstraint.into());
        }
        tracing::info!(domain = %link.domain, peer = %link.address, "component connected");
        self.joined += 1;
        self.handle.connected.store(Some(link));
        Ok(())
    }
}

impl Handler<Leave> for Component {
    type Result = ();

    fn handle(&mut self, Leave(link): Leave, _: &mut Context<Self>) {
        let current = self.handle.connected.load_full();
        if current.is_some_and(|current| Arc::ptr_eq(&current, &link)) {
            self.handle.connected.store(None);
        }
        tracing::info!(domain = %link.domain, peer = %link.address, "component gone");
    }
}
