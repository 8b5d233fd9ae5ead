//! Reads, checks and types a whole configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::checker::{Checker, Section};
use crate::layers::{Sources, merge};
use crate::problem::{Place, Problem, Rejected};
use crate::schema::ROOT;
use crate::{
    Config, Protocol, acme, authentication, component, firewall, host, http, limits, listener,
    logging, names, network, node, storage, tls,
};

/// A configuration that can be used, and what its author should know.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is accepted but looks like a mistake.
    pub warnings: Vec<Problem>,
    /// The files it was read from, weakest first; empty without any.
    pub files: Vec<PathBuf>,
}

/// Reads every layer and checks all of it.
///
/// Nothing is opened but the files that the configuration names, and those only for reading.
///
/// # Errors
///
/// Every problem of every layer, if one of them is an error.
pub fn load(sources: &Sources) -> Result<Loaded, Rejected> {
    let mut checker = Checker::default();
    let merged = merge(sources, &mut checker.problems);
    let main = sources.file.as_deref();
    checker.base = main
        .and_then(Path::parent)
        .map(Path::to_owned)
        .unwrap_or_default();
    names::check(&ROOT, &merged.root, &mut checker.problems);
    let config = read(&mut checker, &Section::root(&merged.root));
    let failed = checker.problems.has_errors();
    let problems = checker.problems.into_sorted();
    if failed {
        return Err(Rejected { problems });
    }
    let config = Config {
        settings: checker.settings,
        ..config
    };
    Ok(Loaded {
        config,
        warnings: problems,
        files: merged.files,
    })
}

fn read(checker: &mut Checker, root: &Section<'_>) -> Config {
    let node = node::read(checker, root);
    let network = network::read(checker, root);
    let tls_section = root.child(tls::SECTION.name);
    let tls = tls::read(checker, &tls_section);
    let acme = acme::read(checker, root);
    let (limits, offline_messages) = limits::read(checker, root);
    let firewall = firewall::read(checker, root);
    let inherited = listener::Inherited {
        network: &network,
        tls: &tls_section,
    };
    let listeners = listener::read(checker, root, &inherited);
    let inherited = host::Inherited {
        has_acme: acme::is_written(root),
        scripts: &firewall.scripts,
        offline_messages,
    };
    let hosts = host::read(checker, root, &inherited);
    if hosts.is_empty() && !checker.problems.is_partial {
        checker.problems.error(
            &Place::BuiltIn,
            "host",
            "no host is left: write [host.\"example.com\"]",
        );
    }
    acme::check(checker, root, acme.as_ref(), &hosts, &listeners);
    let components = component::read(checker, root, &hosts);
    let has_listener = listeners
        .values()
        .any(|one| one.protocol == Protocol::Component);
    if !components.is_empty() && !has_listener {
        let reason = "no listener speaks to components: write [listener.components] with protocol = \"component\"";
        checker
            .problems
            .warning(&Place::BuiltIn, "component", reason);
    }
    Config {
        storage: storage::read(checker, root, &node.data_directory),
        authentication: authentication::read(checker, root),
        logging: logging::read(checker, root),
        node,
        network: network.config,
        tls,
        http: http::read(checker, root),
        acme,
        listeners,
        hosts,
        components,
        firewall,
        limits,
        settings: BTreeMap::new(),
    }
}
