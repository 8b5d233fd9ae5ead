//! What a run that leaves the world as it is would have changed in lists, so that its own conditions see it.

use std::sync::Arc;

use crate::definitions::list::List;

/// Lists as a dry run would have left them.
#[derive(Clone, Debug, Default)]
pub(crate) struct DryRun {
    /// Lists by their address, each with the copy that was changed in its place.
    forks: Vec<(usize, Arc<List>)>,
}

impl DryRun {
    /// The copy of a list that this run has changed.
    pub(crate) fn fork(&self, list: &List) -> Option<&Arc<List>> {
        let fork = self.forks.iter().find(|(of, _)| *of == id(list));
        fork.map(|(_, fork)| fork)
    }

    /// The copy of a list that is to be changed.
    pub(crate) fn fork_mut(&mut self, list: &List) -> Arc<List> {
        if let Some(fork) = self.fork(list) {
            return Arc::clone(fork);
        }
        let fork = Arc::new(list.fork());
        self.forks.push((id(list), Arc::clone(&fork)));
        fork
    }
}

fn id(list: &List) -> usize {
    std::ptr::from_ref(list).addr()
}
