//! Certificates that the node orders from an authority and renews (RFC 8555).
//!
//! [`CertificateOrders`] places one order after the other, for the hosts whose configuration asks for that, and has new
//! certificates served. It is told of another configuration by the node. [`Acme`] is how the hosts stand and what the
//! authority is shown; it outlives the actor's restarts, so that no wait is forgotten. While nothing is configured nobody
//! is asked.

mod challenges;
mod client;
mod hosts;
mod kept;
mod order;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, SpawnHandle,
};
use jiff::Timestamp;
use portcullis_config::Config;
use serde::Serialize;
use url::Url;

use crate::core::Core;
use crate::http_client::Trust;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};
use hosts::Found;
pub use hosts::{Acme, HostOrders};
use kept::Kept;
use order::Terms;

/// The longest sleep: a clock that was set is noticed within that time.
const MAX_SLEEP: Duration = Duration::from_secs(15 * 60);

/// Another configuration is in force. Sent by the node.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OrdersChanged;

/// The actor.
pub struct CertificateOrders {
    core: Arc<Core>,
    terms: Option<Arc<Terms>>,
    /// The host of the order under way.
    ordering: Option<String>,
    timer: Option<SpawnHandle>,
}

/// What the console shows of the orders.
#[derive(Clone, Debug, Serialize)]
pub struct OrdersReport {
    /// The authority's directory; `None` while nothing is ordered.
    pub directory: Option<String>,
    /// The host of the order under way.
    pub ordering: Option<String>,
    /// Every host that is ordered for.
    pub hosts: Vec<HostOrders>,
}

/// What keeps orders from being placed as configured, one line each. Reads files.
#[must_use]
pub fn check(config: &Config) -> Vec<String> {
    let Some(acme) = &config.acme else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if let Err(error) = Url::parse(&acme.directory) {
        problems.push(format!("acme.directory: {}: {error}", acme.directory));
    }
    if let Err(reason) = Trust::new(acme.ca_file.as_deref()) {
        problems.push(format!("acme.ca_file: {reason}"));
    }
    problems
}

impl CertificateOrders {
    /// Orders by the configuration of `core`.
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            terms: None,
            ordering: None,
            timer: None,
        }
    }

    /// Follows the configuration in force.
    fn follow(&mut self, context: &mut Context<Self>) {
        let config = self.core.config().clone();
        let terms = config.acme.as_ref().map(|acme| {
            Arc::new(Terms {
                config: acme.clone(),
                kept: Kept::new(&config.node.data_directory),
            })
        });
        let Some(terms) = terms else {
            self.terms = None;
            self.core.acme.clear();
            return;
        };
        let before = self.terms.replace(Arc::clone(&terms));
        let begin_anew = before.is_some_and(|before| before.config != terms.config);
        let hosts: Vec<_> = config.hosts.values().filter(|host| host.acme).collect();
        let hosts: Vec<_> = hosts.iter().map(|host| host.domain.to_string()).collect();
        let kept = terms.kept.clone();
        let finding = actix_rt::task::spawn_blocking(move || -> Vec<Found> {
            let found = |host: String| {
                let certificate = kept.certificate(&host);
                (host, certificate)
            };
            hosts.into_iter().map(found).collect()
        });
        context.spawn(wrap_future::<_, Self>(finding).map(
            move |found, actor, context| match found {
                Ok(_) if !actor.follows(&terms) => {}
                Ok(found) => {
                    actor.core.acme.follow(found, &terms, begin_anew);
                    actor.proceed(context);
                }
                Err(error) => tracing::error!(%error, "certificates at hand not looked at"),
            },
        ));
    }

    /// Whether nothing else came into force since.
    fn follows(&self, terms: &Arc<Terms>) -> bool {
        self.terms
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, terms))
    }

    /// Places the next order when it is due, and never two at a time.
    fn proceed(&mut self, context: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            context.cancel_future(timer);
        }
        let (None, Some(terms)) = (&self.ordering, &self.terms) else {
            return;
        };
        let Some((host, due, failures)) = self.core.acme.first() else {
            return;
        };
        let wait = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
        match wait.is_zero() {
            true => {
                let terms = Arc::clone(terms);
                self.order(host, failures, terms, context);
            }
            false => {
                let wait = wait.min(MAX_SLEEP);
                self.timer = Some(context.run_later(wait, Self::proceed));
            }
        }
    }

    fn order(
        &mut self,
        host: String,
        failures: usize,
        terms: Arc<Terms>,
        context: &mut Context<Self>,
    ) {
        tracing::info!(
            host,
            directory = terms.config.directory,
            "certificate ordered"
        );
        self.ordering = Some(host.clone());
        let core = Arc::clone(&self.core);
        let ordering = async move {
            let challenges = core.acme.challenges.clone();
            let outcome =
                order::obtain(Arc::clone(&terms), host.clone(), failures, challenges).await;
            let is_new = outcome.is_ok();
            core.acme.note(&host, outcome, &terms);
            if is_new {
                serve(&core, &host).await;
            }
            terms
        };
        let ordering = wrap_future::<_, Self>(ordering);
        context.spawn(ordering.map(|terms, actor, context| {
            actor.ordering = None;
            match actor.follows(&terms) {
                true => actor.proceed(context),
                // What came into force meanwhile is looked at from what is at hand now.
                false => actor.follow(context),
            }
        }));
    }
}

/// Has new handshakes see the certificates at hand.
async fn serve(core: &Core, host: &str) {
    let certificates = core.certificates.clone();
    let looking = actix_rt::task::spawn_blocking(move || certificates.look());
    let problems = match looking.await {
        Ok(Ok(_)) => return,
        Ok(Err(problems)) => problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        Err(error) => vec![error.to_string()],
    };
    for problem in problems {
        tracing::error!(
            host,
            "the new certificate is not served until this is mended: {problem}"
        );
    }
}

impl Supervise for CertificateOrders {
    const KIND: &'static str = "certificate-orders";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_secs(1),
            max: Duration::from_secs(10 * 60),
            give_up_after: 0,
            within: Duration::from_secs(60 * 60),
        }
    }
}

impl Actor for CertificateOrders {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.follow(context);
    }
}

impl Handler<OrdersChanged> for CertificateOrders {
    type Result = ();

    fn handle(&mut self, _: OrdersChanged, context: &mut Context<Self>) {
        self.follow(context);
    }
}

impl Observe for CertificateOrders {
    type Report = OrdersReport;

    fn report(&self) -> OrdersReport {
        let terms = self.terms.as_ref();
        OrdersReport {
            directory: terms.map(|terms| terms.config.directory.clone()),
            ordering: self.ordering.clone(),
            hosts: self.core.acme.hosts(),
        }
    }
}
