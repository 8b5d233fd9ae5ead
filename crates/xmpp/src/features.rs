//! The stream features (RFC 6120 §4.3.2): one row for each.
//!
//! A row says when the feature is offered, how it is written, and what of the client's input belongs to it. See the
//! [stream module](crate::stream) for how to add one.

use crate::{
    ns,
    sasl::TLS_EXPORTER,
    stanza::{Element, Stanza},
    stream::{Negotiation, Offer, Outputs, TlsPolicy},
    xml::XmlWriter,
};

/// What the client may send because of a feature.
pub(crate) enum Accepts {
    /// Nothing: it only tells.
    Nothing,
    /// First-level elements of these names in one namespace.
    Elements(
        &'static [&'static str],
        &'static str,
        fn(&mut Negotiation, &Element) -> Outputs,
    ),
    /// An iq with a payload of this name and namespace.
    Iq(
        &'static str,
        &'static str,
        fn(&mut Negotiation, &Stanza) -> Outputs,
    ),
}

/// One stream feature.
pub(crate) struct Feature {
    pub(crate) is_offered: fn(&Offer<'_>) -> bool,
    pub(crate) write: fn(&Offer<'_>, &mut XmlWriter),
    pub(crate) accepts: Accepts,
}

/// Every feature, in the order in which it is written.
pub(crate) static FEATURES: &[Feature] = &[
    Feature {
        is_offered: |offer| offer.has_starttls(),
        write: write_starttls,
        accepts: Accepts::Elements(&["starttls"], ns::TLS, Negotiation::take_starttls),
    },
    Feature {
        is_offered: |offer| offer.has_sasl(),
        write: write_mechanisms,
        accepts: Accepts::Elements(
            &["auth", "response", "abort"],
            ns::SASL,
            Negotiation::take_sasl,
        ),
    },
    Feature {
        is_offered: |offer| offer.mechanisms().has_plus(),
        write: write_channel_binding,
        accepts: Accepts::Nothing,
    },
    Feature {
        is_offered: |offer| offer.has_registration(),
        write: |_, xml| write_empty(xml, "register", ns::REGISTER_FEATURE),
        accepts: Accepts::Iq("query", ns::REGISTER, Negotiation::take_registration),
    },
    Feature {
        is_offered: |offer| offer.is_authenticated(),
        write: |_, xml| write_empty(xml, "bind", ns::BIND),
        accepts: Accepts::Iq("bind", ns::BIND, Negotiation::take_bind),
    },
    Feature {
        is_offered: |offer| offer.is_authenticated(),
        write: write_session,
        accepts: Accepts::Nothing,
    },
    Feature {
        is_offered: |offer| offer.is_authenticated(),
        write: |_, xml| write_empty(xml, "ver", ns::ROSTER_VERSIONING),
        accepts: Accepts::Nothing,
    },
    Feature {
        is_offered: |offer| offer.is_authenticated(),
        write: |_, xml| write_empty(xml, "sub", ns::PRE_APPROVAL),
        accepts: Accepts::Nothing,
    },
    Feature {
        is_offered: |offer| offer.is_authenticated() && offer.settings.capabilities.is_some(),
        write: write_capabilities,
        accepts: Accepts::Nothing,
    },
];

/// Appends `<stream:features/>` with all that is offered now.
pub(crate) fn write_features(offer: &Offer<'_>, out: &mut Vec<u8>) {
    let mut xml = XmlWriter::new();
    for feature in FEATURES
        .iter()
        .filter(|feature| (feature.is_offered)(offer))
    {
        (feature.write)(offer, &mut xml);
    }
    out.extend_from_slice(b"<stream:features>");
    out.extend_from_slice(&xml.finish());
    out.extend_from_slice(b"</stream:features>");
}

fn write_empty(xml: &mut XmlWriter, name: &str, namespace: &str) {
    xml.empty(name, namespace);
}

fn write_starttls(offer: &Offer<'_>, xml: &mut XmlWriter) {
    xml.open("starttls", ns::TLS);
    if offer.policy == TlsPolicy::Required {
        xml.empty("required", ns::TLS);
    }
    xml.close();
}

fn write_mechanisms(offer: &Offer<'_>, xml: &mut XmlWriter) {
    xml.open("mechanisms", ns::SASL);
    for mechanism in offer.mechanisms().iter() {
        xml.text_element("mechanism", ns::SASL, mechanism.name());
    }
    xml.close();
}

/// XEP-0440 §3.
fn write_channel_binding(_: &Offer<'_>, xml: &mut XmlWriter) {
    xml.open("sasl-channel-binding", ns::SASL_CHANNEL_BINDING);
    xml.open("channel-binding", ns::SASL_CHANNEL_BINDING)
        .attr("type", TLS_EXPORTER)
        .close();
    xml.close();
}

/// `<optional/>` tells newer clients to do without (draft-cridland-xmpp-session §3).
fn write_session(_: &Offer<'_>, xml: &mut XmlWriter) {
    xml.open("session", ns::SESSION)
        .empty("optional", ns::SESSION)
        .close();
}

fn write_capabilities(offer: &Offer<'_>, xml: &mut XmlWriter) {
    if let Some(capabilities) = &offer.settings.capabilities {
        xml.open("c", ns::CAPS)
            .attr("hash", "sha-1")
            .attr("node", &capabilities.node);
        xml.attr("ver", &capabilities.version).close();
    }
}
