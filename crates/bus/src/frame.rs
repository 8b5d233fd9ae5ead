//! What travels, and between whom.

use std::fmt;

use bytes::Bytes;

/// Largest body of a frame in bytes: four times the largest stanza. Larger things are cut by their sender.
pub const MAX_BODY_BYTES: usize = 1_000_000;

/// Number of lanes for stanzas.
const STANZA_LANES: u64 = 8;

/// Names a node within its cluster; from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// One life of a node: greater after each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// Frames of one lane between two nodes keep their order; lanes do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Stanzas; made by [`Lane::of_key`].
    Stanza(u8),
    /// What nodes tell each other about themselves.
    Control,
    /// Snapshots and other large things that can wait.
    Bulk,
}

impl Lane {
    /// The lane of the stanzas whose recipient hashes to `key`: one recipient, one lane.
    pub fn of_key(key: u64) -> Self {
        Self::Stanza(u8::try_from(key % STANZA_LANES).unwrap_or(0))
    }
}

/// One message between nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the body means; a receiver counts and ignores a kind that it does not know.
    pub kind: u8,
    /// At most [`MAX_BODY_BYTES`].
    pub body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_lane_of_eight() {
        let lanes: std::collections::HashSet<_> = (0..1000).map(Lane::of_key).collect();
        assert_eq!(lanes.len(), 8);
        assert_eq!(Lane::of_key(17), Lane::of_key(17));
    }
}
