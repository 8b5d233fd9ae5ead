//! The end of a stream that is still being negotiated: only the machine knows whether a header was
//! sent, or a handshake is under way.

use std::cell::RefCell;

use tokio::sync::Notify;
use xmpp::stream_error::StreamError;

/// What a session tells its negotiation.
#[derive(Debug, Default)]
pub(super) struct Orders {
    error: RefCell<Option<StreamError>>,
    given: Notify,
}

impl Orders {
    /// End the stream with this error.
    pub(super) fn end(&self, error: StreamError) {
        *self.error.borrow_mut() = Some(error);
        self.given.notify_one();
    }

    /// The negotiation's side: waits for the order.
    pub(super) async fn given(&self) -> StreamError {
        loop {
            if let Some(error) = self.left() {
                return error;
            }
            self.given.notified().await;
        }
    }

    /// An order that the negotiation did not see.
    pub(super) fn left(&self) -> Option<StreamError> {
        self.error.borrow_mut().take()
    }
}
