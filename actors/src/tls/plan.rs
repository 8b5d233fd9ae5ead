//! What of the configuration concerns certificates.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use portcullis_config::{CertificateFiles, CipherSuite, Config, Group, ListenerConfig};

use super::ordered;

/// Which certificates are needed where.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) data_directory: PathBuf,
    /// Every host, with its own pair if the configuration names one.
    pub(super) hosts: Vec<(String, Option<CertificateFiles>)>,
    /// Where the pairs of other hosts are looked for, the first directory first, and whether it must
    /// be there. Another source of certificates is one more directory.
    pub(super) directories: Vec<(PathBuf, bool)>,
    /// `tls.default`
    pub(super) default: Option<CertificateFiles>,
    /// Every listener with TLS.
    pub(super) listeners: Vec<ListenerPlan>,
    pub(super) may_make_self_signed: bool,
    /// A certificate is ordered for some host; until it comes, the self-signed one is for everybody.
    pub(super) is_ordering: bool,
}

/// A listener with TLS.
#[derive(Clone)]
pub(super) struct ListenerPlan {
    pub(super) name: String,
    /// Its sockets, as they are written.
    pub(super) binds: Vec<String>,
    pub(super) certificate: Option<CertificateFiles>,
    pub(super) by_interface: BTreeMap<IpAddr, CertificateFiles>,
    pub(super) by_port: BTreeMap<u16, CertificateFiles>,
    /// Whether the handshake comes first.
    pub(super) is_direct: bool,
    pub(super) offer: Offer,
}

/// What is negotiated on a listener.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) tls12: bool,
    pub(super) tls13: bool,
    pub(super) disabled_suites: Vec<CipherSuite>,
    pub(super) ignore_client_order: bool,
    pub(super) groups: Vec<Group>,
    pub(super) tickets: bool,
    pub(super) rejects_unknown_sni: bool,
    /// What is spoken, by its names in ALPN (RFC 7301); the server's order decides.
    pub(super) protocols: Vec<&'static str>,
    pub(super) alpn_strict: bool,
}

impl Plan {
    pub(super) fn of(config: &Config) -> Self {
        let hosts = config.hosts.iter();
        let listeners = config
            .listeners
            .values()
            .filter(|listener| listener.tls.enabled);
        let tls = &config.tls;
        Self {
            data_directory: config.node.data_directory.clone(),
            hosts: hosts
                .map(|(domain, host)| (domain.to_string(), host.certificate.clone()))
                .collect(),
            directories: directories(config),
            is_ordering: is_ordering(config),
            default: tls.default.clone(),
            listeners: listeners.map(ListenerPlan::of).collect(),
            may_make_self_signed: true,
        }
    }

    pub(super) fn listener(&self, name: &str) -> Option<&ListenerPlan> {
        self.listeners.iter().find(|listener| listener.name == name)
    }

    /// Every pair that the configuration names.
    pub(super) fn named_files(&self) -> impl Iterator<Item = &CertificateFiles> {
        let hosts = self.hosts.iter().filter_map(|(_, files)| files.as_ref());
        let listeners = self.listeners.iter().flat_map(|listener| {
            let by_place = listener
                .by_interface
                .values()
                .chain(listener.by_port.values());
            by_place.chain(&listener.certificate)
        });
        hosts.chain(listeners).chain(&self.default)
    }
}

impl ListenerPlan {
    fn of(config: &ListenerConfig) -> Self {
        let tls = &config.tls;
        Self {
            name: config.name.to_string(),
            binds: config.binds.iter().map(ToString::to_string).collect(),
            certificate: tls.certificate.clone(),
            by_interface: tls.by_interface.clone(),
            by_port: tls.by_port.clone(),
            is_direct: tls.implicit,
            offer: Offer::of(config),
        }
    }
}

impl Offer {
    fn of(config: &ListenerConfig) -> Self {
        let tls = &config.tls;
        Self {
            tls12: tls.tls12,
            tls13: tls.tls13,
            disabled_suites: tls.disabled_suites.clone(),
            ignore_client_order: tls.ignore_client_order,
            groups: tls.groups.clone(),
            tickets: tls.tickets,
            rejects_unknown_sni: tls.rejects_unknown_sni,
            protocols: config.alpn(),
            alpn_strict: tls.alpn_strict,
        }
    }
}

/// Where pairs are looked for: those that were ordered come before those that lie about.
fn directories(config: &Config) -> Vec<(PathBuf, bool)> {
    let tls = &config.tls;
    let ordered = ordered::directory(&ordered::root(&config.node.data_directory));
    let ordered = is_ordering(config).then_some((ordered, false));
    let written = (tls.directory.clone(), tls.is_directory_written);
    ordered.into_iter().chain([written]).collect()
}

/// Whether a certificate is ordered for some host.
fn is_ordering(config: &Config) -> bool {
    config.acme.is_some() && config.hosts.values().any(|host| host.acme)
}

/// A host as certificates and SNI name it: in the ASCII form of RFC 5891, or as an address without brackets.
pub(crate) fn certificate_name(host: &str) -> String {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match address {
        Some(address) => address.to_owned(),
        None => idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_owned()),
    }
}
