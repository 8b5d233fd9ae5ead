//! What an operator does to one listener while the node runs.

use std::sync::Arc;
use std::time::Duration;

use actors::admin::protocol::{Answer, BindStatus, ListenerStatus, ListenerTlsStatus};
use actors::core::Core;
use actors::listener::ListenerPolicy;
use portcullis_config::{ListenerConfig, ListenerName};

use super::{Listeners, REPORT, close, path};

impl Listeners {
    /// Every listener, in the order of their names.
    pub(crate) async fn list(&self, core: &Core) -> Vec<ListenerStatus> {
        let config = core.config().clone();
        let mut listed = Vec::new();
        for (name, listener) in &config.listeners {
            if let Some(policy) = self.policies.get(name) {
                listed.push(self.status(core, listener, policy).await);
            }
        }
        listed
    }

    async fn status(
        &self,
        core: &Core,
        config: &ListenerConfig,
        policy: &ListenerPolicy,
    ) -> ListenerStatus {
        let mut binds = Vec::new();
        for bind in &config.binds {
            let path = path(&config.name).child(bind);
            let observed = core.tree.observe(&path, REPORT);
            binds.push(BindStatus {
                bind: bind.to_string(),
                report: observed
                    .await
                    .and_then(|observed| serde_json::to_value(observed.report).ok()),
            });
        }
        let connections = policy.counters.listener.taken();
        let is_listening = |bind: &BindStatus| {
            let report = bind.report.as_ref();
            report.is_some_and(|report| report["is_listening"] == true)
        };
        let state = match self.drained.contains(&config.name) {
            true if connections > 0 => "draining",
            true => "drained",
            false if binds.is_empty() => "off",
            false if binds.iter().all(is_listening) => "serving",
            false => "degraded",
        };
        ListenerStatus {
            name: config.name.to_string(),
            protocol: config.protocol.word().to_owned(),
            state: state.to_owned(),
            connections,
            unauthenticated: policy.counters.strangers.len(),
            max_connections: config.max_connections,
            tls: ListenerTlsStatus {
                enabled: config.tls.enabled,
                implicit: config.tls.implicit,
                required: config.tls.required,
                certificates: core.certificates.shown_by(config.name.as_str()),
            },
            binds,
        }
    }

    /// Opens the sockets of a listener anew; its sessions stay.
    pub(crate) async fn restart(&self, core: &Core, name: &str) -> Answer {
        let Some((name, _)) = self.known(name) else {
            return unknown(name);
        };
        if self.drained.contains(name) {
            return Answer::refused(format!(
                "listener {name} is drained: resume it, which opens its sockets"
            ));
        }
        tracing::info!(listener = %name, "sockets opened anew by an operator");
        let config = core.config().clone();
        let mut actors = 0;
        if let Some(listener) = config.listeners.get(name) {
            for bind in &listener.binds {
                actors += self.reopen(core, listener, bind).await;
            }
        }
        Answer::Told { actors }
    }

    /// Closes the sockets of a listener and ends its sessions, spread over `within`.
    pub(crate) async fn drain(&mut self, core: &Arc<Core>, name: &str, within: Duration) -> Answer {
        let Some((name, policy)) = self.known(name) else {
            return unknown(name);
        };
        let (name, policy) = (name.clone(), Arc::clone(policy));
        close(core, &path(&name)).await;
        let binds = policy.load().binds.clone();
        binds.iter().for_each(|bind| self.sockets.discard(bind));
        self.drained.insert(name.clone());
        if let Err(error) = self.spawn_drain(core, &policy, within) {
            return Answer::refused(error.to_string());
        }
        tracing::info!(listener = %name, ?within, "draining");
        Answer::Done
    }

    /// Has a drained listener accept again; sessions that are left stay.
    pub(crate) async fn resume(&mut self, core: &Arc<Core>, name: &str) -> Answer {
        let Some((name, _)) = self.known(name) else {
            return unknown(name);
        };
        let name = name.clone();
        if !self.drained.remove(&name) {
            return Answer::refused(format!("listener {name} is not drained"));
        }
        close(core, &path(&name)).await;
        let config = core.config().clone();
        let binds = config.listeners.get(&name);
        for bind in binds.iter().flat_map(|listener| &listener.binds) {
            if let Err(error) = self.spawn(core, &name, bind) {
                return Answer::refused(error.to_string());
            }
        }
        tracing::info!(listener = %name, "resumed");
        Answer::Done
    }

    fn known(&self, name: &str) -> Option<(&ListenerName, &Arc<ListenerPolicy>)> {
        self.policies
            .iter()
            .find(|(known, _)| known.as_str() == name)
    }
}

fn unknown(name: &str) -> Answer {
    Answer::refused(format!(
        "there is no listener {name:?}: list them to see their names"
    ))
}
