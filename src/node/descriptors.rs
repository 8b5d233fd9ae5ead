//! The bound on open files, which has to hold every connection.

use actors::core::Core;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the node needs beside its connections: listening sockets, the database, threads.
const OTHERS: u64 = 128;

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
    let most = u32::try_from(connections_within(soft)).unwrap_or(u32::MAX);
    core.bound_connections(most);
    (most < wanted).then(|| {
        format!(
            "network.max_connections is {wanted}, but the limit on open files ({soft}) leaves room for {most}: \
             raise it (LimitNOFILE= of the service, ulimit -n)"
        )
    })
}

/// How many connections fit: all but what is needed otherwise, and under a very low limit a quarter.
fn connections_within(files: u64) -> u64 {
    files.saturating_sub(OTHERS).max(files / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_always_left_for_the_node_itself() {
        assert_eq!(connections_within(20_000), 19_872);
        assert_eq!(connections_within(64), 16);
    }
}
