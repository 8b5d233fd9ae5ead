//! Stanza errors: why a stanza was not served (RFC 6120 §8.3).

use std::fmt;

use crate::{
    ns,
    stanza::{ElementRef, Stanza, StanzaKind},
    xml::XmlWriter,
};

/// What the sender may do about an error (RFC 6120 §8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Proceed, the condition was only a warning.
    Continue,
    /// Retry after changing the data sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    /// The value of the attribute `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Continue => "continue",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Auth,
            Self::Cancel,
            Self::Continue,
            Self::Modify,
            Self::Wait,
        ]
        .into_iter()
        .find(|t| t.name() == name)
    }
}

/// The defined conditions of RFC 6120 §8.3.3, and two of RFC 3920 that rules may still name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the RFC names and explains each of them")]
pub enum Condition {
    BadRequest,
    Conflict,
    FeatureNotImplemented,
    Forbidden,
    Gone,
    InternalServerError,
    ItemNotFound,
    JidMalformed,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    /// RFC 3920 only.
    PaymentRequired,
    PolicyViolation,
    RecipientUnavailable,
    Redirect,
    RegistrationRequired,
    RemoteServerNotFound,
    RemoteServerTimeout,
    ResourceConstraint,
    ServiceUnavailable,
    SubscriptionRequired,
    UndefinedCondition,
    UnexpectedRequest,
}

impl Condition {
    /// Every condition, in alphabetical order of the names.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::Conflict,
        Self::FeatureNotImplemented,
        Self::Forbidden,
        Self::Gone,
        Self::InternalServerError,
        Self::ItemNotFound,
        Self::JidMalformed,
        Self::NotAcceptable,
        Self::NotAllowed,
        Self::NotAuthorized,
        Self::PaymentRequired,
        Self::PolicyViolation,
        Self::RecipientUnavailable,
        Self::Redirect,
        Self::RegistrationRequired,
        Self::RemoteServerNotFound,
        Self::RemoteServerTimeout,
        Self::ResourceConstraint,
        Self::ServiceUnavailable,
        Self::SubscriptionRequired,
        Self::UndefinedCondition,
        Self::UnexpectedRequest,
    ];

    /// The element name, as in `service-unavailable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Conflict => "conflict",
            Self::FeatureNotImplemented => "feature-not-implemented",
            Self::Forbidden => "forbidden",
            Self::Gone => "gone",
            Self::InternalServerError => "internal-server-error",
            Self::ItemNotFound => "item-not-found",
            Self::JidMalformed => "jid-malformed",
            Self::NotAcceptable => "not-acceptable",
            Self::NotAllowed => "not-allowed",
            Self::NotAuthorized => "not-authorized",
            Self::PaymentRequired => "payment-required",
            Self::PolicyViolation => "policy-violation",
            Self::RecipientUnavailable => "recipient-unavailable",
            Self::Redirect => "redirect",
            Self::RegistrationRequired => "registration-required",
            Self::RemoteServerNotFound => "remote-server-not-found",
            Self::RemoteServerTimeout => "remote-server-timeout",
            Self::ResourceConstraint => "resource-constraint",
            Self::ServiceUnavailable => "service-unavailable",
            Self::SubscriptionRequired => "subscription-required",
            Self::UndefinedCondition => "undefined-condition",
            Self::UnexpectedRequest => "unexpected-request",
        }
    }

    /// The condition with this element name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.name() == name)
    }

    /// The type that goes with the condition unless another is asked for.
    #[must_use]
    pub fn default_type(self) -> ErrorType {
        match self {
            Self::BadRequest
            | Self::JidMalformed
            | Self::NotAcceptable
            | Self::PolicyViolation
            | Self::Redirect => ErrorType::Modify,
            Self::Forbidden
            | Self::NotAuthorized
            | Self::PaymentRequired
            | Self::RegistrationRequired
            | Self::SubscriptionRequired => ErrorType::Auth,
            Self::RecipientUnavailable
            | Self::RemoteServerTimeout
            | Self::ResourceConstraint
            | Self::UnexpectedRequest => ErrorType::Wait,
            Self::Conflict
            | Self::FeatureNotImplemented
            | Self::Gone
            | Self::InternalServerError
            | Self::ItemNotFound
            | Self::NotAllowed
            | Self::RemoteServerNotFound
            | Self::ServiceUnavailable
            | Self::UndefinedCondition => ErrorType::Cancel,
        }
    }
}

/// A stanza error: the condition, what may be done about it, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct StanzaError {
    /// What is wrong, in the words of RFC 6120 §8.3.3.
    pub condition: Condition,
    /// What the sender may do about it.
    pub type_: ErrorType,
    /// What is wrong, for people.
    pub text: Option<String>,
    /// Content of the condition: the new address for `gone` and `redirect` (RFC 6120 §8.3.3.5), else nothing.
    pub address: Option<String>,
    /// An application-specific condition (RFC 6120 §8.3.4): element name and namespace.
    pub application: Option<(&'static str, &'static str)>,
}

impl StanzaError {
    /// An error of the condition's default type, without a text.
    #[must_use]
    pub fn new(condition: Condition) -> Self {
        Self {
            condition,
            type_: condition.default_type(),
            text: None,
            address: None,
            application: None,
        }
    }

    /// The same with another type.
    #[must_use]
    pub fn with_type(mut self, type_: ErrorType) -> Self {
        self.type_ = type_;
        self
    }

    /// The same with a text for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same with an application-specific condition.
    #[must_use]
    pub fn with_application(mut self, name: &'static str, namespace: &'static str) -> Self {
        self.application = Some((name, namespace));
        self
    }

    /// Reads the error that a stanza of type `error` carries; an unknown condition is `undefined-condition`.
    #[must_use]
    pub fn from_stanza(stanza: &Stanza) -> Option<Self> {
        let error = stanza.child("error", ns::CLIENT)?;
        let children = || {
            error
                .children()
                .filter(|child| child.has_ns(ns::STANZA_ERRORS))
        };
        let found = children().find_map(|child| Some((Condition::from_name(child.name())?, child)));
        let condition = found.map_or(Condition::UndefinedCondition, |(condition, _)| condition);
        let type_ = error
            .attribute("type")
            .and_then(|name| ErrorType::from_name(&name));
        Some(Self {
            condition,
            type_: type_.unwrap_or_else(|| condition.default_type()),
            text: children()
                .find(|child| child.name() == "text")
                .map(|child| child.text().into_owned()),
            address: found.and_then(|(_, child)| text_of(child)),
            application: None,
        })
    }

    /// The stanza that tells the sender of `stanza`; `None` for errors and iq results, which are never answered
    /// (RFC 6120 §8.3.1).
    ///
    /// Addresses are swapped, kind and id kept. The payload is not sent back.
    #[must_use]
    pub fn reply_to(&self, stanza: &Stanza) -> Option<Stanza> {
        let type_ = stanza.type_attr();
        if type_ == Some("error") || (stanza.kind() == StanzaKind::Iq && type_ == Some("result")) {
            return None;
        }
        let mut reply = Stanza::new(stanza.kind());
        reply.set_type(Some("error")).set_id(stanza.id());
        reply
            .set_from(stanza.to().cloned())
            .set_to(stanza.from().cloned());
        let mut xml = XmlWriter::with_capacity(160);
        self.write_to(&mut xml);
        reply.set_content(xml.finish());
        Some(reply)
    }

    /// Writes `<error/>` as the child of a stanza.
    pub fn write_to(&self, xml: &mut XmlWriter) {
        xml.open("error", ns::CLIENT)
            .attr("type", self.type_.name());
        xml.open(self.condition.name(), ns::STANZA_ERRORS);
        xml.text(self.address.as_deref().unwrap_or_default())
            .close();
        if let Some(text) = &self.text {
            xml.text_element("text", ns::STANZA_ERRORS, text);
        }
        if let Some((name, namespace)) = self.application {
            xml.empty(name, namespace);
        }
        xml.close();
    }
}

fn text_of(element: ElementRef<'_>) -> Option<String> {
    Some(element.text().into_owned()).filter(|text| !text.is_empty())
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> Self {
        Self::new(condition)
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.condition.name(), self.type_.name())?;
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;

    fn stanza(xml: &str) -> Stanza {
        Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn names_and_conditions_match_both_ways() {
        for condition in Condition::ALL {
            assert_eq!(Condition::from_name(condition.name()), Some(condition));
        }
        assert_eq!(Condition::from_name("text"), None);
    }

    #[test]
    fn replies_with_swapped_addresses() {
        let asked = stanza("<iq from='a@x/1' to='b@y' type='get' id='7'><q xmlns='urn:q'/></iq>");
        let reply = StanzaError::new(Condition::ItemNotFound)
            .with_text("no <q>")
            .reply_to(&asked)
            .unwrap();
        assert_eq!(
            format!("{reply:?}"),
            "<iq from='b@y' to='a@x/1' type='error' id='7'><error type='cancel'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no &lt;q&gt;</text></error></iq>"
        );
        let read = StanzaError::from_stanza(&reply).unwrap();
        assert_eq!(read.condition, Condition::ItemNotFound);
        assert_eq!(read.text.as_deref(), Some("no <q>"));
    }

    #[test]
    fn never_answers_errors_and_results() {
        let error = StanzaError::new(Condition::ServiceUnavailable);
        assert!(error.reply_to(&stanza("<message type='error'/>")).is_none());
        assert!(
            error
                .reply_to(&stanza("<presence type='error'/>"))
                .is_none()
        );
        assert!(
            error
                .reply_to(&stanza("<iq type='result' id='1'/>"))
                .is_none()
        );
        assert!(error.reply_to(&stanza("<iq type='set' id='1'/>")).is_some());
        assert!(error.reply_to(&stanza("<message/>")).is_some());
    }
}
