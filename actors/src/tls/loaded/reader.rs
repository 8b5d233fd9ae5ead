//! From files to pairs.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_config::CertificateFiles;

use super::{Host, Listener, best};
use crate::tls::contents::Contents;
use crate::tls::directory::Index;
use crate::tls::files::Pair;
use crate::tls::plan::{ListenerPlan, Plan, certificate_name};
use crate::tls::report::CertificateProblem;

/// Loads pairs, and goes on after one that can not be used.
pub(super) struct Reader {
    pub(super) contents: Contents,
    pub(super) problems: Vec<CertificateProblem>,
}

impl Reader {
    pub(super) fn new(contents: Contents, problems: Vec<CertificateProblem>) -> Self {
        Self { contents, problems }
    }

    /// The pair that the configuration names in `section`.
    pub(super) fn named(
        &mut self,
        section: String,
        files: Option<&CertificateFiles>,
    ) -> Option<Arc<Pair>> {
        match Pair::load(section, files?, &mut self.contents) {
            Ok(pair) => Some(Arc::new(pair)),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// Each host with the pair that is named for it, or else was found.
    pub(super) fn hosts(&mut self, plan: &Plan, index: &Index) -> BTreeMap<String, Host> {
        let mut hosts = BTreeMap::new();
        for (domain, files) in &plan.hosts {
            let section = format!("host.\"{domain}\".tls");
            let own = match files {
                Some(_) => self.named(section, files.as_ref()),
                None => index.of_host(domain),
            };
            let host = Host {
                domain: domain.clone(),
                own,
                automatic: None,
            };
            hosts.insert(certificate_name(domain), host);
        }
        let pairs: Vec<_> = hosts.values().filter_map(|host| host.own.clone()).collect();
        for host in hosts.values_mut().filter(|host| host.own.is_none()) {
            host.automatic = best(pairs.iter().filter(|pair| pair.covers(&host.domain)));
        }
        hosts
    }

    pub(super) fn listener(
        &mut self,
        plan: &ListenerPlan,
        default: &Option<Arc<Pair>>,
    ) -> Listener {
        let section = format!("listener.{}.tls", plan.name);
        let by_interface = plan.by_interface.iter().filter_map(|(interface, files)| {
            let section = format!("{section}.by_interface.\"{interface}\"");
            Some((*interface, self.named(section, Some(files))?))
        });
        let by_interface = by_interface.collect();
        let by_port = plan.by_port.iter().filter_map(|(port, files)| {
            let section = format!("{section}.by_port.{port}");
            Some((*port, self.named(section, Some(files))?))
        });
        let by_port = by_port.collect();
        let own = self.named(section, plan.certificate.as_ref());
        Listener {
            by_interface,
            by_port,
            default: own.or_else(|| default.clone()),
        }
    }
}
