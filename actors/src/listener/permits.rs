//! Places that connections take: of the node, of a listener, of one peer, of those not logged in.
//!
//! A place is an owned value given back on drop, so that nothing a connection does can leak one.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use portcullis_config::Rate;
use tokio::sync::Notify;
use tokio::time::Instant;
use xmpp::stream_error::{StreamCondition, StreamError};

use super::guest::Guest;
use super::rate::Arrivals;

/// A number of places, shared by clones.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Seats>);

#[derive(Debug, Default)]
struct Seats {
    taken: AtomicU32,
    freed: Notify,
}

impl Places {
    /// Takes a place unless `limit` are taken.
    pub(super) fn take(&self, limit: u32) -> Option<Place> {
        let taken = self
            .0
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < limit).then_some(taken + 1)
            });
        taken.ok().map(|_| Place(Arc::clone(&self.0)))
    }

    /// Places taken now.
    pub fn taken(&self) -> u32 {
        self.0.taken.load(Ordering::Acquire)
    }

    /// Waits until fewer than `limit` are taken. Somebody else may be faster then.
    pub(super) async fn room(&self, limit: u32) {
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            // Before looking: what is given back from now on is heard of.
            freed.as_mut().enable();
            if self.taken() < limit {
                return;
            }
            freed.await;
        }
    }
}

/// One place, given back on drop.
#[derive(Debug)]
pub(super) struct Place(Arc<Seats>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_waiters();
    }
}

/// Connections by peer: IPv4 addresses and IPv6 networks of 64 bits. Holds connected peers only.
#[derive(Clone, Debug, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, u32>>>);

#[derive(Debug)]
struct PeerPlace {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    fn take(&self, address: IpAddr, limit: u32) -> Option<PeerPlace> {
        let peer = network(address);
        let mut peers = self.0.lock();
        let count = peers.entry(peer).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(PeerPlace {
            peers: self.clone(),
            peer,
        })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock();
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or the first 64 bits of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(prefix.into())
        }
    }
}

/// Connections of a listener on which nobody has logged in, oldest first. Bounded by
/// `limits.unauthenticated`: the oldest makes room, so that strangers can not lock users out.
#[derive(Clone, Debug, Default)]
pub struct Strangers(Arc<Mutex<BTreeMap<u64, Guest>>>);

impl Strangers {
    /// Adds one; when there are more than `limit`, the oldest is ended, which may be this one.
    pub(crate) fn admit(&self, id: u64, guest: Guest, limit: u32) -> Stranger {
        let mut strangers = self.0.lock();
        strangers.insert(id, guest);
        while strangers.len() > limit.max(1) as usize {
            let Some((_, oldest)) = strangers.pop_first() else {
                break;
            };
            let text = "somebody else needs the place of a connection that does not log in";
            let error = StreamError::with_text(StreamCondition::ConnectionTimeout, text);
            // A full mailbox is one that is busy ending.
            let _is_told = oldest.end(error);
        }
        Stranger {
            strangers: self.clone(),
            id,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// A place among those who have not logged in, ended by logging in or leaving.
#[derive(Debug)]
pub struct Stranger {
    strangers: Strangers,
    id: u64,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.0.lock().remove(&self.id);
    }
}

/// The connections that a listener accepted, so that they hear of its changes.
#[derive(Clone, Debug, Default)]
pub struct Members(Arc<Mutex<HashMap<u64, Guest>>>);

impl Members {
    /// Adds one until the answer is dropped.
    pub(crate) fn admit(&self, id: u64, guest: Guest) -> Membership {
        self.0.lock().insert(id, guest);
        Membership {
            members: self.clone(),
            id,
        }
    }

    /// All of them, by number.
    pub(super) fn all(&self) -> Vec<(u64, Guest)> {
        let members = self.0.lock();
        let members = members.iter();
        members.map(|(id, guest)| (*id, guest.clone())).collect()
    }

    /// Tells all that the settings changed.
    pub(super) fn tell(&self) {
        for (id, guest) in self.0.lock().iter() {
            if !guest.tell_change() {
                tracing::debug!(id, "a connection follows the old settings");
            }
        }
    }
}

/// Membership in [`Members`], ended by dropping it.
#[derive(Debug)]
pub(crate) struct Membership {
    members: Members,
    id: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.members.0.lock().remove(&self.id);
    }
}

/// All places that one connection holds.
#[derive(Debug)]
pub struct Permits {
    _node: Place,
    _listener: Place,
    // Boxed: few listeners bound what one peer may have.
    peer: Option<Box<PeerPlace>>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCapacity {
    /// The node has as many connections as it may have.
    Node,
    /// The listener has.
    Listener,
    /// The peer has.
    Peer,
    /// The peer connects too often.
    PeerRate,
    /// Only trusted proxies have places on this listener, and the peer is none.
    Outsider,
}

/// The places that a listener hands out.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Connections of all listeners.
    pub node: Places,
    /// Connections of this listener.
    pub listener: Places,
    peers: Peers,
    arrivals: Arrivals,
    /// Connections of this listener that have not logged in.
    pub strangers: Strangers,
}

/// How many places there are.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// `network.max_connections`.
    pub node: u32,
    /// `max_connections` of the listener.
    pub listener: Option<u32>,
    /// `limits.per_ip`.
    pub peer: Option<u32>,
    /// `limits.per_ip_rate`.
    pub peer_rate: Option<Rate>,
}

impl Counters {
    /// Counters of a listener that shares `node` with all others.
    pub fn new(node: Places) -> Self {
        Self {
            node,
            ..Self::default()
        }
    }

    /// Waits until the node and the listener have room for one more.
    pub(super) async fn room(&self, capacity: Capacity) {
        self.listener
            .room(capacity.listener.unwrap_or(u32::MAX))
            .await;
        self.node.room(capacity.node).await;
    }

    /// Takes one place of each sort, or none. Loopback is exempt from the bounds per peer.
    ///
    /// # Errors
    /// Which bound is reached.
    pub fn take(&self, address: IpAddr, capacity: Capacity) -> Result<Permits, AtCapacity> {
        let mut permits = self.take_unnamed(capacity)?;
        if !address.to_canonical().is_loopback() {
            self.name(&mut permits, address, capacity)?;
        }
        Ok(permits)
    }

    /// Takes a place of the node and of the listener, or none, for somebody who is not known yet or
    /// exempt from the bounds per peer.
    ///
    /// # Errors
    /// Which bound is reached.
    pub(crate) fn take_unnamed(&self, capacity: Capacity) -> Result<Permits, AtCapacity> {
        let node = self.node.take(capacity.node).ok_or(AtCapacity::Node)?;
        let listener = self.listener.take(capacity.listener.unwrap_or(u32::MAX));
        Ok(Permits {
            _node: node,
            _listener: listener.ok_or(AtCapacity::Listener)?,
            peer: None,
        })
    }

    /// Counts a connection for this peer, loopback as any other.
    ///
    /// # Errors
    /// Which bound is reached.
    pub(crate) fn name(
        &self,
        permits: &mut Permits,
        address: IpAddr,
        capacity: Capacity,
    ) -> Result<(), AtCapacity> {
        let place = match capacity.peer {
            Some(limit) => Some(self.peers.take(address, limit).ok_or(AtCapacity::Peer)?),
            None => None,
        };
        if let Some(rate) = capacity.peer_rate
            && !self.arrivals.admit(address, rate, Instant::now())
        {
            return Err(AtCapacity::PeerRate);
        }
        // Only now: a refusal leaves the connection with what it had.
        if let Some(place) = place {
            permits.peer = Some(Box::new(place));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOTE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn capacity(node: u32, listener: Option<u32>, peer: Option<u32>) -> Capacity {
        Capacity {
            node,
            listener,
            peer,
            peer_rate: None,
        }
    }

    #[test]
    fn places_come_back_on_drop() {
        let counters = Counters::default();
        let first = counters.take(REMOTE, capacity(1, None, None)).unwrap();
        assert_eq!(
            counters.take(REMOTE, capacity(1, None, None)).unwrap_err(),
            AtCapacity::Node
        );
        drop(first);
        assert!(counters.take(REMOTE, capacity(1, None, None)).is_ok());
    }

    #[test]
    fn a_refusal_keeps_nothing() {
        let counters = Counters::default();
        let _first = counters.take(REMOTE, capacity(9, None, Some(1))).unwrap();
        assert_eq!(
            counters
                .take(REMOTE, capacity(9, None, Some(1)))
                .unwrap_err(),
            AtCapacity::Peer
        );
        assert_eq!((counters.node.taken(), counters.listener.taken()), (1, 1));
        let other = "192.0.2.2".parse().unwrap();
        assert!(counters.take(other, capacity(9, None, Some(1))).is_ok());
    }

    #[test]
    fn who_is_named_by_a_proxy_counts_even_as_loopback() {
        let (counters, bounds) = (Counters::default(), capacity(9, None, Some(1)));
        let loopback = "127.0.0.1".parse().unwrap();
        let mut one = counters.take_unnamed(bounds).unwrap();
        let mut two = counters.take_unnamed(bounds).unwrap();
        counters.name(&mut one, loopback, bounds).unwrap();
        let refused = counters.name(&mut two, loopback, bounds);
        assert_eq!(refused.unwrap_err(), AtCapacity::Peer);
        drop(one);
        counters.name(&mut two, loopback, bounds).unwrap();
    }

    #[test]
    fn the_node_counts_all_listeners() {
        let node = Places::default();
        let (one, two) = (Counters::new(node.clone()), Counters::new(node));
        let _held = one.take(REMOTE, capacity(1, Some(5), None)).unwrap();
        assert_eq!(
            two.take(REMOTE, capacity(1, Some(5), None)).unwrap_err(),
            AtCapacity::Node
        );
    }

    #[test]
    fn an_ipv6_network_is_one_peer() {
        let one = network("2001:db8:1:2::1".parse().unwrap());
        assert_eq!(one, network("2001:db8:1:2:ffff::9".parse().unwrap()));
        assert_ne!(one, network("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), REMOTE);
    }
}
