//! The bound on open files, which has to hold every connection.

use std::fmt;

use actors::core::Core;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the node needs beside its connections: listening sockets, the database, threads.
const OTHERS: u64 = 128;

/// What an operator does about a [`Shortage`].
pub(crate) const RAISE: &str = "raise it (LimitNOFILE= of the service, ulimit -n)";

/// A bound on open files that does not hold every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    wanted: u32,
    files: u64,
    /// How many connections fit.
    most: u32,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            wanted,
            files,
            most,
        } = self;
        write!(
            f,
            "network.max_connections is {wanted}, but the limit on open files ({files}) leaves room for {most}"
        )
    }
}

/// Whether `files` are too few for `wanted` connections.
pub(crate) fn shortage(wanted: u32, files: u64) -> Option<Shortage> {
    let most = connections_within(files);
    (most < wanted).then_some(Shortage {
        wanted,
        files,
        most,
    })
}

/// Raises the soft limit so that it holds `network.max_connections`; where the system does not allow
/// that, lowers the number of connections instead. The answer says so.
pub(crate) fn make_room(core: &Core) -> Option<String> {
    let wanted = core.config().network.max_connections;
    let needed = u64::from(wanted) + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Where there is no limit there is nothing to do.
    let mut soft = current?;
    if soft < needed {
        let target = maximum.map_or(needed, |hard| hard.min(needed));
        let raised = Rlimit {
            current: Some(target),
            maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => soft = target.max(soft),
            Err(error) => tracing::warn!(%error, "the limit on open files can not be raised"),
        }
    }
    core.bound_connections(connections_within(soft));
    shortage(wanted, soft).map(|shortage| format!("{shortage}: {RAISE}"))
}

/// How many connections fit: all but what is needed otherwise, and under a very low limit a quarter.
fn connections_within(files: u64) -> u32 {
    let most = files.saturating_sub(OTHERS).max(files / 4);
    u32::try_from(most).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_always_left_for_the_node_itself() {
        assert_eq!(connections_within(20_000), 19_872);
        assert_eq!(connections_within(64), 16);
    }

    #[test]
    fn only_too_few_files_are_a_shortage() {
        assert_eq!(shortage(8192, 8320), None);
        let told = shortage(8192, 8319).map(|shortage| shortage.to_string());
        let expected = "network.max_connections is 8192, but the limit on open files (8319) leaves room for 8191";
        assert_eq!(told.as_deref(), Some(expected));
    }
}
