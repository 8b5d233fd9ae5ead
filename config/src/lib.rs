//! The configuration of a node: TOML files, environment and command line, layered, checked and typed.
//!
//! [`load`] turns [`Sources`] into a [`Config`] or into every problem at once. On the way:
//!
//! - `layers` reads each source and lets the `config` crate merge them; a tree that keeps the place
//!   of every value comes out, since a deserialiser stops at the first mistake and knows no line;
//! - `names` compares the tree's keys with the declarations and says what an unknown one may mean;
//! - each section's file declares its keys once (name, accepted values, default, what a reload does,
//!   documentation) and reads them through `checker` into plain structs, with everything inherited
//!   filled in: a listener's binds are resolved, a host's scripts include the global ones.
//!
//! [`Diff`] compares two configurations for a reload. [`reference()`] and [`example()`] render the
//! documents from the same declarations.
//!
//! Nothing is silently defaulted, coerced or ignored: a key that is accepted is honoured, one of a
//! later version is refused by name. The crate opens the files that the configuration names, for
//! reading, and nothing else; it does not know what a rule or a certificate means.

mod acme;
mod authentication;
mod checker;
mod component;
mod diff;
mod equals;
mod example;
mod extra_chains;
mod firewall;
mod host;
mod http;
mod http_lists;
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
mod secret;
mod storage;
mod suggest;
mod tls;
mod tree;
mod value;

use std::collections::BTreeMap;

use jid::DomainPart;

pub use acme::{AcmeChallenge, AcmeConfig};
pub use authentication::AuthenticationConfig;
pub use component::{ComponentConfig, WhenConnected};
pub use diff::{Change, Diff};
pub use example::{example, reference};
pub use extra_chains::ExtraChain;
pub use firewall::{FirewallConfig, ScriptSource, WhenUnknown};
pub use host::{ContactAddresses, HostConfig, RegistrationConfig};
pub use http::{BoshConfig, HttpConfig, Origins};
pub use http_lists::HttpListsConfig;
pub use layers::{DEFAULT_FILES, ENVIRONMENT_PREFIX, Sources};
pub use limits::LimitsConfig;
pub use listener::{
    Bind, Keepalive, ListenerConfig, ListenerLimits, ListenerName, ListenerTimeouts, ListenerTls,
    Multiplex, Protocol, ProxyProtocol, SocketConfig, Traffic, WhenFull,
};
pub use load::{Loaded, load};
pub use logging::{LogFormat, LoggingConfig};
pub use network::NetworkConfig;
pub use node::NodeConfig;
pub use problem::{Place, Problem, Rejected, Severity};
pub use schema::Reload;
pub use secret::Secret;
pub use storage::StorageConfig;
pub use tls::{CertificateFiles, CipherSuite, Group, TlsConfig};
pub use value::{
    Rate, parse_byte_rate, parse_duration, parse_rate, parse_size, show_duration, show_size,
};
pub use xmpp::role::{Role, UnknownRole};

/// Everything a node is told, complete and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[node]`
    pub node: NodeConfig,
    /// `[network]`
    pub network: NetworkConfig,
    /// `[tls]`
    pub tls: TlsConfig,
    /// `[acme]`; `None` where no authority is to be asked.
    pub acme: Option<AcmeConfig>,
    /// `[listener.<name>]`
    pub listeners: BTreeMap<ListenerName, ListenerConfig>,
    /// `[host."<domain>"]`; at least one.
    pub hosts: BTreeMap<DomainPart, HostConfig>,
    /// `[component."<domain>"]`; none of them is a host.
    pub components: BTreeMap<DomainPart, ComponentConfig>,
    /// `[http]`
    pub http: HttpConfig,
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
