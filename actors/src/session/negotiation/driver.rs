//! The loop between the client, the machine, the store and the workers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use xmpp::jid::{BareJid, DomainPart};
use xmpp::sasl::CredentialsAnswer;
use xmpp::stream::{Established, Input, Negotiation, Output, Registration, TlsFacts};
use xmpp::stream_error::StreamError;

use super::source::Source;
use super::{Negotiated, Negotiator, Steps};
use crate::connection::Transport;
use crate::handle::SessionHandle;
use crate::offer::offer;
use crate::password::from_stored;
use crate::register;
use crate::session::{Bound, BoundTo, ReaderEnd};
use crate::tls::handshake as tls;

/// One negotiation under way.
pub(super) struct Driver {
    pub(super) with: Negotiator,
    source: Source,
    machine: Negotiation,
    pub(super) bound: Option<Bound>,
    /// Once it is bound.
    handle: Option<Arc<SessionHandle>>,
    is_authenticated: bool,
    is_established: bool,
}

impl Steps for Driver {
    /// Does the handshake that comes first on a direct TLS listener (XEP-0368), and waits for the
    /// header.
    async fn open(mut with: Negotiator) -> Result<Self, ReaderEnd> {
        let facts = secure(&with).await?;
        let settings = with.core.stream_settings();
        let machine = Negotiation::new(settings, with.tls_policy(), facts);
        Ok(Self {
            source: Source::of_client(&mut with),
            with,
            machine,
            is_authenticated: false,
            bound: None,
            handle: None,
            is_established: false,
        })
    }

    /// Waits for the client to say something.
    async fn begin(&mut self) -> Result<(), ReaderEnd> {
        let input = self.next_input().await?;
        self.feed(input).await
    }

    /// Feeds the machine until a resource is bound.
    async fn run(&mut self) -> Result<(), ReaderEnd> {
        while !self.is_established {
            let input = self.next_input().await?;
            self.feed(input).await?;
        }
        Ok(())
    }

    /// What the reader goes on with, and what was read behind the negotiation.
    fn into_negotiated(self) -> Result<(Box<Negotiated>, Vec<u8>), ReaderEnd> {
        let lost = || ReaderEnd::Lost(io::ErrorKind::BrokenPipe.into());
        let handle = self.handle.ok_or_else(lost)?;
        Ok(self.source.into_negotiated(&self.with, Some(handle)))
    }

    /// Ends the stream by way of the machine, which knows whether a header was sent.
    fn fail(&mut self, error: StreamError) -> ReaderEnd {
        for output in self.machine.handle(Input::Fail(error)) {
            match output {
                Output::Send(bytes) => self.send(&bytes),
                Output::Close(error) => return ReaderEnd::Said(error.map(Box::new)),
                _ => {}
            }
        }
        ReaderEnd::Said(None)
    }
}

impl Driver {
    /// The next thing the client sent.
    async fn next_input(&mut self) -> Result<Input, ReaderEnd> {
        let next = self.source.next(&self.with, self.is_authenticated);
        Ok(next.await?.map_or_else(Input::Fail, Input::from))
    }

    /// Feeds one input and all the answers that follow from it.
    async fn feed(&mut self, input: Input) -> Result<(), ReaderEnd> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let failures = self.machine.failures();
            let outputs = self.machine.handle(input);
            if self.machine.failures() > failures {
                self.report_failure();
            }
            for output in outputs {
                inputs.extend(self.perform(output).await?);
            }
        }
        Ok(())
    }

    /// Says where a failed attempt came from, for whatever bans addresses; its name is the client's
    /// word and stays out of the log.
    fn report_failure(&self) {
        let host = self.machine.host().map(|host| host.as_str());
        tracing::info!(peer = %self.with.peer.ip(), host, "authentication or registration failed");
    }

    /// Does what the machine says; the answer, if it waits for one.
    async fn perform(&mut self, output: Output) -> Result<Option<Input>, ReaderEnd> {
        match output {
            Output::Send(bytes) => self.send(&bytes),
            Output::StartTls { host, proceed } => {
                return self.start_tls(host, proceed).await.map(Some);
            }
            Output::ResetParser { is_authenticated } => self.reset_parser(is_authenticated),
            Output::Lookup(user) => return Ok(Some(self.look_up(user).await)),
            Output::CheckPassword(check) => {
                let verdict = self.with.core.passwords.check(check).await;
                return Ok(Some(Input::PasswordChecked(verdict)));
            }
            Output::Register(registration) => return Ok(Some(self.register(registration).await)),
            Output::Bind(jid) => return Ok(Some(Input::Bound(self.bind(jid).await))),
            Output::Established(established) => self.establish(&established)?,
            Output::Close(error) => return Err(ReaderEnd::Said(error.map(Box::new))),
        }
        Ok(None)
    }

    fn send(&self, bytes: &[u8]) {
        // A closed queue is one whose writer has ended: the next read finds out.
        let _closed = self.with.outbound.push(|out| out.extend_from_slice(bytes));
    }

    fn reset_parser(&mut self, is_authenticated: bool) {
        self.source.parser.reset();
        self.is_authenticated |= is_authenticated;
    }

    /// STARTTLS (RFC 6120 §5.4.3); bytes that came in plain text must not be read as protected ones.
    async fn start_tls(&mut self, host: DomainPart, proceed: &[u8]) -> Result<Input, ReaderEnd> {
        // go-xmpp ends the element with a line feed: white space says nothing and is thrown away.
        let is_injected = self
            .source
            .input
            .iter()
            .any(|byte| !byte.is_ascii_whitespace());
        if is_injected || self.source.parser.is_pending() {
            return Ok(Input::PipelinedPlaintext);
        }
        self.source.input.clear();
        self.send(proceed);
        self.with.outbound.flushed().await;
        let facts = handshake(&self.with, Some(&host)).await;
        let facts = facts.map_err(ReaderEnd::Lost)?;
        Ok(Input::TlsDone(facts.unwrap_or_default()))
    }

    async fn look_up(&self, user: BareJid) -> Input {
        let answer = match self.with.core.store.credentials(&user).await {
            Ok(Some(credentials)) => CredentialsAnswer::Known {
                credentials: from_stored(credentials),
                is_disabled: false,
            },
            Ok(None) => CredentialsAnswer::Unknown,
            Err(error) => {
                tracing::error!(%user, %error, "credentials not read");
                CredentialsAnswer::Unavailable
            }
        };
        Input::Credentials(answer)
    }

    async fn register(&self, registration: Registration) -> Input {
        let Registration { user, password } = registration;
        let peer = self.with.peer.ip();
        Input::Registered(register::create(&self.with.core, peer, &user, password).await)
    }

    fn establish(&mut self, established: &Established) -> Result<(), ReaderEnd> {
        tracing::debug!(jid = %established.jid, mechanism = ?established.mechanism, "stream established");
        let lost = || ReaderEnd::Lost(io::ErrorKind::BrokenPipe.into());
        let bound = self.bound.take().ok_or_else(lost)?;
        bound.handle.announce();
        self.handle = Some(Arc::clone(&bound.handle));
        drop(self.with.stranger.take());
        self.is_established = true;
        offer(&self.with.session, BoundTo(bound)).map_err(|_| lost())
    }
}

/// Does the handshake that comes first on a direct TLS listener, unless it is done; what the stream may use
/// of TLS, if it is inside it.
pub(super) async fn secure(with: &Negotiator) -> Result<Option<TlsFacts>, ReaderEnd> {
    let facts = with.connection.tls_facts();
    if facts.is_some() || !with.policy.load().tls.implicit {
        return Ok(facts);
    }
    handshake(with, None).await.map_err(ReaderEnd::Lost)
}

/// The TLS handshake of the server's side.
async fn handshake(with: &Negotiator, host: Option<&DomainPart>) -> io::Result<Option<TlsFacts>> {
    let Some(Transport::Plain(stream)) = with.connection.take() else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    let host = host.map(|host| host.as_str());
    let shaken = tls::serve(&with.core, &with.policy, stream, with.local, host);
    with.connection.put(Transport::Tls(shaken.await?));
    Ok(with.connection.tls_facts())
}
