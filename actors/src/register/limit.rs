//! How often strangers may make accounts, and who is changing an account just now.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;
use portcullis_config::Rate;
use tokio::time::Instant;
use xmpp::jid::BareJid;

use crate::listener::network;

/// Peers that are remembered at most, all hosts together. While so many have made accounts lately,
/// a further one has to wait.
pub const MAX_PEERS: usize = 10_000;

/// A taken name costs this part of what an account costs: users may try several names, and nobody
/// can try many.
const CONFLICT: u32 = 10;

/// Registrations of a node: who made accounts lately, and whose account is being changed.
#[derive(Debug, Default)]
pub struct Registrations {
    /// By host and network: when everything that was spent is regained.
    peers: Mutex<HashMap<(Box<str>, IpAddr), Instant, RandomState>>,
    busy: Mutex<HashSet<BareJid, RandomState>>,
}

impl Registrations {
    /// Counts an attempt from `address`; `None` when it is one too many.
    pub(crate) fn begin(
        &self,
        host: &str,
        address: IpAddr,
        rate: Rate,
        now: Instant,
    ) -> Option<Attempt<'_>> {
        let key = (Box::from(host), network(address));
        let cost = rate.per / rate.events.max(1);
        let mut peers = self.peers.lock();
        if peers.len() >= MAX_PEERS && !peers.contains_key(&key) {
            peers.retain(|_, regained| *regained > now);
        }
        if peers.len() >= MAX_PEERS && !peers.contains_key(&key) {
            return None;
        }
        let spent_until = peers.get(&key).copied().unwrap_or(now).max(now) + cost;
        if spent_until > now + rate.per {
            return None;
        }
        peers.insert(key.clone(), spent_until);
        drop(peers);
        Some(Attempt {
            registrations: self,
            key,
            cost,
        })
    }

    /// Takes the right to change the account of `user`; `None` while somebody else has it.
    pub(crate) fn occupy(&self, user: &BareJid) -> Option<Occupied<'_>> {
        let is_free = self.busy.lock().insert(user.clone());
        is_free.then(|| Occupied {
            registrations: self,
            user: user.clone(),
        })
    }

    fn give_back(&self, key: &(Box<str>, IpAddr), amount: Duration) {
        if let Some(regained) = self.peers.lock().get_mut(key)
            && let Some(earlier) = regained.checked_sub(amount)
        {
            *regained = earlier;
        }
    }
}

/// One attempt to make an account; it counts in full unless it is told otherwise.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    registrations: &'a Registrations,
    key: (Box<str>, IpAddr),
    cost: Duration,
}

impl Attempt<'_> {
    /// The name was taken.
    pub(crate) fn was_conflict(self) {
        self.registrations
            .give_back(&self.key, self.cost - self.cost / CONFLICT);
    }

    /// No fault of the stranger.
    pub(crate) fn was_in_vain(self) {
        self.registrations.give_back(&self.key, self.cost);
    }
}

/// The right to change one account, given back on drop.
#[derive(Debug)]
pub(crate) struct Occupied<'a> {
    registrations: &'a Registrations,
    user: BareJid,
}

impl Drop for Occupied<'_> {
    fn drop(&mut self) {
        self.registrations.busy.lock().remove(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn rate(events: u32) -> Rate {
        Rate { events, per: HOUR }
    }

    #[test]
    fn the_rate_holds_and_comes_back() {
        let registrations = Registrations::default();
        let now = Instant::now();
        for _ in 0..3 {
            assert!(registrations.begin("a", PEER, rate(3), now).is_some());
        }
        assert!(registrations.begin("a", PEER, rate(3), now).is_none());
        assert!(
            registrations.begin("b", PEER, rate(3), now).is_some(),
            "another host"
        );
        let later = now + HOUR / 3 + Duration::from_secs(1);
        assert!(registrations.begin("a", PEER, rate(3), later).is_some());
        assert!(registrations.begin("a", PEER, rate(3), later).is_none());
    }

    #[test]
    fn taken_names_cost_a_part_and_our_faults_nothing() {
        let registrations = Registrations::default();
        let now = Instant::now();
        for _ in 0..100 {
            registrations
                .begin("a", PEER, rate(1), now)
                .unwrap()
                .was_in_vain();
        }
        registrations
            .begin("a", PEER, rate(1), now)
            .unwrap()
            .was_conflict();
        assert!(registrations.begin("a", PEER, rate(1), now).is_none());
        let attempts = (0..100).map_while(|_| {
            registrations
                .begin("b", PEER, rate(3), now)
                .map(Attempt::was_conflict)
        });
        assert_eq!(attempts.count(), 21);
    }

    #[test]
    fn an_ipv6_network_is_one_peer() {
        let registrations = Registrations::default();
        let now = Instant::now();
        let one = "2001:db8:1:2::1".parse().unwrap();
        let other = "2001:db8:1:2:ffff::9".parse().unwrap();
        assert!(registrations.begin("a", one, rate(1), now).is_some());
        assert!(registrations.begin("a", other, rate(1), now).is_none());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_has_regained_all() {
        let registrations = Registrations::default();
        let now = Instant::now();
        let peers = u32::try_from(MAX_PEERS).unwrap();
        for number in 0..peers {
            let peer = IpAddr::V4(number.into());
            assert!(registrations.begin("a", peer, rate(1), now).is_some());
        }
        assert!(registrations.begin("a", PEER, rate(1), now).is_none());
        let later = now + HOUR + Duration::from_secs(1);
        assert!(registrations.begin("a", PEER, rate(1), later).is_some());
        assert_eq!(registrations.peers.lock().len(), 1);
    }

    #[test]
    fn an_account_is_changed_by_one_at_a_time() {
        let registrations = Registrations::default();
        let user = BareJid::new("a@b").unwrap();
        let held = registrations.occupy(&user);
        assert!(held.is_some() && registrations.occupy(&user).is_none());
        drop(held);
        assert!(registrations.occupy(&user).is_some());
    }
}
