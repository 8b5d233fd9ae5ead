//! Stream headers: the client's judged, ours written (RFC 6120 §4.7).

use smallvec::smallvec;

use crate::{
    features::write_features,
    header::{StreamHeader, Version},
    jid::Jid,
    stream_error::{StreamCondition, StreamError},
    xml::ContentNamespace,
};

use super::{
    event::{Output, Outputs},
    machine::{Negotiation, State, no_randomness},
};

/// Longest language tag that is kept (RFC 5646 §4.4.1).
const MAX_LANG_BYTES: usize = 35;

impl Negotiation {
    pub(super) fn take_header(&mut self, header: &StreamHeader) -> Outputs {
        if !matches!(self.state, State::Header) {
            return self.fail(StreamError::with_text(
                StreamCondition::UnsupportedStanzaType,
                "a second stream header",
            ));
        }
        if let Err(error) = self.check_header(header) {
            return self.fail(error);
        }
        let Some(id) = self.random_text::<15>() else {
            return self.fail(no_randomness());
        };
        self.stream_id = id.into();
        self.lang = header
            .lang()
            .filter(|lang| lang.len() <= MAX_LANG_BYTES)
            .map(Into::into);
        let mut out = Vec::with_capacity(768);
        self.write_header(header.from(), &mut out);
        self.state = State::Features;
        write_features(&self.offer(), &mut out);
        smallvec![Output::Send(out)]
    }

    /// Judges the attributes (RFC 6120 §4.7) and keeps the host.
    fn check_header(&mut self, header: &StreamHeader) -> Result<(), StreamError> {
        use StreamCondition::{
            HostUnknown, ImproperAddressing, InvalidFrom, NotAuthorized, UnsupportedVersion,
        };
        let refuse = |condition, text: &str| Err(StreamError::with_text(condition, text));
        let host = match (header.to_raw(), header.to()) {
            (None | Some(""), _) => {
                return refuse(
                    ImproperAddressing,
                    "the stream header needs the attribute 'to'",
                );
            }
            (Some(_), Some(to)) if to.node().is_none() && to.resource().is_none() => to.domain(),
            _ => return refuse(ImproperAddressing, "the attribute 'to' is not a domain"),
        };
        if !self.settings.hosts.contains_key(host.as_str()) {
            return refuse(HostUnknown, "this server does not serve the domain of 'to'");
        }
        match &self.host {
            Some(first) if first.as_str() != host.as_str() => {
                return refuse(
                    NotAuthorized,
                    "the attribute 'to' must not change when the stream is restarted",
                );
            }
            Some(_) => {}
            None => self.host = Some(host.to_owned()),
        }
        if header
            .version()
            .is_none_or(|version| version < Version::ONE)
        {
            return refuse(UnsupportedVersion, "XMPP 1.0 is needed");
        }
        match (&self.user, header.from_raw(), header.from()) {
            (Some((user, _)), Some(_), from) if from.map(Jid::to_bare).as_ref() != Some(user) => {
                refuse(
                    InvalidFrom,
                    "the attribute 'from' is not the address that logged in",
                )
            }
            _ => Ok(()),
        }
    }

    /// Appends our header; its `from` is the host, or any host if the client asked for one that we do not serve.
    pub(super) fn write_header(&self, from: Option<&Jid>, out: &mut Vec<u8>) {
        let fallback = || self.settings.hosts.keys().min().map(String::as_str);
        let host = self
            .host
            .as_ref()
            .map(|host| host.as_str())
            .or_else(fallback);
        let mut header = StreamHeader::new(ContentNamespace::Client)
            .with("id", &self.stream_id)
            .with("version", "1.0")
            .with("xml:lang", "en");
        if let Some(host) = host {
            header = header.with("from", host);
        }
        if let Some(from) = from {
            header = header.with("to", from.to_bare().as_str());
        }
        header.write_to(out);
    }
}
