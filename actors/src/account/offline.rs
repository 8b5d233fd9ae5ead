//! Messages for a user who is not there (XEP-0160), bounded per user, delayed delivery stamped (XEP-0203).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context};
use storage::{OfflineId, OfflineMessage, StoreError};
use xmpp::stanza_error::Condition;
use xmpp::xml::Limits;
use xmpp::{Stanza, XmlWriter, ns};

use super::iq::store_error;
use super::message::MessageType;
use super::{Account, Phase};
use crate::delivery::Deliver;
use crate::handle::SessionHandle;

/// Messages read and handed over in one go.
const PORTION: usize = 64;

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
        let message = OfflineMessage { stamp_ms: now_ms(), stanza: stanza.into() };
        let stored = self.core.store.append_offline(&self.handle.jid, message, limit);
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
            Err(StoreError::LimitReached { .. }) => self.bounce(deliver, Condition::ServiceUnavailable),
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
    pub(super) fn flush_offline(
        &mut self,
        session: &Arc<SessionHandle>,
        context: &mut Context<Self>,
    ) {
        let session = Arc::clone(session);
        let read = self.core.store.offline(&self.handle.jid, None, PORTION);
        self.wait_for(read, context, move |account, read, context| match read {
            Ok(messages) => account.hand_over(&session, messages, context),
            Err(error) => {
                tracing::error!(account = %account.handle.jid, %error, "offline messages not read");
            }
        });
    }

    fn hand_over(
        &mut self,
        session: &Arc<SessionHandle>,
        messages: Vec<(OfflineId, OfflineMessage)>,
        context: &mut Context<Self>,
    ) {
        let is_last = messages.len() < PORTION;
        let mut done = Vec::with_capacity(messages.len());
        for (id, message) in messages {
            let sent = match self.delayed(&message) {
                Some(stanza) => session.send(&stanza).is_ok(),
                None => true,
            };
            if !sent {
                break;
            }
            done.push(id);
        }
        if done.is_empty() {
            return;
        }
        let is_whole = session.is_open();
        let deleted = self.core.store.delete_offline(&self.handle.jid, done);
        let session = Arc::clone(session);
        self.wait_for(deleted, context, move |account, deleted, context| match deleted {
            Ok(_) if !is_last && is_whole => account.flush_offline(&session, context),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(account = %account.handle.jid, %error, "delivered messages not deleted");
            }
        });
    }

    /// A kept message with the stamp of when it came (XEP-0203 §3).
    fn delayed(&self, message: &OfflineMessage) -> Option<Stanza> {
        let mut stanza = match Stanza::from_xml(&message.stanza, &Limits::default()) {
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

    /// Runs `then` with what `future` brings; until then the account holds its queue.
    pub(super) fn wait_for<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
        context: &mut Context<Self>,
        then: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
    ) {
        self.phase = Phase::Waiting;
        let future = wrap_future::<_, Self>(future).map(|outcome, account, context| {
            account.phase = Phase::Ready;
            then(account, outcome, context);
            account.release(context);
        });
        context.spawn(future);
    }
}

/// XEP-0160 §3 and XEP-0334 §4: normal messages always, chat messages unless they only tell that
/// somebody types, and none that says it must not be stored.
fn is_worth_keeping(stanza: &Stanza) -> bool {
    let hint = |name| stanza.child(name, ns::HINTS).is_some();
    if hint("no-store") || hint("no-permanent-store") {
        return false;
    }
    if hint("store") {
        return true;
    }
    match MessageType::of(stanza) {
        MessageType::Normal => true,
        MessageType::Chat => stanza.children().any(|child| !child.has_ns(ns::CHAT_STATES)),
        MessageType::Groupchat | MessageType::Headline | MessageType::Error => false,
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
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
        assert!(!keeps("<message type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>"));
        assert!(!keeps("<message type='headline'><body>hi</body></message>"));
        assert!(!keeps("<message><body>hi</body><no-store xmlns='urn:xmpp:hints'/></message>"));
    }

    #[test]
    fn stamps_follow_the_xep() {
        assert_eq!(stamp(1_031_703_848_000), "2002-09-11T00:24:08.000Z");
    }
}
