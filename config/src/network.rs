//! `[network]`: what all listeners have in common.

/// Bounds of the whole node. Its interfaces are already part of each listener's binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Connections of all listeners together.
    pub max_connections: u32,
}
