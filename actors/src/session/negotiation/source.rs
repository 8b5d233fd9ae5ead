//! What a peer sends during its negotiation, parsed: bounded in size and speed by the listener's settings.

use std::sync::Arc;

use xmpp::stream_error::StreamError;
use xmpp::xml::{ContentNamespace, Limits, StreamEvent, StreamParser};

use super::{Negotiated, Negotiator};
use crate::handle::SessionHandle;
use crate::session::ReaderEnd;
use crate::session::terms::limits_of;
use crate::session::throttle::Throttle;

/// See the module.
pub(super) struct Source {
    pub(super) parser: StreamParser,
    /// Bytes read and not parsed yet.
    pub(super) input: Vec<u8>,
    throttle: Throttle,
}

impl Source {
    /// The stream of a client.
    pub(super) fn of_client(with: &mut Negotiator) -> Self {
        Self::new(with, ContentNamespace::Client)
    }

    /// The stream of a component.
    pub(super) fn of_component(with: &mut Negotiator) -> Self {
        Self::new(with, ContentNamespace::Component)
    }

    fn new(with: &mut Negotiator, content: ContentNamespace) -> Self {
        Self {
            parser: StreamParser::for_content(Limits::UNAUTHENTICATED, content),
            input: std::mem::take(&mut with.ahead),
            throttle: Throttle::new(with.policy.load().limits.traffic.as_ref()),
        }
    }

    /// The next thing the peer sent, or what is wrong with it.
    pub(super) async fn next(
        &mut self,
        with: &Negotiator,
        is_authenticated: bool,
    ) -> Result<Result<StreamEvent, StreamError>, ReaderEnd> {
        loop {
            self.parser.set_limits(limits(with, is_authenticated));
            let mut rest = self.input.as_slice();
            let parsed = self.parser.next(&mut rest);
            let used = self.input.len() - rest.len();
            self.input.drain(..used);
            match parsed {
                Ok(Some(event)) => return Ok(Ok(event)),
                Ok(None) => self.read(with).await?,
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    async fn read(&mut self, with: &Negotiator) -> Result<(), ReaderEnd> {
        let allowance = self.throttle.allowance(&with.policy).await;
        let (input, throttle) = (&mut self.input, &mut self.throttle);
        let read = with.connection.read_at_most(allowance, |bytes| {
            throttle.spend(bytes);
            input.extend_from_slice(bytes);
            bytes.len()
        });
        match read.await {
            Ok(0) => Err(ReaderEnd::Eof),
            Ok(_) => Ok(()),
            Err(error) => Err(ReaderEnd::Lost(error)),
        }
    }

    /// What the reader goes on with, and what was read behind the negotiation.
    pub(super) fn into_negotiated(
        mut self,
        with: &Negotiator,
        handle: Option<Arc<SessionHandle>>,
    ) -> (Box<Negotiated>, Vec<u8>) {
        self.throttle
            .follow_for(&with.policy, handle.as_ref().map(|handle| &handle.jid));
        // What came behind the last step is the authenticated peer's.
        self.parser.set_limits(limits_of(with.kind, &with.policy));
        let negotiated = Negotiated {
            parser: self.parser,
            throttle: self.throttle,
            handle,
        };
        (Box::new(negotiated), self.input)
    }
}

fn limits(with: &Negotiator, is_authenticated: bool) -> Limits {
    match is_authenticated {
        true => limits_of(with.kind, &with.policy),
        false => {
            Limits::UNAUTHENTICATED.with_stanza_bytes(with.policy.load().limits.pre_auth_stanza)
        }
    }
}
