//! The certificates of a configuration, looked at closely and not served.

use std::sync::Arc;

use portcullis_config::Config;

use super::files::Pair;
use super::plan::Plan;
use super::{CertificateProblem, CertificateReport, Certificates, Chain, Loaded, roots};

/// What a configuration would have clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Every certificate that the configuration names.
    pub certificates: Vec<Examined>,
    /// Listeners that show a self-signed certificate.
    pub self_signed: Vec<String>,
    /// Hosts whose clients see it.
    pub self_signed_hosts: Vec<String>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Its names and times.
    pub report: CertificateReport,
    /// What clients make of it.
    pub chain: Chain,
}

impl Certificates {
    /// Loads every certificate that `config` names and compares them with the authorities of the system; makes and keeps
    /// nothing. Reads files: not for an arbiter.
    ///
    /// # Errors
    /// Every problem with every file.
    pub fn examine(config: &Config) -> Result<Examination, Vec<CertificateProblem>> {
        let mut plan = Plan::of(config);
        plan.may_make_self_signed = false;
        let loaded = Loaded::read(&plan)?;
        let roots = Arc::new(roots::trusted());
        let examine = |(pair, hosts): &(Arc<Pair>, Vec<String>)| Examined {
            report: pair.report(hosts),
            chain: pair.chain(&roots),
        };
        let self_signed: Vec<_> = plan
            .listeners
            .iter()
            .map(|listener| listener.name.clone())
            .filter(|name| !loaded.listeners.contains_key(name))
            .collect();
        let without_own = plan.hosts.iter().map(|(host, _)| host);
        let without_own = without_own.filter(|host| !loaded.hosts.contains_key(*host));
        Ok(Examination {
            certificates: loaded.pairs.iter().map(examine).collect(),
            self_signed_hosts: match self_signed.is_empty() {
                true => Vec::new(),
                false => without_own.cloned().collect(),
            },
            self_signed,
        })
    }
}
