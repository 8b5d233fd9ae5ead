//! Connections of a port that several protocols share: served as soon as it is known what the client
//! speaks, and closed as soon as nothing can come of it.
//!
//! What decides, the stronger first: the protocol that was agreed on in the TLS handshake (ALPN), the host that
//! was asked for (SNI), the first bytes. Those of a plain connection are looked at in the
//! kernel's queue, so that it begins as on a listener of its protocol; those inside TLS are handed over
//! as read ahead. A connection holds its places meanwhile, counts as one that has not logged in, and
//! has until `timeouts.detect` after it was accepted, its TLS handshake included.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use multiplex::{Detected, Reason, Spoken, detect};
use portcullis_config::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;
use xmpp::stream_error::{StreamCondition, StreamError};

use super::accept::dismiss;
use super::service::{self, Accepted, Secured};
use super::{Guest, ListenerPolicy, Stranger, peek};
use crate::arbiters::Placement;
use crate::core::Core;
use crate::tls::handshake as tls;

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
enum Unserved {
    #[error("it did not show within timeouts.detect what it speaks")]
    Late,
    #[error("{0}")]
    Hopeless(#[from] Reason),
    #[error("multiplex.max_peek bytes do not show what it speaks")]
    TooMuch,
    #[error("it speaks what is not among multiplex.protocols ({0:?})")]
    Other(Spoken),
    #[error("somebody else needs its place")]
    Superseded,
    #[error("the listener is no multiplexing one any more")]
    Changed,
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl Unserved {
    /// What the client is told before it is closed.
    fn answer(&self) -> Vec<u8> {
        let Self::Other(spoken) = self else {
            return Vec::new();
        };
        let text = match spoken {
            Spoken::Client => "no streams of clients here",
            Spoken::Server => "no streams of servers here",
            Spoken::Component => "no streams of components here",
            Spoken::Framing => "this framing is for WebSocket: open a stream of RFC 6120 here",
            Spoken::Foreign => "this is no stream",
            Spoken::Http | Spoken::Socks | Spoken::Tls => return Vec::new(),
        };
        // RFC 6120 §4.9.3.10: a namespace that is not served.
        let error = StreamError::with_text(StreamCondition::InvalidNamespace, text);
        service::stream_of_error(&error)
    }
}

/// A connection of which it is to be found out what it speaks.
struct Unknown {
    core: Arc<Core>,
    policy: Arc<ListenerPolicy>,
    peer: SocketAddr,
    /// Its place among those who have not logged in.
    stranger: Stranger,
    patience: Patience,
}

/// How long that may take.
struct Patience {
    deadline: Instant,
    /// Somebody else needs the place.
    superseded: Arc<Notify>,
}

impl Patience {
    async fn with<T>(
        &self,
        work: impl Future<Output = Result<T, Unserved>>,
    ) -> Result<T, Unserved> {
        tokio::select! {
            biased;
            () = self.superseded.notified() => Err(Unserved::Superseded),
            done = timeout_at(self.deadline, work) => done.unwrap_or(Err(Unserved::Late)),
        }
    }
}

/// Finds out what a connection speaks, and has it served.
pub(super) fn start(core: &Arc<Core>, policy: &Arc<ListenerPolicy>, accepted: Accepted) {
    let superseded = Arc::<Notify>::default();
    let guest = Guest::Unknown(Arc::clone(&superseded));
    let config = policy.load();
    let strangers = &policy.counters.strangers;
    let limit = config.limits.unauthenticated;
    let unknown = Unknown {
        core: Arc::clone(core),
        policy: Arc::clone(policy),
        peer: accepted.peer,
        stranger: strangers.admit(core.session_id(), guest, limit),
        patience: Patience {
            deadline: accepted.since + config.timeouts.detect,
            superseded,
        },
    };
    if config.tls.implicit {
        unknown.shake(accepted);
    } else {
        actix_rt::spawn(unknown.look(accepted));
    }
}

impl Unknown {
    /// Looks at the first bytes of a plain connection.
    async fn look(self, accepted: Accepted) {
        let most = self.max_peek();
        let stream = match TcpStream::from_std(accepted.stream) {
            Ok(stream) => stream,
            Err(error) => return self.report(&error.into()),
        };
        let found = self.patience.with(first_bytes(&stream, most)).await;
        let found = found.and_then(|spoken| match spoken {
            Spoken::Tls if self.takes_tls() => Ok(None),
            spoken => self.policy_of(spoken).map(Some),
        });
        let policy = match found {
            Ok(policy) => policy,
            Err(error) => return self.dismiss(stream, &error),
        };
        let accepted = match stream.into_std() {
            Ok(stream) => Accepted { stream, ..accepted },
            Err(error) => return self.report(&error.into()),
        };
        match policy {
            Some(policy) => service::start(&self.core, &policy, accepted),
            None => self.shake(accepted),
        }
    }

    /// Does the TLS handshake on the thread on which the connection is to stay.
    fn shake(self, accepted: Accepted) {
        let placement = self.core.workers.place();
        let arbiter = placement.arbiter().clone();
        let peer = self.peer;
        let is_alive = arbiter.spawn_fn(move || {
            actix_rt::spawn(self.look_inside(accepted, placement));
        });
        if !is_alive {
            tracing::warn!(%peer, "connection dropped: its arbiter has ended");
        }
    }

    /// Does the handshake, and looks at the first bytes inside where that does not decide.
    async fn look_inside(self, accepted: Accepted, placement: Placement) {
        let (core, policy) = (Arc::clone(&self.core), Arc::clone(&self.policy));
        let handshake = async {
            let stream = TcpStream::from_std(accepted.stream)?;
            Ok(tls::serve(&core, &policy, stream, accepted.local, None).await?)
        };
        let mut stream = match self.patience.with(handshake).await {
            Ok(stream) => stream,
            Err(error) => return self.report(&error),
        };
        let (most, mut ahead) = (self.max_peek(), Vec::new());
        let policy = match self.agreed(&stream) {
            Some(protocol) => self.policy.speaking(protocol).ok_or(Unserved::Changed),
            None => {
                let found = first_bytes_inside(&mut stream, most, &mut ahead);
                let found = self.patience.with(found).await;
                found.and_then(|spoken| self.policy_of(spoken))
            }
        };
        let policy = match policy {
            Ok(policy) => policy,
            Err(error) => return self.dismiss(stream, &error),
        };
        // The session takes a place of its own.
        drop(self.stranger);
        let secured = Secured {
            stream,
            ahead,
            peer: accepted.peer,
            local: accepted.local,
            permits: accepted.permits,
            placement,
        };
        if let Err(error) = service::resume(&core, &policy, secured) {
            tracing::warn!(peer = %self.peer, %error, "connection dropped");
        }
    }

    /// What the handshake says: ALPN, else SNI.
    fn agreed(&self, stream: &TlsStream<TcpStream>) -> Option<Protocol> {
        let (_, tls) = stream.get_ref();
        if let Some(name) = tls.alpn_protocol() {
            return Protocol::of_alpn(name);
        }
        let name = tls.server_name()?;
        let config = self.policy.load();
        config.multiplex.as_ref()?.sni.get(name).copied()
    }

    /// The settings for what the first bytes show, if that may be chosen.
    fn policy_of(&self, spoken: Spoken) -> Result<Arc<ListenerPolicy>, Unserved> {
        let config = self.policy.load();
        let multiplex = config.multiplex.as_ref().ok_or(Unserved::Changed)?;
        let protocol = protocol_of(spoken).filter(|found| multiplex.protocols.contains(found));
        let protocol = protocol.ok_or(Unserved::Other(spoken))?;
        self.policy.speaking(protocol).ok_or(Unserved::Changed)
    }

    fn max_peek(&self) -> usize {
        let config = self.policy.load();
        config
            .multiplex
            .as_ref()
            .map_or(0, |multiplex| multiplex.max_peek)
    }

    fn takes_tls(&self) -> bool {
        let config = self.policy.load();
        config
            .multiplex
            .as_ref()
            .is_some_and(|multiplex| multiplex.tls)
    }

    /// Closes the connection, with an answer where there is one, so that it is not reset.
    fn dismiss(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, error: &Unserved) {
        self.report(error);
        dismiss(&self.policy, stream, error.answer());
    }

    fn report(&self, error: &Unserved) {
        let (listener, peer) = (&self.policy.load().name, self.peer);
        tracing::debug!(%listener, %peer, "connection closed: {error}");
        if !matches!(error, Unserved::Socket(_)) {
            self.policy.undetected.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The protocol that serves this, in this version.
fn protocol_of(spoken: Spoken) -> Option<Protocol> {
    match spoken {
        Spoken::Client => Some(Protocol::C2s),
        Spoken::Component => Some(Protocol::Component),
        Spoken::Http => Some(Protocol::Http),
        Spoken::Server | Spoken::Framing | Spoken::Foreign => None,
        Spoken::Socks | Spoken::Tls => None,
    }
}

/// Waits for the first bytes; leaves them where they are, without what is passed over before them.
async fn first_bytes(stream: &TcpStream, most: usize) -> Result<Spoken, Unserved> {
    let (spoken, skipped) = peek::until(stream, most, |bytes| judge(bytes, most)).await??;
    peek::take(stream, skipped)?;
    Ok(spoken)
}

/// As [`first_bytes`], inside TLS: they are left in `ahead`.
async fn first_bytes_inside(
    stream: &mut TlsStream<TcpStream>,
    most: usize,
    ahead: &mut Vec<u8>,
) -> Result<Spoken, Unserved> {
    loop {
        let left = u64::try_from(most.saturating_sub(ahead.len())).unwrap_or(u64::MAX);
        if (&mut *stream).take(left).read_buf(ahead).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(judged) = judge(ahead, most) {
            let (spoken, skipped) = judged?;
            ahead.drain(..skipped);
            return Ok(spoken);
        }
    }
}

/// What these bytes show and how many of them are passed over, once that is decided.
fn judge(bytes: &[u8], most: usize) -> Option<Result<(Spoken, usize), Unserved>> {
    match detect(bytes) {
        Detected::Found { spoken, skipped } => Some(Ok((spoken, skipped))),
        Detected::Hopeless(reason) => Some(Err(reason.into())),
        Detected::Incomplete => (bytes.len() >= most).then_some(Err(Unserved::TooMuch)),
    }
}
