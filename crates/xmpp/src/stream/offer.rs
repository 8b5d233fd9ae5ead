//! What may be offered to the client now.

use crate::sasl::MechanismSet;

use super::{
    machine::Negotiation,
    settings::{HostSettings, StreamSettings, TlsFacts, TlsPolicy},
};

/// What features depend on.
pub(crate) struct Offer<'a> {
    pub(crate) settings: &'a StreamSettings,
    pub(crate) policy: TlsPolicy,
    host: Option<&'a HostSettings>,
    tls: Option<&'a TlsFacts>,
    is_authenticated: bool,
}

impl Offer<'_> {
    pub(crate) fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// STARTTLS is allowed and has not happened.
    pub(crate) fn has_starttls(&self) -> bool {
        self.policy != TlsPolicy::Off && self.tls.is_none() && !self.is_authenticated
    }

    /// The connection is as secure as the listener demands.
    pub(crate) fn is_secure_enough(&self) -> bool {
        self.tls.is_some() || self.policy != TlsPolicy::Required
    }

    pub(crate) fn has_sasl(&self) -> bool {
        self.mechanisms() != MechanismSet::NONE
    }

    pub(crate) fn has_registration(&self) -> bool {
        self.host.is_some_and(|host| host.registration)
            && self.is_secure_enough()
            && !self.is_authenticated
    }

    /// The mechanisms that may be used now.
    pub(crate) fn mechanisms(&self) -> MechanismSet {
        if self.is_authenticated || !self.is_secure_enough() {
            return MechanismSet::NONE;
        }
        let has_exporter = self.tls.is_some_and(|tls| tls.exporter.is_some());
        self.host.map_or(MechanismSet::NONE, |host| {
            host.mechanisms.usable(self.tls.is_some(), has_exporter)
        })
    }
}

impl Negotiation {
    pub(crate) fn offer(&self) -> Offer<'_> {
        Offer {
            settings: &self.settings,
            policy: self.policy,
            host: self
                .host
                .as_ref()
                .and_then(|host| self.settings.hosts.get(host.as_str())),
            tls: self.tls.as_ref(),
            is_authenticated: self.user.is_some(),
        }
    }
}
