//! One connection of an HTTP listener, until it closes or becomes a session.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, Running};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_rustls::server::TlsStream;

use super::patience::{Pace, Patient};
use super::routes;
use crate::arbiters::Placement;
use crate::connection::Transport;
use crate::core::Core;
use crate::listener::{Guest, ListenerPolicy, Membership, Permits, Stranger};
use crate::observe::Observe;
use crate::offer::offer;
use crate::supervise::{RestartPolicy, Slot, Supervise};
use crate::tls::handshake;

/// Bytes of the head of a request.
const HEAD: usize = 16 * 1024;

/// End after the answer that is under way. Sent by the node and by who needs the place.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Leave;

/// The listener has other settings. Sent by its policy.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PatienceChanged;

/// The connection has closed, or is a session's now. Sent by the task.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Over;

/// The actor.
pub struct HttpConnection {
    visit: Rc<Visit>,
    own: Slot<Self>,
    id: u64,
    /// Until the start.
    origin: Option<Origin>,
    leave: Rc<Notify>,
    is_over: bool,
    task: Option<AbortHandle>,
    membership: Option<Membership>,
    stranger: Option<Stranger>,
}

/// What the requests of one connection share.
pub(super) struct Visit {
    pub(super) core: Arc<Core>,
    pub(super) policy: Arc<ListenerPolicy>,
    pub(super) peer: SocketAddr,
    pub(super) local: Option<SocketAddr>,
    pub(super) is_encrypted: bool,
    pub(super) pace: Arc<Pace>,
    /// Until a session takes them over.
    pub(super) holdings: RefCell<Option<Holdings>>,
    pub(super) requests: Cell<u64>,
}

/// What a connection holds for as long as it lasts.
pub(super) struct Holdings {
    pub(super) permits: Permits,
    pub(super) placement: Placement,
}

/// What a connection begins on.
pub(super) enum Origin {
    /// A socket. TLS comes first where the listener has it so.
    Socket(StdStream),
    /// A stream inside TLS, and what was read of it already.
    Secured(Box<TlsStream<TcpStream>>, Vec<u8>),
}

/// Who has connected, and how.
pub(super) struct Caller {
    pub(super) origin: Origin,
    pub(super) peer: SocketAddr,
    pub(super) local: Option<SocketAddr>,
    pub(super) holdings: Holdings,
}

/// What the console shows of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HttpReport {
    /// The peer's address and port.
    pub peer: String,
    /// Requests so far.
    pub requests: u64,
    /// Whether one is under way.
    pub is_busy: bool,
}

impl HttpConnection {
    /// A connection that has said nothing yet.
    pub(super) fn new(
        core: Arc<Core>,
        policy: Arc<ListenerPolicy>,
        (id, own): (u64, Slot<Self>),
        caller: Caller,
    ) -> Self {
        let visit = Visit {
            core,
            peer: caller.peer,
            local: caller.local,
            is_encrypted: match caller.origin {
                Origin::Socket(_) => policy.load().tls.implicit,
                Origin::Secured(..) => true,
            },
            policy,
            pace: Arc::default(),
            holdings: RefCell::new(Some(caller.holdings)),
            requests: Cell::new(0),
        };
        Self {
            visit: Rc::new(visit),
            own,
            id,
            origin: Some(caller.origin),
            leave: Rc::default(),
            is_over: false,
            task: None,
            membership: None,
            stranger: None,
        }
    }

    fn leave(&self) {
        self.leave.notify_one();
    }
}

impl Supervise for HttpConnection {
    const KIND: &'static str = "http";
    const MAILBOX: usize = 16;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Never
    }
}

impl Observe for HttpConnection {
    type Report = HttpReport;

    fn report(&self) -> HttpReport {
        HttpReport {
            peer: self.visit.peer.to_string(),
            requests: self.visit.requests.get(),
            is_busy: self.visit.pace.is_busy(),
        }
    }
}

impl Actor for HttpConnection {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let Some(origin) = self.origin.take() else {
            return context.stop();
        };
        let policy = &self.visit.policy;
        let guest = || Guest::Http(self.own.clone());
        self.membership = Some(policy.members.admit(self.id, guest()));
        let limit = policy.load().limits.unauthenticated;
        let strangers = &policy.counters.strangers;
        self.stranger = Some(strangers.admit(self.id, guest(), limit));
        let last = TellsOver(self.own.clone());
        let (visit, leave) = (Rc::clone(&self.visit), Rc::clone(&self.leave));
        let serving = async move {
            let _last = last;
            if let Err(error) = serve(&visit, origin, &leave).await {
                tracing::debug!(peer = %visit.peer, %error, "http connection ended");
            }
        };
        self.task = Some(actix_rt::spawn(serving).abort_handle());
    }

    /// Told to stop, it finishes the answer under way, within `timeouts.close`.
    fn stopping(&mut self, context: &mut Context<Self>) -> Running {
        if self.is_over {
            return Running::Stop;
        }
        self.leave();
        let patience = self.visit.policy.load().timeouts.close;
        context.run_later(patience, |this, context| {
            this.is_over = true;
            context.stop();
        });
        Running::Continue
    }
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Handler<Leave> for HttpConnection {
    type Result = ();

    fn handle(&mut self, _: Leave, _: &mut Context<Self>) {
        self.leave();
    }
}

impl Handler<PatienceChanged> for HttpConnection {
    type Result = ();

    fn handle(&mut self, _: PatienceChanged, _: &mut Context<Self>) {
        self.visit.pace.look_again();
    }
}

impl Handler<Over> for HttpConnection {
    type Result = ();

    fn handle(&mut self, _: Over, context: &mut Context<Self>) {
        self.is_over = true;
        context.stop();
    }
}

/// Tells the actor that its task has ended, after a panic as well.
struct TellsOver(Slot<HttpConnection>);

impl Drop for TellsOver {
    fn drop(&mut self) {
        if let Err(refused) = offer(&self.0, Over) {
            tracing::trace!(?refused, "the connection's actor has ended before its task");
        }
    }
}

/// Answers requests until the connection closes, is left, or becomes a session.
async fn serve(visit: &Rc<Visit>, origin: Origin, leave: &Notify) -> io::Result<()> {
    let (transport, ahead) = match origin {
        Origin::Socket(stream) => (secured(visit, stream).await?, Vec::new()),
        Origin::Secured(stream, ahead) => (Transport::Tls(stream), ahead),
    };
    visit.pace.answered();
    let patient = Patient::new(
        (transport, ahead),
        Arc::clone(&visit.policy),
        Arc::clone(&visit.pace),
    );
    let service = service_fn(|request| routes::answer(Rc::clone(visit), request));
    let mut http = http1::Builder::new();
    // Deadlines are kept below; a timer of hyper's would answer nothing.
    http.max_buf_size(HEAD).header_read_timeout(None);
    let connection = http.serve_connection(TokioIo::new(patient), service);
    let mut connection = std::pin::pin!(connection.with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = leave.notified() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(io::Error::other)
}

/// The socket, inside TLS where the listener has it so.
async fn secured(visit: &Visit, stream: StdStream) -> io::Result<Transport> {
    let stream = TcpStream::from_std(stream)?;
    if !visit.is_encrypted {
        return Ok(Transport::Plain(stream));
    }
    let shaken = handshake::serve(&visit.core, &visit.policy, stream, visit.local, None);
    Ok(Transport::Tls(shaken.await?))
}
