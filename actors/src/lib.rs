//! Every actor of a node, and their supervision.

pub mod arbiters;
pub mod backoff;
pub mod groups;
pub mod observe;
pub mod offer;
pub mod password;
pub mod roles;
pub mod supervise;
pub mod tls;
