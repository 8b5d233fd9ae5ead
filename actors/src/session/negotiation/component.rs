//! A component's negotiation (XEP-0114 §3): header, proof, and the place of its domain.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use xmpp::component::{check_proof, domain_of, random_id, write_header};
use xmpp::jid::DomainPart;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::StreamEvent;

use super::driver::secure;
use super::source::Source;
use super::{Negotiated, Negotiator, Steps};
use crate::component::{ComponentEntry, ComponentLink, Join, Joined};
use crate::offer::{ask, offer};
use crate::session::{JoinedAs, ReaderEnd};

/// How long the domain may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// One negotiation under way.
pub(super) struct Introduction {
    with: Negotiator,
    source: Source,
    /// The domain asked for, and the id of the stream, once the header is there.
    stream: Option<(DomainPart, String)>,
    is_header_sent: bool,
}

impl Steps for Introduction {
    /// Does the handshake that comes first inside TLS.
    async fn open(mut with: Negotiator) -> Result<Self, ReaderEnd> {
        secure(&with).await?;
        Ok(Self {
            source: Source::of_component(&mut with),
            with,
            stream: None,
            is_header_sent: false,
        })
    }

    /// Waits for the header.
    async fn begin(&mut self) -> Result<(), ReaderEnd> {
        let header = match self.source.next(&self.with, false).await? {
            Ok(StreamEvent::Header(header)) => header,
            Ok(_) => return Err(self.fail(StreamCondition::BadFormat.into())),
            Err(error) => return Err(self.fail(error)),
        };
        let domain = domain_of(&header).map_err(|error| self.fail(error))?;
        let id =
            random_id().ok_or_else(|| self.fail(StreamCondition::InternalServerError.into()))?;
        self.say_header(Some(&domain), &id);
        if self.entry(&domain).is_none() {
            let text = "no component of this domain is configured";
            let error = StreamError::with_text(StreamCondition::HostUnknown, text);
            return Err(self.fail(error));
        }
        self.stream = Some((domain, id));
        Ok(())
    }

    /// Waits for the proof, and takes the place of the domain.
    async fn run(&mut self) -> Result<(), ReaderEnd> {
        let element = match self.source.next(&self.with, false).await? {
            Ok(StreamEvent::Element(element)) => element,
            Ok(StreamEvent::Closed) => return Err(ReaderEnd::Closed),
            Ok(_) => {
                let text = "a component proves first that it knows the secret";
                let error = StreamError::with_text(StreamCondition::NotAuthorized, text);
                return Err(self.fail(error));
            }
            Err(error) => return Err(self.fail(error)),
        };
        let Some((domain, id)) = self.stream.take() else {
            return Err(self.fail(StreamCondition::InternalServerError.into()));
        };
        let config = self.with.core.config().clone();
        let (Some(entry), Some(own)) = (self.entry(&domain), config.components.get(&domain)) else {
            return Err(self.fail(StreamCondition::HostUnknown.into()));
        };
        if let Err(error) = check_proof(&element, &id, own.secret.expose()) {
            tracing::info!(peer = %self.with.peer.ip(), %domain, "authentication of a component failed");
            return Err(self.fail(error));
        }
        self.join(domain, entry).await
    }

    /// Ends the stream: our header, if it was not sent, the error, the end tag.
    fn fail(&mut self, error: StreamError) -> ReaderEnd {
        if !self.is_header_sent {
            self.say_header(None, &random_id().unwrap_or_default());
        }
        let mut out = Vec::new();
        error.write_to(&mut out);
        out.extend_from_slice(b"</stream:stream>");
        self.send(&out);
        ReaderEnd::Said(Some(Box::new(error)))
    }

    /// What the reader goes on with, and what was read behind the negotiation.
    fn into_negotiated(self) -> Result<(Box<Negotiated>, Vec<u8>), ReaderEnd> {
        Ok(self.source.into_negotiated(&self.with, None))
    }
}

impl Introduction {
    async fn join(
        &mut self,
        domain: DomainPart,
        entry: Arc<ComponentEntry>,
    ) -> Result<(), ReaderEnd> {
        let with = &self.with;
        let peer = (with.peer.ip(), with.connection.is_secure());
        let (outbound, session) = (Arc::clone(&with.outbound), with.session.clone());
        let link = Arc::new(ComponentLink::new(with.id, domain, peer, outbound, session));
        // Made before the domain is asked, so that no answer can get lost.
        let joined = Joined::new(Arc::clone(&entry), Arc::clone(&link));
        match ask(&entry.slot, Join(link), DEADLINE).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.fail(error)),
            Err(error) => {
                tracing::warn!(domain = %joined.domain(), %error, "component not let in");
                return Err(self.fail(StreamCondition::InternalServerError.into()));
            }
        }
        drop(self.with.stranger.take());
        offer(&self.with.session, JoinedAs(joined))
            .map_err(|_| ReaderEnd::Lost(io::ErrorKind::BrokenPipe.into()))
    }

    fn say_header(&mut self, domain: Option<&DomainPart>, id: &str) {
        let mut out = Vec::new();
        write_header(domain.map(|domain| domain.as_str()), id, &mut out);
        self.is_header_sent = true;
        self.send(&out);
    }

    fn send(&self, bytes: &[u8]) {
        // A closed queue is one whose writer has ended: the next read finds out.
        let _closed = self.with.outbound.push(|out| out.extend_from_slice(bytes));
    }

    fn entry(&self, domain: &DomainPart) -> Option<Arc<ComponentEntry>> {
        self.with.core.tables.component(domain.as_str())
    }
}
