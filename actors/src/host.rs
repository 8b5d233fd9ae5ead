//! One virtual host: what answers for a domain itself, such as disco, ping and version.
//!
//! A child of `hosts`, told stanzas by the router tables. It keeps no state of its own.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use portcullis_config::HostConfig;
use serde::Serialize;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{StanzaKind, XmlWriter, ns};

use crate::account::has_node;
use crate::core::Core;
use crate::delivery::Deliver;
use crate::groups::Groups;
use crate::observe::Observe;
use crate::offer::{Refused, offer};
use crate::register;
use crate::roles::HostRoles;
use crate::supervise::{RestartPolicy, Slot, Supervise};

/// What a host answers to disco#info (XEP-0030 §3.1); registration comes on top where it is open, offline
/// messages where they are kept.
const FEATURES: &[&str] = &[
    ns::BLOCKING,
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::PING,
    ns::PRIVATE,
    ns::ROSTER,
    ns::TIME,
    ns::VCARD,
    ns::VERSION,
];

/// The service discovery feature of XEP-0160 §4.
const OFFLINE: &str = "msgoffline";

/// Where a host is, and what holds for its users.
#[derive(Debug)]
pub struct HostHandle {
    /// The domain.
    pub domain: Box<str>,
    /// Who may do what.
    pub roles: HostRoles,
    /// Shared roster groups.
    pub groups: Groups,
    slot: Slot<Host>,
}

impl HostHandle {
    /// The host `domain`, answered for by the actor in `slot`.
    pub fn new(domain: &str, roles: HostRoles, groups: Groups, slot: Slot<Host>) -> Self {
        Self {
            domain: domain.into(),
            roles,
            groups,
            slot,
        }
    }

    /// Where the host's actor is.
    pub fn slot(&self) -> &Slot<Host> {
        &self.slot
    }

    /// Tells the host a stanza.
    ///
    /// # Errors
    /// [`Refused`] gives it back when the host is busy or being restarted.
    pub fn offer(&self, deliver: Deliver) -> Result<(), Refused<Deliver>> {
        offer(&self.slot, deliver)
    }
}

/// The actor.
pub struct Host {
    core: Arc<Core>,
    domain: Box<str>,
    report: HostReport,
}

/// What the console shows of a host.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HostReport {
    /// Stanzas addressed to the host itself.
    pub received: u64,
}

impl Supervise for Host {
    const KIND: &'static str = "host";
    const MAILBOX: usize = 1024;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(5),
            max: Duration::from_secs(5),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Host {
    type Report = HostReport;

    fn report(&self) -> HostReport {
        self.report.clone()
    }
}

impl Actor for Host {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Host {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Context<Self>) {
        self.report.received += 1;
        let Some(deliver) = self.decide(deliver) else {
            return;
        };
        match (deliver.stanza.kind(), deliver.stanza.type_attr()) {
            (StanzaKind::Iq, Some("get")) => self.get(deliver),
            (StanzaKind::Iq, Some("set")) => self.set(deliver),
            // Nobody reads messages to a domain.
            (StanzaKind::Message, kind) if kind != Some("error") => refuse(deliver),
            _ => deliver.settle(),
        }
    }
}

impl Host {
    /// A host that answers for `domain`.
    pub fn new(core: Arc<Core>, domain: &str) -> Self {
        Self {
            core,
            domain: domain.into(),
            report: HostReport::default(),
        }
    }

    /// What the host shares with the node.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The domain.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    fn get(&self, deliver: Deliver) {
        let Some(child) = deliver.stanza.children().next() else {
            return refuse(deliver);
        };
        match (child.name(), &*child.ns()) {
            ("ping", ns::PING) => deliver.answer(|_| {}),
            ("query", ns::VERSION) => deliver.answer(write_version),
            ("time", ns::TIME) => deliver.answer(write_time),
            ("query", ns::DISCO_INFO) => self.disco_info(deliver),
            ("query", ns::DISCO_ITEMS) => self.disco_items(deliver),
            ("query", ns::REGISTER) => register::handle(&self.core, deliver),
            _ => refuse(deliver),
        }
    }

    fn set(&self, deliver: Deliver) {
        let is_registration = deliver.stanza.child("query", ns::REGISTER).is_some();
        match is_registration {
            true => register::handle(&self.core, deliver),
            false => refuse(deliver),
        }
    }

    /// The services of the host (XEP-0030 §4.1): the components below its domain, unless another host is nearer to them.
    fn disco_items(&self, deliver: Deliver) {
        if has_node(&deliver.stanza, ns::DISCO_ITEMS) {
            return deliver.bounce(StanzaError::new(Condition::ItemNotFound));
        }
        let config = self.core.config().clone();
        let hosts = || config.hosts.keys().map(|host| host.as_str());
        let nearest = |domain: &str| {
            hosts()
                .filter(|host| is_below(domain, host))
                .max_by_key(|host| host.len())
        };
        let components = config.components.keys().map(|domain| domain.as_str());
        deliver.answer(|xml| {
            xml.open("query", ns::DISCO_ITEMS);
            for domain in components.filter(|domain| nearest(domain) == Some(&*self.domain)) {
                xml.open("item", ns::DISCO_ITEMS)
                    .attr("jid", domain)
                    .close();
            }
            xml.close();
        });
    }

    fn disco_info(&self, deliver: Deliver) {
        if has_node(&deliver.stanza, ns::DISCO_INFO) {
            return deliver.bounce(StanzaError::new(Condition::ItemNotFound));
        }
        let config = self.core.config();
        let host = config
            .hosts
            .values()
            .find(|host| host.domain.as_str() == &*self.domain);
        deliver.answer(|xml| write_info(xml, host));
    }
}

fn is_below(domain: &str, host: &str) -> bool {
    domain
        .strip_suffix(host)
        .is_some_and(|rest| rest.ends_with('.'))
}

fn refuse(deliver: Deliver) {
    deliver.bounce(StanzaError::new(Condition::ServiceUnavailable));
}

fn write_info(xml: &mut XmlWriter, host: Option<&HostConfig>) {
    xml.open("query", ns::DISCO_INFO);
    xml.open("identity", ns::DISCO_INFO);
    xml.attr("category", "server")
        .attr("type", "im")
        .attr("name", "portcullis")
        .close();
    let registers = host.is_some_and(|host| host.registration.enabled);
    let keeps = host.is_some_and(|host| host.offline_messages > 0);
    let optional = [registers.then_some(ns::REGISTER), keeps.then_some(OFFLINE)];
    let features = FEATURES
        .iter()
        .copied()
        .chain(optional.into_iter().flatten());
    for feature in features {
        xml.open("feature", ns::DISCO_INFO)
            .attr("var", feature)
            .close();
    }
    if let Some(host) = host {
        write_contact(xml, host);
    }
    xml.close();
}

/// Addresses of the operators (XEP-0157 §2), as a form of the type that XEP-0128 extends disco by.
fn write_contact(xml: &mut XmlWriter, host: &HostConfig) {
    let contact = &host.contact;
    let fields = [
        ("abuse-addresses", &contact.abuse),
        ("admin-addresses", &contact.admin),
        ("feedback-addresses", &contact.feedback),
        ("sales-addresses", &contact.sales),
        ("security-addresses", &contact.security),
        ("support-addresses", &contact.support),
    ];
    if fields.iter().all(|(_, addresses)| addresses.is_empty()) {
        return;
    }
    xml.open("x", ns::DATA_FORMS).attr("type", "result");
    xml.open("field", ns::DATA_FORMS)
        .attr("var", "FORM_TYPE")
        .attr("type", "hidden");
    xml.text_element("value", ns::DATA_FORMS, ns::SERVER_INFO)
        .close();
    for (name, addresses) in fields.iter().filter(|(_, addresses)| !addresses.is_empty()) {
        xml.open("field", ns::DATA_FORMS)
            .attr("var", name)
            .attr("type", "list-multi");
        for address in addresses.iter() {
            xml.text_element("value", ns::DATA_FORMS, address);
        }
        xml.close();
    }
    xml.close();
}

/// XEP-0092; the operating system is nobody's business.
fn write_version(xml: &mut XmlWriter) {
    xml.open("query", ns::VERSION);
    xml.text_element("name", ns::VERSION, "portcullis");
    xml.text_element("version", ns::VERSION, env!("CARGO_PKG_VERSION"));
    xml.close();
}

/// XEP-0202.
fn write_time(xml: &mut XmlWriter) {
    let now = jiff::Zoned::now();
    let utc = now.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    xml.open("time", ns::TIME);
    xml.text_element("tzo", ns::TIME, &now.strftime("%:z").to_string());
    xml.text_element("utc", ns::TIME, &utc);
    xml.close();
}
