//! XML namespaces of the protocols spoken here, one constant each.

/// Stanzas between client and server (RFC 6120 §4.8.3); the namespace of every [`Stanza`](crate::stanza::Stanza) here.
pub const CLIENT: &str = "jabber:client";
/// Stanzas between servers (RFC 6120 §4.8.3); translated to [`CLIENT`] by the parser.
pub const SERVER: &str = "jabber:server";
/// Stanzas between a server and an external component (XEP-0114); translated to [`CLIENT`] by the parser.
pub const COMPONENT: &str = "jabber:component:accept";
/// The stream element, stream features and stream errors (RFC 6120 §4.8.2).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// The prefix `xml` (Namespaces in XML 1.0 §3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The prefix `xmlns` (Namespaces in XML 1.0 §3); no prefix may be bound to it.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Conditions of stream errors (RFC 6120 §4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions of stanza errors (RFC 6120 §8.3.2).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120 §5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// SASL channel-binding types (XEP-0440).
pub const SASL_CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Extensible SASL profile (XEP-0388).
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Bind 2 (XEP-0386).
pub const BIND2: &str = "urn:xmpp:bind:0";
/// Session establishment, a leftover of RFC 3921.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// What takes the place of stream tags over WebSocket (RFC 7395 §3.3.2).
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// The wrapper of BOSH (XEP-0124 §6).
pub const HTTP_BIND: &str = "http://jabber.org/protocol/httpbind";
/// What XMPP adds to it (XEP-0206 §3).
pub const XBOSH: &str = "urn:xmpp:xbosh";
/// Stream management (XEP-0198).
pub const STREAM_MANAGEMENT: &str = "urn:xmpp:sm:3";
/// Client state indication (XEP-0352).
pub const CLIENT_STATE: &str = "urn:xmpp:csi:0";
/// Server dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";

/// Roster management (RFC 6121 §2).
pub const ROSTER: &str = "jabber:iq:roster";
/// Stream feature of roster versioning (RFC 6121 §2.6).
pub const ROSTER_VERSIONING: &str = "urn:xmpp:features:rosterver";
/// Stream feature of subscription pre-approval (RFC 6121 §3.4).
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
/// Service discovery, information (XEP-0030).
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Service discovery, items (XEP-0030).
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Entity capabilities (XEP-0115).
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Software version (XEP-0092).
pub const VERSION: &str = "jabber:iq:version";
/// Entity time (XEP-0202).
pub const TIME: &str = "urn:xmpp:time";
/// Last activity (XEP-0012).
pub const LAST: &str = "jabber:iq:last";
/// vCards (XEP-0054).
pub const VCARD: &str = "vcard-temp";
/// Avatar hash in presence (XEP-0153).
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// Private XML storage (XEP-0049).
pub const PRIVATE: &str = "jabber:iq:private";
/// In-band registration and password change (XEP-0077).
pub const REGISTER: &str = "jabber:iq:register";
/// Stream feature of in-band registration (XEP-0077 §8).
pub const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";
/// Blocking (XEP-0191).
pub const BLOCKING: &str = "urn:xmpp:blocking";
/// Error detail of blocking (XEP-0191 §3.5).
pub const BLOCKING_ERRORS: &str = "urn:xmpp:blocking:errors";
/// Delayed delivery (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// Stanza forwarding (XEP-0297).
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// Message carbons (XEP-0280).
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// Message processing hints (XEP-0334).
pub const HINTS: &str = "urn:xmpp:hints";
/// Message delivery receipts (XEP-0184).
pub const RECEIPTS: &str = "urn:xmpp:receipts";
/// Chat state notifications (XEP-0085).
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// Data forms (XEP-0004).
pub const DATA_FORMS: &str = "jabber:x:data";
/// Out-of-band data (XEP-0066).
pub const OUT_OF_BAND: &str = "jabber:x:oob";
/// XHTML-IM (XEP-0071).
pub const XHTML_IM: &str = "http://jabber.org/protocol/xhtml-im";
/// Multi-user chat (XEP-0045).
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// Multi-user chat, what rooms tell users (XEP-0045).
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// Multi-user chat, direct invitations (XEP-0249).
pub const CONFERENCE: &str = "jabber:x:conference";
/// Publish-subscribe (XEP-0060).
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// Publish-subscribe notifications (XEP-0060).
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// Unique and stable stanza IDs (XEP-0359).
pub const STANZA_ID: &str = "urn:xmpp:sid:0";
/// Spam and abuse reports (XEP-0377).
pub const REPORTING: &str = "urn:xmpp:reporting:1";
/// Ad-hoc commands (XEP-0050).
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
/// Contact addresses of a server, the form type in disco (XEP-0157).
pub const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";
