//! The certificates of a configuration, looked at closely and not served.

use std::sync::Arc;

use portcullis_config::Config;

use super::files::Pair;
use super::gathered::Gathered;
use super::loaded::Loaded;
use super::plan::Plan;
use super::{CertificateProblem, CertificateReport, Certificates, Chain, roots};

/// What a configuration would have clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Every certificate that the configuration names or that is found.
    pub certificates: Vec<Examined>,
    /// Listeners that show a self-signed certificate.
    pub self_signed: Vec<String>,
    /// Hosts whose clients see it.
    pub self_signed_hosts: Vec<String>,
    /// What looks like a pair in a directory of certificates and is passed over.
    pub broken: Vec<CertificateProblem>,
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
        let loaded = Loaded::of(&plan, Gathered::read(&plan))?;
        let roots = Arc::new(roots::trusted());
        let pairs = loaded.pairs().into_iter();
        let examine = |(pair, hosts): (&Arc<Pair>, Vec<String>)| Examined {
            report: pair.report(&hosts),
            chain: pair.chain(&roots),
        };
        let unproven = loaded.unproven();
        Ok(Examination {
            certificates: pairs.map(examine).collect(),
            self_signed: match unproven.is_empty() {
                true => Vec::new(),
                false => loaded.without_default(),
            },
            self_signed_hosts: unproven.into_iter().map(str::to_owned).collect(),
            broken: loaded.broken,
        })
    }
}
