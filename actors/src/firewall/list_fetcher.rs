//! Keeps one list that comes over http fresh.
//!
//! Nobody sends to it; the firewall starts one for each source and options, which all hosts share. It fetches on its
//! start and whenever the list is due, and publishes new contents to all lists that share it. Bodies are unpacked and taken apart on a
//! blocking thread. What can not be fetched leaves the last good contents in force.

mod connection;
mod fetch;
mod unpack;

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::Serialize;

use super::branch::POLICY;
use super::fetched_list::{FetchedList, ListStage, Outcome};
use crate::backoff::entropy;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};
use connection::Body;
use fetch::Fetched;

pub(super) use fetch::Terms;

/// The actor.
pub(super) struct ListFetcher {
    list: Arc<FetchedList>,
    terms: Arc<ArcSwap<Terms>>,
    is_fetching: bool,
}

/// What the console shows of a fetched list.
#[derive(Clone, Debug, Serialize)]
pub struct ListFetcherReport {
    /// Source and options.
    pub source: String,
    /// How it stands.
    pub stage: ListStage,
    /// True while a fetch goes on.
    pub is_fetching: bool,
    /// Entries in force.
    pub entries: usize,
    /// Bytes of the text that they were taken from.
    pub bytes: usize,
    /// Fetches since the start.
    pub fetches: u64,
    /// Failures in a row.
    pub failures: usize,
    /// When the server last said that this is the list.
    pub last_success: Option<String>,
    /// When it is fetched next.
    pub next_fetch: Option<String>,
    /// Why the last fetch failed.
    pub last_error: Option<String>,
    /// Why the last good copy could not be kept on disk, or not be used.
    pub copy_problem: Option<String>,
}

impl ListFetcher {
    pub(super) fn new(list: Arc<FetchedList>, terms: Arc<ArcSwap<Terms>>) -> Self {
        Self {
            list,
            terms,
            is_fetching: false,
        }
    }

    fn fetch(&mut self, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_fetching, true) {
            return;
        }
        let (list, terms) = (Arc::clone(&self.list), self.terms.load_full());
        let fetching = async move {
            let outcome = fetch_and_take_over(&list, &terms).await;
            list.note(outcome, terms.config.retry, entropy())
        };
        context.spawn(
            wrap_future::<_, Self>(fetching).map(|wait, actor, context| {
                actor.is_fetching = false;
                if let Some(wait) = wait {
                    context.run_later(wait, Self::fetch);
                }
            }),
        );
    }
}

async fn fetch_and_take_over(list: &Arc<FetchedList>, terms: &Arc<Terms>) -> Outcome {
    let work = match fetch::fetch(list.url(), list.request(), terms).await {
        Err(error) => return Outcome::Refused(0, error.to_string()),
        Ok(Fetched::Refused(status)) => {
            return Outcome::Refused(status.as_u16(), format!("the server answered {status}"));
        }
        Ok(Fetched::Unchanged) => None,
        Ok(Fetched::Body(body)) => Some(body),
    };
    let (list, terms) = (Arc::clone(list), Arc::clone(terms));
    let working = actix_rt::task::spawn_blocking(move || match work {
        Some(body) => take_over(&list, body, &terms),
        None => confirm(&list),
    });
    working
        .await
        .unwrap_or_else(|error| Outcome::Refused(0, error.to_string()))
}

fn take_over(list: &FetchedList, body: Body, terms: &Terms) -> Outcome {
    let bytes = match body.is_packed {
        true => unpack::gzip(&body.bytes, terms.config.size),
        false => Ok(body.bytes),
    };
    match bytes {
        Ok(bytes) => list.take_over(&bytes, body.validators, terms.config.entries),
        Err(error) => Outcome::Refused(200, error.to_string()),
    }
}

/// The age of the copy is what its file says.
fn confirm(list: &FetchedList) -> Outcome {
    if let Some(Err(error)) = list.last_good().map(|copy| copy.confirm()) {
        tracing::debug!(target: "firewall", list = list.name(), %error, "copy of a list not confirmed");
    }
    Outcome::Kept
}

impl Supervise for ListFetcher {
    const KIND: &'static str = "list-fetcher";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for ListFetcher {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.fetch(context);
    }
}

impl Observe for ListFetcher {
    type Report = ListFetcherReport;

    fn report(&self) -> ListFetcherReport {
        let state = self.list.state();
        let shown = |at: Timestamp| at.to_string();
        ListFetcherReport {
            source: self.list.name().to_owned(),
            stage: self.list.stage(),
            is_fetching: self.is_fetching,
            entries: self.list.contents().load().len(),
            bytes: state.bytes,
            fetches: state.fetches,
            failures: state.failures(),
            last_success: state.last_success.map(shown),
            next_fetch: state.next_fetch().map(shown),
            last_error: state.last_error,
            copy_problem: state.copy_problem,
        }
    }
}
