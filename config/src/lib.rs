//! The configuration of a node: TOML files, environment and command line, layered, checked and typed.

mod authentication;
mod checker;
mod diff;
mod example;
mod firewall;
mod host;
mod layers;
mod limits;
mod listener;
mod load;
mod logging;
mod names;
mod network;
mod node;
mod problem;
mod schema;
mod storage;
mod suggest;
mod tls;
mod tree;
mod value;

use std::collections::BTreeMap;

use jid::DomainPart;

pub use authentication::AuthenticationConfig;
pub use diff::{Change, Diff};
pub use example::{example, reference};
pub use firewall::{FirewallConfig, ScriptSource};
pub use host::{ContactAddresses, HostConfig, RegistrationConfig, Role, UnknownRole};
pub use layers::{DEFAULT_FILES, ENVIRONMENT_PREFIX, Sources};
pub use limits::LimitsConfig;
pub use listener::{
    Bind, Keepalive, ListenerConfig, ListenerLimits, ListenerName, ListenerTimeouts, ListenerTls,
    Protocol, SocketConfig,
};
pub use load::{Loaded, load};
pub use logging::{LogFormat, LoggingConfig};
pub use network::NetworkConfig;
pub use node::NodeConfig;
pub use problem::{Place, Problem, Rejected, Severity};
pub use schema::Reload;
pub use storage::StorageConfig;
pub use tls::{CertificateFiles, TlsConfig};
pub use value::{Rate, parse_duration, parse_rate, parse_size, show_duration, show_size};

/// Everything a node is told, complete and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[node]`
    pub node: NodeConfig,
    /// `[network]`
    pub network: NetworkConfig,
    /// `[tls]`
    pub tls: TlsConfig,
    /// `[listener.<name>]`
    pub listeners: BTreeMap<ListenerName, ListenerConfig>,
    /// `[host."<domain>"]`; at least one.
    pub hosts: BTreeMap<DomainPart, HostConfig>,
    /// `[storage]`
    pub storage: StorageConfig,
    /// `[authentication]`
    pub authentication: AuthenticationConfig,
    /// `[firewall]`
    pub firewall: FirewallConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[logging]`
    pub logging: LoggingConfig,
    /// Every key's value and reload class, for [`Diff::between`].
    settings: BTreeMap<String, diff::Setting>,
}
