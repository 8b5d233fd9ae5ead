//! What is shown to whom, for those who look.

use std::sync::Arc;

use super::{Listener, Loaded};
use crate::tls::files::Pair;
use crate::tls::plan::{ListenerPlan, Plan};
use crate::tls::report::CertificateRow;

impl Loaded {
    /// What each listener shows, in the order of their names.
    pub(in crate::tls) fn rows(&self, plan: &Plan) -> Vec<CertificateRow> {
        let listeners = plan.listeners.iter();
        listeners
            .flat_map(|listener| self.rows_of(listener))
            .collect()
    }

    /// What one listener shows.
    pub(in crate::tls) fn rows_of(&self, plan: &ListenerPlan) -> Vec<CertificateRow> {
        let Some(listener) = self.listeners.get(&plan.name) else {
            return Vec::new();
        };
        let bare = self.bare();
        let row = |pair: &Pair, hosts: Vec<String>| CertificateRow {
            listener: plan.name.clone(),
            binds: plan.binds.clone(),
            certificate: pair.report(match hosts.is_empty() && listener.default.is_some() {
                true => &bare,
                false => &hosts,
            }),
            hosts,
            interface: None,
            port: None,
        };
        let by_host = self.by_host(listener).into_iter();
        let mut rows: Vec<_> = by_host.map(|(pair, hosts)| row(pair, hosts)).collect();
        rows.extend(
            listener
                .by_interface
                .iter()
                .map(|(interface, pair)| CertificateRow {
                    interface: Some(*interface),
                    ..row(pair, Vec::new())
                }),
        );
        rows.extend(listener.by_port.iter().map(|(port, pair)| CertificateRow {
            port: Some(*port),
            ..row(pair, Vec::new())
        }));
        rows.extend(
            self.other(listener, None, None)
                .map(|pair| row(pair, Vec::new())),
        );
        rows
    }

    /// Every pair that a listener shows to somebody, some perhaps twice.
    pub(in crate::tls) fn shown_on(&self, listener: &str) -> Vec<&Arc<Pair>> {
        let Some(listener) = self.listeners.get(listener) else {
            return Vec::new();
        };
        let by_host = self.by_host(listener).into_iter().map(|(pair, _)| pair);
        let by_place = listener
            .by_interface
            .values()
            .chain(listener.by_port.values());
        let other = self.other(listener, None, None);
        by_host.chain(by_place).chain(other).collect()
    }

    /// The pairs that clients of a listener are shown for the host's sake, each with its hosts.
    fn by_host<'a>(&'a self, listener: &'a Listener) -> Vec<(&'a Arc<Pair>, Vec<String>)> {
        let mut shown = Shown::default();
        let anybody = self.other(listener, None, None);
        for host in self.hosts.values() {
            let other = || {
                let other = self.other(listener, Some(host), None);
                other.filter(|pair| !anybody.is_some_and(|any| Arc::ptr_eq(any, pair)))
            };
            if let Some(pair) = host.own.as_ref().or_else(other) {
                shown.add(pair, std::slice::from_ref(&host.domain));
            }
        }
        shown.0
    }

    /// Every pair that is shown to somebody, with the hosts for which it is shown.
    pub(in crate::tls) fn pairs(&self) -> Vec<(&Arc<Pair>, Vec<String>)> {
        let mut shown = Shown::default();
        let bare = self.bare();
        for host in self.hosts.values() {
            for pair in host.own.iter().chain(&host.automatic) {
                shown.add(pair, std::slice::from_ref(&host.domain));
            }
        }
        for listener in self.listeners.values() {
            let named = listener
                .by_interface
                .values()
                .chain(listener.by_port.values());
            named
                .chain(&listener.default)
                .for_each(|pair| shown.add(pair, &bare));
        }
        if self
            .listeners
            .values()
            .any(|listener| listener.default.is_none())
        {
            self.automatic.iter().for_each(|pair| shown.add(pair, &[]));
        }
        self.self_signed
            .iter()
            .for_each(|pair| shown.add(pair, &bare));
        shown
            .0
            .sort_by(|(one, _), (other, _)| one.order().cmp(&other.order()));
        shown.0
    }
}

/// Pairs, each once, with the hosts for which they are shown.
#[derive(Default)]
struct Shown<'a>(Vec<(&'a Arc<Pair>, Vec<String>)>);

impl<'a> Shown<'a> {
    fn add(&mut self, pair: &'a Arc<Pair>, hosts: &[String]) {
        let known = self
            .0
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, pair));
        match known {
            Some((_, all)) => all.extend(
                hosts
                    .iter()
                    .filter(|host| !all.contains(host))
                    .cloned()
                    .collect::<Vec<_>>(),
            ),
            None => self.0.push((pair, hosts.to_vec())),
        }
    }
}
