//! What of the configuration concerns certificates.

use std::path::PathBuf;

use portcullis_config::{CertificateFiles, Config, Protocol};

/// Which certificates are needed where.
pub(super) struct Plan {
    pub(super) data_directory: PathBuf,
    /// Every host, with its own pair if it has one.
    pub(super) hosts: Vec<(String, Option<CertificateFiles>)>,
    /// Every listener with TLS.
    pub(super) listeners: Vec<ListenerPlan>,
    pub(super) may_make_self_signed: bool,
}

/// A listener with TLS.
pub(super) struct ListenerPlan {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    /// Its own pair or that of `tls.default`.
    pub(super) files: Option<CertificateFiles>,
    pub(super) tls12: bool,
    pub(super) tls13: bool,
}

impl Plan {
    pub(super) fn of(config: &Config) -> Self {
        let hosts = config.hosts.iter();
        let listeners = config
            .listeners
            .values()
            .filter(|listener| listener.tls.enabled);
        Self {
            data_directory: config.node.data_directory.clone(),
            hosts: hosts
                .map(|(domain, host)| (domain.to_string(), host.certificate.clone()))
                .collect(),
            listeners: listeners
                .map(|listener| ListenerPlan {
                    name: listener.name.to_string(),
                    protocol: listener.protocol,
                    files: listener.tls.certificate.clone(),
                    tls12: listener.tls.tls12,
                    tls13: listener.tls.tls13,
                })
                .collect(),
            may_make_self_signed: true,
        }
    }
}

/// A host as certificates and SNI name it: in the ASCII form of RFC 5891, or as an address without brackets.
pub(super) fn certificate_name(host: &str) -> String {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match address {
        Some(address) => address.to_owned(),
        None => idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_owned()),
    }
}
