//! How fast a client may send: a token bucket in bytes that pauses the reader.
//!
//! A session without a bound has none and pays one comparison for each read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis_config::Traffic;
use tokio::time::Instant;
use xmpp::jid::FullJid;

use crate::listener::ListenerPolicy;

/// Bytes worth waking up for, unless the bucket holds less.
const LEAST: usize = 64;
/// Wake-ups in a second while a client is held back.
const STEPS: usize = 10;

/// What one client may send; `None` within it: as it likes.
#[derive(Debug, Default)]
pub(super) struct Throttle(Option<Box<Bucket>>);

#[derive(Debug)]
struct Bucket {
    per_second: usize,
    burst: usize,
    tokens: usize,
    at: Instant,
}

impl Throttle {
    /// A full bucket, if there is a bound.
    pub(super) fn new(traffic: Option<&Traffic>) -> Self {
        let mut throttle = Self::default();
        throttle.follow(traffic);
        throttle
    }

    /// Takes over what the settings say now for the user, or for a stranger. What was spent stays
    /// spent.
    pub(super) fn follow_for(&mut self, policy: &ListenerPolicy, user: Option<&FullJid>) {
        let config = policy.load();
        let traffic = config.limits.traffic.as_ref();
        let spares = |traffic: &&Traffic| user.is_some_and(|user| traffic.spares(&user.to_bare()));
        self.follow(traffic.filter(|traffic| !spares(traffic)));
    }

    fn follow(&mut self, traffic: Option<&Traffic>) {
        let Some(traffic) = traffic else {
            self.0 = None;
            return;
        };
        let (per_second, burst) = (traffic.per_second, traffic.burst);
        match &mut self.0 {
            Some(bucket) => {
                bucket.refill(Instant::now());
                (bucket.per_second, bucket.burst) = (per_second, burst);
                bucket.tokens = bucket.tokens.min(burst);
            }
            None => {
                self.0 = Some(Box::new(Bucket {
                    per_second,
                    burst,
                    tokens: burst,
                    at: Instant::now(),
                }));
            }
        }
    }

    /// Bytes that may be read now. Waits until there are some.
    pub(super) async fn allowance(&mut self, policy: &ListenerPolicy) -> usize {
        let Some(bucket) = &mut self.0 else {
            return usize::MAX;
        };
        bucket.refill(Instant::now());
        let wait = bucket.wait();
        if !wait.is_zero() {
            policy.throttled.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(wait).await;
            bucket.refill(Instant::now());
        }
        bucket.tokens.max(1)
    }

    /// Whether there is a bound at all.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// These bytes were read. A single blank, by which clients keep connections alive, is free.
    pub(super) fn spend(&mut self, bytes: &[u8]) {
        if let Some(bucket) = &mut self.0
            && !matches!(bytes, [blank] if blank.is_ascii_whitespace())
        {
            // The allowance may have waited for these bytes since long ago.
            bucket.refill(Instant::now());
            bucket.tokens = bucket.tokens.saturating_sub(bytes.len());
        }
    }
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        let gained = elapsed.saturating_mul(self.per_second as u128) / 1_000_000_000;
        let gained = usize::try_from(gained).unwrap_or(usize::MAX);
        // The part of a byte that is left over counts with the next refill.
        if gained > 0 {
            let spent = (gained as u128 * 1_000_000_000).div_ceil(self.per_second.max(1) as u128);
            let spent =
                u64::try_from(spent).map_or(now, |nanos| self.at + Duration::from_nanos(nanos));
            self.at = spent.min(now);
            self.tokens = self.tokens.saturating_add(gained).min(self.burst);
        }
    }

    /// How long until enough is there for a read; zero when it is.
    fn wait(&self) -> Duration {
        let wanted = (self.per_second / STEPS).max(LEAST).min(self.burst);
        let missing = wanted.saturating_sub(self.tokens);
        let nanos = (missing as u128 * 1_000_000_000).div_ceil(self.per_second.max(1) as u128);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portcullis_config::Sources;

    use super::*;
    use crate::listener::Places;

    fn policy(set: &[&str]) -> Arc<ListenerPolicy> {
        let set = set.iter().map(ToString::to_string).collect();
        let sources = Sources {
            set,
            ..Sources::default()
        };
        let config = portcullis_config::load(&sources).unwrap().config;
        let listener = config.listeners.values().next().unwrap().clone();
        ListenerPolicy::new(listener, Places::default())
    }

    fn slow() -> Arc<ListenerPolicy> {
        policy(&[
            "network.limits.c2s.rate=2kb/s",
            "network.limits.c2s.burst=2s",
            "network.limits.unlimited=pager@localhost,archive.example",
        ])
    }

    /// When each of `count` stanzas of 2000 bytes has been read, in tenths of a second.
    async fn read(throttle: &mut Throttle, policy: &ListenerPolicy, count: usize) -> Vec<u128> {
        let (since, mut done) = (Instant::now(), 0);
        let mut times = Vec::new();
        while times.len() < count {
            let left = count * 2000 - done;
            let bytes = vec![b'x'; throttle.allowance(policy).await.min(left)];
            throttle.spend(&bytes);
            done += bytes.len();
            while times.len() < done / 2000 {
                times.push((since.elapsed().as_millis() + 50) / 100);
            }
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn two_come_at_once_and_then_one_each_second() {
        let policy = slow();
        let mut throttle = Throttle::new(policy.load().limits.traffic.as_ref());
        assert_eq!(
            read(&mut throttle, &policy, 5).await,
            [0, 0, 10, 20, 30],
            "tenths of a second"
        );
        assert!(policy.throttled.load(Ordering::Relaxed) > 0);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(read(&mut throttle, &policy, 3).await, [0, 0, 10]);
        // The time in which nothing comes counts once, also for a read that has begun before it.
        let allowed = throttle.allowance(&policy).await;
        tokio::time::advance(Duration::from_secs(9)).await;
        throttle.spend(&vec![b'x'; allowed]);
        let rest = throttle.allowance(&policy).await;
        assert_eq!(allowed + rest, 4000);
    }

    #[test]
    fn parts_of_a_byte_add_up() {
        let mut now = Instant::now();
        let mut bucket = Bucket {
            per_second: 1500,
            burst: 10_000,
            tokens: 0,
            at: now,
        };
        for _ in 0..1000 {
            now += Duration::from_millis(1);
            bucket.refill(now);
        }
        assert!((1499..=1500).contains(&bucket.tokens), "{}", bucket.tokens);
    }

    #[tokio::test(start_paused = true)]
    async fn a_blank_is_free_and_who_is_spared_is_spared() {
        let policy = slow();
        let mut throttle = Throttle::new(policy.load().limits.traffic.as_ref());
        for _ in 0..10_000 {
            throttle.spend(b" ");
        }
        assert_eq!(throttle.allowance(&policy).await, 4000);
        let user = |jid: &str| FullJid::new(jid).unwrap();
        throttle.follow_for(&policy, Some(&user("juliet@localhost/x")));
        assert!(throttle.is_on());
        throttle.follow_for(&policy, Some(&user("pager@localhost/x")));
        assert!(!throttle.is_on());
        let mut throttle = Throttle::new(policy.load().limits.traffic.as_ref());
        throttle.follow_for(&policy, Some(&user("a@archive.example/x")));
        assert_eq!(throttle.allowance(&policy).await, usize::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bound_comes_and_goes_while_the_session_lives() {
        let policy = policy(&[]);
        let mut throttle = Throttle::new(policy.load().limits.traffic.as_ref());
        assert!(!throttle.is_on());
        policy.store((**slow().load()).clone());
        throttle.follow_for(&policy, None);
        assert_eq!(throttle.allowance(&policy).await, 4000);
    }
}
