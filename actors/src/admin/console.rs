//! Runs the commands of operators.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;

use super::protocol::{Answer, Command, PAGE};
use super::{Effect, ListenerWish, OrderHandle, Talk, Users, Wish};
use crate::core::Core;
use crate::firewall::{self, TraceStream, TraceWish};
use crate::marks;
use crate::metrics::openmetrics;
use crate::register::{end_sessions, tell_account};

/// An operator's hands on a running node.
#[derive(Clone)]
pub struct Console {
    pub(super) core: Arc<Core>,
    orders: OrderHandle,
}

impl Console {
    /// A console for the node of `core`.
    pub fn new(core: Arc<Core>, orders: OrderHandle) -> Self {
        Self { core, orders }
    }

    /// Does what is asked.
    pub async fn run(&self, command: Command) -> Answer {
        match command {
            Command::UserAdd { .. }
            | Command::UserPasswd { .. }
            | Command::UserDelete { .. }
            | Command::UserList { .. }
            | Command::UserRole { .. }
            | Command::FirewallMark { .. }
            | Command::FirewallUnmark { .. }
            | Command::FirewallMarked { .. } => self.user(command).await,
            Command::RuleCounters {
                host,
                script,
                after,
            } => self.rule_counters(host.as_deref(), script.as_deref(), after),
            Command::RuleCountersReset { host, script } => {
                self.reset_rule_counters(host.as_deref(), script.as_deref())
            }
            Command::ShadowLoad {
                host,
                scripts,
                contents,
            } => self.load_shadow(host, scripts, contents).await,
            Command::ShadowDiff { host, after } => self.shadow_diff(host, after),
            Command::ShadowArm { host } => self.arm_shadow(host).await,
            Command::ShadowDrop { host } => self.drop_shadow(host).await,
            Command::Metrics => Answer::Metrics {
                text: openmetrics(&self.core).await,
            },
            Command::ActorList { within, after } => self.list(within, after),
            Command::ActorObserve { path, after } => self.observe(path, after).await,
            Command::ActorRestart { path } => self.tell(&path, |tree, path| tree.restart(path)),
            Command::ActorStop { path } => self.tell(&path, |tree, path| tree.stop(path)),
            Command::ActorPanic { path } => {
                self.tell(&path, |tree, path| usize::from(tree.inject_panic(path)))
            }
            Command::Certificates { after } => self.certificates(after),
            Command::FirewallExplain(supposed) => {
                match firewall::explain(&self.core, supposed).await {
                    Ok(chains) => Answer::Explained { chains },
                    Err(problem) => Answer::refused(problem),
                }
            }
            // They have more than one answer: `Console::trace`, `Console::pass`.
            Command::FirewallTrace(_) | Command::Handover | Command::Upgrade => {
                Answer::refused("this has more than one answer")
            }
            Command::Plan => self.orders.give(Wish::Plan).await,
            Command::Status => Answer::Status(Box::new(self.status().await)),
            Command::Reload => self.orders.give(Wish::Reload).await,
            Command::ListenerList
            | Command::ListenerAdd { .. }
            | Command::ListenerRemove { .. }
            | Command::ListenerRestart { .. }
            | Command::ListenerDrain { .. }
            | Command::ListenerResume { .. } => self.listener(command).await,
        }
    }

    /// What rules do with stanzas from now on.
    ///
    /// # Errors
    /// What is wrong with the wish.
    pub fn trace(&self, wish: TraceWish) -> Result<TraceStream, String> {
        self.core.firewall.trace(wish)
    }

    fn certificates(&self, after: usize) -> Answer {
        let certificates = &self.core.certificates;
        let mut rows = certificates.rows().into_iter().skip(after);
        let page = rows.by_ref().take(PAGE).collect();
        Answer::Certificates {
            rows: page,
            next: rows.next().map(|_| after + PAGE),
            problems: certificates.problems(),
        }
    }

    /// Has the node go on with a connection itself.
    ///
    /// # Errors
    /// The connection, and the refusal to be told on it.
    pub(super) fn pass(&self, talk: Talk, stream: UnixStream) -> Result<(), (UnixStream, Answer)> {
        self.orders.pass(talk, stream)
    }

    async fn listener(&self, command: Command) -> Answer {
        let wish = match command {
            Command::ListenerAdd { name, settings } => ListenerWish::Add { name, settings },
            Command::ListenerRemove { name } => ListenerWish::Remove(name),
            Command::ListenerRestart { name } => ListenerWish::Restart(name),
            Command::ListenerDrain { name, within } => ListenerWish::Drain {
                name,
                within: Duration::from_millis(within),
            },
            Command::ListenerResume { name } => ListenerWish::Resume(name),
            _ => ListenerWish::List,
        };
        self.orders.give(Wish::Listener(wish)).await
    }

    async fn user(&self, command: Command) -> Answer {
        let core = &self.core;
        let users = Users::new(
            Arc::clone(&core.store),
            core.passwords.clone(),
            &core.config(),
        );
        match users.run(command).await {
            Ok((answer, effect)) => {
                self.carry_on(effect).await;
                answer
            }
            Err(error) => Answer::refused(error.to_string()),
        }
    }

    /// Lets the running node know what the store knows already.
    async fn carry_on(&self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Changed(user) => tell_account(&self.core, &user, false).await,
            Effect::Marked(user, name, at) => {
                if let Err(error) = marks::change(&self.core, &user, &name, at).await {
                    tracing::error!(%user, %error, "a mark is not stored");
                }
            }
            Effect::Password(user) => {
                end_sessions(&self.core, &user, None, "the password was changed");
            }
            Effect::Deleted(farewell) => farewell.say(&self.core).await,
        }
    }
}
