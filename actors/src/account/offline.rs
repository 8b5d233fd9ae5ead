//! Messages for a user who is not there (XEP-0160), bounded per user, delayed delivery stamped (XEP-0203).

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context};
use storage::{OfflineId, OfflineMessage, StoreError};
use xmpp::stanza_error::Condition;
use xmpp::xml::Limits;
use xmpp::{ElementRef, Stanza, XmlWriter, ns};

use super::Account;
use super::iq::store_error;
use super::message::MessageType;
use crate::delivery::Deliver;
use crate::handle::SessionHandle;

/// Messages read and handed over in one go.
const PORTION: usize = 64;
/// How long a client may take for what is handed over before the account goes on without it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Account {
    /// Keeps a message for later, or answers that nobody will see it.
    pub(super) fn keep_offline(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        if !is_worth_keeping(&deliver.stanza) {
            return deliver.settle();
        }
        let limit = self.offline_limit();
        if limit == 0 {
            return self.bounce(deliver, Condition::ServiceUnavailable);
        }
        let mut stanza = Vec::with_capacity(deliver.stanza.size());
        deliver.stanza.write_to(&mut stanza);
        let message = OfflineMessage {
            stamp_ms: now_ms(),
            stanza: stanza.into(),
        };
        let stored = self
            .core
            .store
            .append_offline(&self.handle.jid, message, limit);
        self.appending += 1;
        let stored = wrap_future::<_, Self>(stored).map(|stored, account, _| {
            account.appending -= 1;
            account.kept(deliver, stored);
        });
        context.spawn(stored);
    }

    fn kept(&mut self, deliver: Deliver, stored: Result<OfflineId, StoreError>) {
        match stored {
            Ok(_) => {
                self.report.stored_offline += 1;
                deliver.settle();
            }
            // XEP-0160 §3: a full store is as if there were none.
            Err(StoreError::LimitReached { .. }) => {
                self.bounce(deliver, Condition::ServiceUnavailable)
            }
            Err(error) => {
                tracing::error!(account = %self.handle.jid, %error, "message not kept");
                self.report.bounced += 1;
                deliver.bounce(store_error(&error));
            }
        }
    }

    fn offline_limit(&self) -> usize {
        let config = self.core.config();
        let host = config.hosts.get(self.handle.jid.domain());
        host.map_or(0, |host| host.offline_messages)
    }

    /// Hands what was kept to a resource that has become available. What is sent meanwhile waits,
    /// so that order is kept; the store answers after every append that was called before.
    ///
    /// Messages are deleted once the socket has taken them. Until the deletion is committed a fault
    /// of the node means that the client gets them twice; one of the client's connection after that
    /// means that what the network had is lost, as for every message (XEP-0198 closes that gap).
    pub(super) fn flush_offline(
        &mut self,
        session: &Arc<SessionHandle>,
        context: &mut Context<Self>,
    ) {
        let session = Arc::clone(session);
        let read = self.core.store.offline(&self.handle.jid, None, PORTION);
        self.wait_for(read, context, move |account, read, context| match read {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => account.hand_over(session, messages, context),
            Err(error) => {
                tracing::error!(account = %account.handle.jid, %error, "offline messages not read");
            }
        });
    }

    fn hand_over(
        &mut self,
        session: Arc<SessionHandle>,
        messages: Vec<(OfflineId, OfflineMessage)>,
        context: &mut Context<Self>,
    ) {
        let stanzas: Vec<_> = messages
            .iter()
            .map(|(id, message)| (*id, self.delayed(message)))
            .collect();
        let receiver = Arc::clone(&session);
        let written = async move { write_out(&receiver, stanzas).await };
        self.wait_for(written, context, move |account, done, context| {
            if !done.is_empty() {
                account.forget_written(session, done, context);
            }
        });
    }

    fn forget_written(
        &mut self,
        session: Arc<SessionHandle>,
        done: Vec<OfflineId>,
        context: &mut Context<Self>,
    ) {
        let may_be_more = done.len() == PORTION;
        let deleted = self.core.store.delete_offline(&self.handle.jid, done);
        self.wait_for(deleted, context, move |account, deleted, context| match deleted {
            Ok(_) if may_be_more && session.is_open() => account.flush_offline(&session, context),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(account = %account.handle.jid, %error, "delivered messages not deleted");
            }
        });
    }

    /// A kept message with the stamp of when it came (XEP-0203 §3).
    fn delayed(&self, message: &OfflineMessage) -> Option<Stanza> {
        let mut stanza = match Stanza::from_xml(&message.stanza, &Limits::STORED) {
            Ok(stanza) => stanza,
            Err(error) => {
                tracing::error!(account = %self.handle.jid, %error, "stored message is damaged");
                return None;
            }
        };
        let mut delay = XmlWriter::new();
        delay.open("delay", ns::DELAY);
        delay.attr("from", self.handle.jid.domain().as_str());
        delay.attr("stamp", &stamp(message.stamp_ms));
        delay.close();
        stanza.append_content(&delay.finish());
        Some(stanza)
    }
}

/// Writes stanzas as fast as the client takes them; those that the socket has taken. A damaged one
/// counts as written. When the connection ends on the way, none of them does: they come again.
async fn write_out(
    session: &SessionHandle,
    stanzas: Vec<(OfflineId, Option<Stanza>)>,
) -> Vec<OfflineId> {
    let mut done = Vec::with_capacity(stanzas.len());
    for (id, stanza) in stanzas {
        if let Some(stanza) = stanza {
            // Half of the room is left to whatever else the client is sent.
            if session.room() / 2 < stanza.size() && !is_flushed(session).await {
                return Vec::new();
            }
            if session.send(&stanza).is_err() {
                return Vec::new();
            }
        }
        done.push(id);
    }
    match is_flushed(session).await {
        true => done,
        false => Vec::new(),
    }
}

/// Whether the socket has taken all that was queued.
async fn is_flushed(session: &SessionHandle) -> bool {
    let flushed = tokio::time::timeout(PATIENCE, session.flushed()).await;
    flushed.is_ok() && session.is_open()
}

/// XEP-0160 §3 and XEP-0334 §4: normal messages always, chat messages unless they only tell that
/// somebody types, and none that says it must not be stored. `no-permanent-store` is about archives:
/// keeping a message until it is delivered is what it allows.
fn is_worth_keeping(stanza: &Stanza) -> bool {
    let hint = |name| stanza.child(name, ns::HINTS).is_some();
    if hint("no-store") {
        return false;
    }
    match MessageType::of(stanza) {
        MessageType::Normal => true,
        MessageType::Chat => hint("store") || stanza.children().any(|child| is_content(&child)),
        MessageType::Groupchat | MessageType::Headline | MessageType::Error => false,
    }
}

/// Whether an element says more than that somebody types; a thread alone says nothing.
fn is_content(child: &ElementRef<'_>) -> bool {
    !child.has_ns(ns::CHAT_STATES) && !child.has_ns(ns::HINTS) && !child.is("thread", ns::CLIENT)
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// The profile of ISO 8601 of XEP-0082.
fn stamp(ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(xml: &str) -> bool {
        is_worth_keeping(&Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn only_what_a_person_would_miss_is_kept() {
        assert!(keeps("<message><body>hi</body></message>"));
        assert!(keeps("<message type='chat'><body>hi</body></message>"));
        assert!(!keeps(
            "<message type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
        ));
        assert!(!keeps("<message type='headline'><body>hi</body></message>"));
        assert!(!keeps(
            "<message><body>hi</body><no-store xmlns='urn:xmpp:hints'/></message>"
        ));
    }

    #[test]
    fn stamps_follow_the_xep() {
        assert_eq!(stamp(1_031_703_848_000), "2002-09-11T00:24:08.000Z");
    }
}
