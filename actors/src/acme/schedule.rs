//! When a host is ordered for: at once without a certificate, in time before its end, and after failures ever later.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use portcullis_config::AcmeConfig;

use super::kept::KeptCertificate;
use super::order::Failure;
use crate::backoff::Backoff;

/// The longest wait after a failure, unless the authority asks for a longer one.
const MAX_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

/// Bytes of an error that are kept.
const MAX_ERROR: usize = 1000;

/// A host that is ordered for.
#[derive(Clone, Debug)]
pub(super) struct HostState {
    /// The certificate at hand.
    pub(super) kept: Option<KeptCertificate>,
    /// When it is ordered for next.
    pub(super) due: Timestamp,
    /// Failures in a row.
    pub(super) failures: usize,
    /// Since the start.
    pub(super) issued: u64,
    pub(super) failed: u64,
    /// Why the last order failed, or the certificate at hand can not be used.
    pub(super) last_error: Option<String>,
    backoff: Backoff,
}

impl HostState {
    /// A host with what is at hand. `random` is as for [`renewal`].
    pub(super) fn new(
        kept: Result<Option<KeptCertificate>, String>,
        config: &AcmeConfig,
        random: u32,
    ) -> Self {
        let (kept, last_error) = match kept {
            Ok(kept) => (kept, None),
            Err(reason) => (None, Some(shortened(reason))),
        };
        Self {
            due: due(kept.as_ref(), config, random),
            kept,
            failures: 0,
            issued: 0,
            failed: 0,
            last_error,
            backoff: Backoff::new(config.retry, MAX_WAIT),
        }
    }

    /// Follows other settings: begins anew, but for the counts.
    pub(super) fn renewed(self, before: &Self) -> Self {
        Self {
            issued: before.issued,
            failed: before.failed,
            ..self
        }
    }

    /// Notes a new certificate. One that is to be renewed already, as by a clock that is wrong, is waited
    /// with as with a failure: the authority is not asked without a pause.
    pub(super) fn succeeded(
        &mut self,
        kept: KeptCertificate,
        config: &AcmeConfig,
        now: SystemTime,
        random: u32,
    ) {
        self.due = due(Some(&kept), config, random);
        if Timestamp::try_from(now).is_ok_and(|now| self.due <= now) {
            self.wait(now, random);
        } else {
            self.backoff.reset();
        }
        self.kept = Some(kept);
        self.failures = 0;
        self.issued += 1;
        self.last_error = None;
    }

    /// Puts the next order off, longer each time.
    fn wait(&mut self, now: SystemTime, random: u32) -> SystemTime {
        let wait = self.backoff.delay(random);
        let later = now.checked_add(wait).unwrap_or(now);
        self.due = Timestamp::try_from(later).unwrap_or(Timestamp::MAX);
        later
    }

    /// Notes a failure.
    pub(super) fn failed(&mut self, failure: Failure, now: SystemTime, random: u32) {
        let later = self.wait(now, random);
        let later = failure.retry_after.map_or(later, |after| after.max(later));
        self.due = Timestamp::try_from(later).unwrap_or(Timestamp::MAX);
        self.failures += 1;
        self.failed += 1;
        self.last_error = Some(shortened(failure.reason));
    }
}

/// When to order, by what is at hand: at once where that is nothing, or of another authority.
fn due(kept: Option<&KeptCertificate>, config: &AcmeConfig, random: u32) -> Timestamp {
    let kept = kept.filter(|kept| kept.directory == config.directory);
    let at = kept.map(|kept| renewal(kept, config.renew_before, random));
    at.and_then(|at| Timestamp::from_second(at).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// When a certificate is renewed, in seconds since 1970. `random` picks the place within the tenth of the time before
/// its end that may be waited.
fn renewal(kept: &KeptCertificate, before: Option<Duration>, random: u32) -> i64 {
    let validity = kept.validity;
    let lifetime = validity
        .not_after
        .saturating_sub(validity.not_before)
        .max(0);
    let before = before.map_or(lifetime / 3, |before| {
        i64::try_from(before.as_secs()).unwrap_or(i64::MAX)
    });
    let jitter = before / 10 * i64::from(random) / i64::from(u32::MAX);
    let at = validity.not_after.saturating_sub(before) + jitter;
    at.max(validity.not_before.saturating_add(lifetime / 3))
}

fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(MAX_ERROR));
    reason
}

#[cfg(test)]
mod tests {
    use portcullis_config::AcmeChallenge;

    use super::*;
    use crate::tls::ordered::Validity;

    const DAY: i64 = 24 * 60 * 60;

    fn config(renew_before: Option<Duration>) -> AcmeConfig {
        AcmeConfig {
            directory: "https://a.example/dir".to_owned(),
            contact: Vec::new(),
            challenges: vec![AcmeChallenge::Http01],
            renew_before,
            retry: Duration::from_secs(300),
            ca_file: None,
        }
    }

    fn kept(directory: &str) -> KeptCertificate {
        KeptCertificate {
            validity: Validity {
                not_before: 1000 * DAY,
                not_after: 1090 * DAY,
            },
            directory: directory.to_owned(),
        }
    }

    fn failure(retry_after: Option<SystemTime>) -> Failure {
        Failure {
            reason: "no".to_owned(),
            retry_after,
        }
    }

    #[test]
    fn a_certificate_is_renewed_a_third_of_its_lifetime_before_its_end() {
        let kept = kept("");
        assert_eq!(renewal(&kept, None, 0), 1060 * DAY);
        assert_eq!(renewal(&kept, None, u32::MAX), 1063 * DAY);
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
        assert_eq!(renewal(&kept, days(20), 0), 1070 * DAY);
        assert_eq!(
            renewal(&kept, days(365), 0),
            1030 * DAY,
            "not for ever anew"
        );
    }

    #[test]
    fn an_order_is_due_at_once_without_a_certificate_of_this_authority() {
        let config = config(None);
        for kept in [
            Ok(None),
            Err("broken".to_owned()),
            Ok(Some(kept("https://b.example/dir"))),
        ] {
            assert_eq!(HostState::new(kept, &config, 0).due, Timestamp::UNIX_EPOCH);
        }
        let host = HostState::new(Ok(Some(kept("https://a.example/dir"))), &config, 0);
        assert_eq!(host.due.as_second(), 1060 * DAY);
    }

    #[test]
    fn failures_are_waited_out_ever_longer_and_as_the_authority_asks() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut host = HostState::new(Ok(None), &config(None), 0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            host.failed(failure(None), now, u32::MAX);
            waits.push((host.due.as_second() - 1_000_000) / 60);
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 360, 360]);
        assert_eq!((host.failures, host.last_error.as_deref()), (9, Some("no")));
        let later = now + Duration::from_secs(10 * 60 * 60);
        host.failed(failure(Some(later)), now, 0);
        assert_eq!(host.due.as_second(), 1_000_000 + 10 * 60 * 60);
        host.succeeded(kept("https://a.example/dir"), &config(None), now, 0);
        assert_eq!((host.failures, host.last_error.as_deref()), (0, None));
        host.failed(failure(Some(now)), now, u32::MAX);
        assert_eq!(host.due.as_second(), 1_000_000 + 300, "begins anew");
    }

    /// By a clock that is years ahead, or an authority whose certificates end at once.
    #[test]
    fn a_certificate_that_is_due_at_once_is_not_ordered_without_a_pause() {
        let now = u64::try_from(2000 * DAY).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        let mut host = HostState::new(Ok(None), &config(None), 0);
        let mut waits = Vec::new();
        for _ in 0..4 {
            host.succeeded(kept("https://a.example/dir"), &config(None), now, u32::MAX);
            waits.push((host.due.as_second() - 2000 * DAY) / 60);
        }
        assert_eq!(waits, [5, 10, 20, 40]);
    }
}
