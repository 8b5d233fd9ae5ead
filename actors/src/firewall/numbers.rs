//! Numbers of what hosts share, for metrics.

use super::Firewall;
use super::fetched_list::ListStage;

/// A list that is fetched over http, for all hosts that use it.
#[derive(Clone, Debug)]
pub struct FetchedList {
    /// Its name in the tree.
    pub name: String,
    /// How it stands.
    pub stage: ListStage,
    /// Entries in use.
    pub entries: usize,
    /// Fetches since the start.
    pub fetches: u64,
    /// Failed fetches since the last that worked.
    pub failures: usize,
}

impl Firewall {
    /// The lists that are fetched, in order of their names.
    pub fn fetched_lists(&self) -> Vec<FetchedList> {
        let lists = self.files.fetched();
        let mut lists: Vec<FetchedList> = lists
            .iter()
            .map(|list| {
                let state = list.state();
                FetchedList {
                    name: list.name().to_owned(),
                    stage: list.stage(),
                    entries: list.contents().load().len(),
                    fetches: state.fetches,
                    failures: state.failures(),
                }
            })
            .collect();
        lists.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        lists
    }
}
