//! STARTTLS (RFC 6120 §5).

use smallvec::smallvec;

use crate::{
    stanza::Element,
    stream_error::{StreamCondition, StreamError},
};

use super::{
    event::{Output, Outputs},
    machine::{CLOSING_TAG, Negotiation, State, out_of_turn},
    settings::TlsFacts,
};

impl Negotiation {
    pub(crate) fn take_starttls(&mut self, _: &Element) -> Outputs {
        let Some(host) = self.host.clone() else {
            return self.fail(out_of_turn());
        };
        if !self.offer().has_starttls() || !matches!(self.state, State::Features) {
            let mut out = b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec();
            out.extend_from_slice(CLOSING_TAG);
            self.state = State::Over;
            return smallvec![Output::Send(out), Output::Close(None)];
        }
        self.state = State::Tls;
        smallvec![Output::StartTls {
            host,
            proceed: b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        }]
    }

    pub(super) fn take_tls(&mut self, facts: TlsFacts) -> Outputs {
        if !matches!(self.state, State::Tls) {
            return self.fail(out_of_turn());
        }
        self.tls = Some(facts);
        self.state = State::Header;
        smallvec![Output::ResetParser {
            is_authenticated: false
        }]
    }

    pub(super) fn refuse_pipelined(&mut self) -> Outputs {
        self.state = State::Features;
        self.fail(StreamError::with_text(
            StreamCondition::PolicyViolation,
            "nothing may follow <starttls/> before <proceed/>",
        ))
    }
}
