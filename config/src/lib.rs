//! The configuration of a node: TOML files, environment and command line, layered, checked and typed.

mod authentication;
mod firewall;
mod host;
mod limits;
mod listener;
mod logging;
mod network;
mod node;
mod storage;
mod tls;
mod value;

use std::collections::BTreeMap;

use jid::DomainPart;

pub use authentication::AuthenticationConfig;
pub use firewall::{FirewallConfig, ScriptSource};
pub use host::{ContactAddresses, HostConfig, RegistrationConfig, Role};
pub use limits::LimitsConfig;
pub use listener::{
    Bind, Keepalive, ListenerConfig, ListenerLimits, ListenerName, ListenerTimeouts, ListenerTls,
    Protocol, SocketConfig,
};
pub use logging::{LogFormat, LoggingConfig};
pub use network::NetworkConfig;
pub use node::NodeConfig;
pub use storage::StorageConfig;
pub use tls::{CertificateFiles, TlsConfig};
pub use value::Rate;

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
}
