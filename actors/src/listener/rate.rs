//! How often a peer may connect: a token bucket for each IPv4 address and IPv6 /64.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;
use parking_lot::Mutex;
use portcullis_config::Rate;
use tokio::time::Instant;

use super::network;

/// Peers of one listener that are remembered. While so many have connected lately, others are let
/// in uncounted: the other bounds hold for them.
const MAX_PEERS: usize = 65_536;

/// Connections of late, by peer: when everything that was spent is regained. A peer that has
/// regained everything need not be in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    peers: HashMap<IpAddr, Instant, RandomState>,
    swept: Option<Instant>,
}

impl Arrivals {
    /// Counts a connection from `address`; false when it is one too many.
    pub(super) fn admit(&self, address: IpAddr, rate: Rate, now: Instant) -> bool {
        let peer = network(address);
        let cost = rate.per / rate.events.max(1);
        let mut table = self.0.lock();
        if table.peers.len() >= MAX_PEERS && !table.peers.contains_key(&peer) {
            table.sweep(now, rate);
            if table.peers.len() >= MAX_PEERS {
                return true;
            }
        }
        let known = table.peers.get(&peer).copied();
        let spent_until = known.unwrap_or(now).max(now) + cost;
        if spent_until > now + rate.per {
            return false;
        }
        table.peers.insert(peer, spent_until);
        true
    }

    /// Peers that are remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().peers.len()
    }
}

impl Table {
    /// Forgets who has regained everything. Not more often than one event of a peer takes, so that
    /// a flood does not have the whole table looked at for each of its connections.
    fn sweep(&mut self, now: Instant, rate: Rate) {
        let pause = rate.per / rate.events.max(1);
        if self.swept.is_some_and(|swept| now < swept + pause) {
            return;
        }
        self.swept = Some(now);
        self.peers.retain(|_, regained| *regained > now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RATE: Rate = Rate {
        events: 3,
        per: Duration::from_secs(60),
    };

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + number))
    }

    #[test]
    fn so_many_come_at_once_and_then_one_by_one() {
        let (arrivals, now) = (Arrivals::default(), Instant::now());
        for _ in 0..3 {
            assert!(arrivals.admit(peer(1), RATE, now));
        }
        assert!(!arrivals.admit(peer(1), RATE, now));
        assert!(arrivals.admit(peer(2), RATE, now), "another address");
        let later = now + Duration::from_secs(21);
        assert!(arrivals.admit(peer(1), RATE, later));
        assert!(!arrivals.admit(peer(1), RATE, later));
    }

    #[test]
    fn the_table_is_bounded_and_empties() {
        let (arrivals, now) = (Arrivals::default(), Instant::now());
        let all = u32::try_from(MAX_PEERS).unwrap();
        for number in 0..all + 100 {
            assert!(arrivals.admit(peer(number), RATE, now));
        }
        assert_eq!(arrivals.len(), MAX_PEERS);
        let later = now + Duration::from_secs(61);
        assert!(arrivals.admit(peer(all + 200), RATE, later));
        assert_eq!(arrivals.len(), 1);
    }
}
