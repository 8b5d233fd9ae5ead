//! What a process has used, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

/// `sysconf(_SC_CLK_TCK)` is 100 wherever Linux runs; the kernel scales the two fields so that their sum is exact.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process at one moment.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// User and system time of all threads, those that have ended included.
    pub total: Duration,
    /// The same per living thread, by thread id.
    pub threads: BTreeMap<u32, ThreadUsage>,
}

/// CPU time of one thread.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ThreadUsage {
    /// The thread's name, at most 15 bytes.
    pub name: String,
    /// User and system time, in seconds.
    pub seconds: f64,
}

/// Reads the CPU time of process `pid`.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let total = parse_stat(&stat)
        .ok_or_else(|| io::Error::other("unreadable /proc/PID/stat"))?
        .1;
    Ok(Usage {
        total,
        threads: threads(pid)?,
    })
}

fn threads(pid: u32) -> io::Result<BTreeMap<u32, ThreadUsage>> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = entry?.path();
        let Some(tid) = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok())
        else {
            continue;
        };
        // A thread may end while we look.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else {
            continue;
        };
        let Some((name, ticks)) = parse_stat(&stat) else {
            continue;
        };
        let exact = fs::read_to_string(path.join("schedstat")).ok();
        let time = exact.as_deref().and_then(parse_schedstat).unwrap_or(ticks);
        threads.insert(
            tid,
            ThreadUsage {
                name: name.to_owned(),
                seconds: time.as_secs_f64(),
            },
        );
    }
    Ok(threads)
}

impl Usage {
    /// What was used from `earlier` until now; threads that used under a millisecond are left out.
    pub fn since(&self, earlier: &Self) -> Self {
        let spent = |tid: &u32, thread: &ThreadUsage| {
            let before = earlier
                .threads
                .get(tid)
                .map_or(0.0, |thread| thread.seconds);
            ThreadUsage {
                name: thread.name.clone(),
                seconds: thread.seconds - before,
            }
        };
        let threads = self
            .threads
            .iter()
            .map(|(tid, thread)| (*tid, spent(tid, thread)));
        Self {
            total: self.total.saturating_sub(earlier.total),
            threads: threads
                .filter(|(_, thread)| thread.seconds >= 0.001)
                .collect(),
        }
    }

    /// The best figure for the process: the exact times of its threads, or the ticks of the process where threads ended.
    pub fn seconds(&self) -> f64 {
        let threads: f64 = self.threads.values().map(|thread| thread.seconds).sum();
        let total = self.total.as_secs_f64();
        if (threads - total).abs() <= 2.0 * TICK.as_secs_f64() {
            threads
        } else {
            total
        }
    }
}

/// Name and CPU time from a `stat` line; the name may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<(&str, Duration)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    let mut fields = tail.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((name, TICK * (user + system)))
}

fn parse_schedstat(text: &str) -> Option<Duration> {
    text.split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

/// CPU time that all processes of the machine have used together, in seconds.
pub fn machine_seconds() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    parse_machine(&stat).ok_or_else(|| io::Error::other("unreadable /proc/stat"))
}

/// The first line holds user, nice, system, idle, iowait, irq, softirq and steal.
fn parse_machine(stat: &str) -> Option<f64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = fields
        .split_ascii_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let busy: u64 = fields.get(..3)?.iter().sum::<u64>() + fields.get(5..7)?.iter().sum::<u64>();
    Some(busy as f64 * TICK.as_secs_f64())
}

/// Resident memory of process `pid` in KiB, from `smaps_rollup` or, where that is missing, from `status`.
pub fn resident_kib(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .or_else(|_| fs::read_to_string(format!("/proc/{pid}/status")))?;
    parse_resident(&text).ok_or_else(|| io::Error::other("no resident size in /proc"))
}

fn parse_resident(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:").or(line.strip_prefix("VmRSS:")))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let line = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 100 1000 10";
        let (name, time) = parse_stat(line).unwrap();
        assert_eq!((name, time), ("a) b (c)", Duration::from_secs(2)));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn resident_size_is_read_from_either_file() {
        assert_eq!(
            parse_resident("5590-7ffd ---p [rollup]\nRss:    1234 kB\nPss: 5 kB\n"),
            Some(1234)
        );
        assert_eq!(parse_resident("VmSize: 9 kB\nVmRSS:\t  77 kB\n"), Some(77));
    }

    #[test]
    fn the_machine_is_busy_with_all_but_idling() {
        let stat = "cpu  100 20 30 4000 500 6 4 9 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(parse_machine(stat), Some(1.6));
        assert!(machine_seconds().unwrap() > 0.0);
    }

    #[test]
    fn our_own_usage_grows() {
        let pid = std::process::id();
        let before = usage(pid).unwrap();
        let mut sum = 0u64;
        while usage(pid).unwrap().since(&before).seconds() < 0.03 {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert!(resident_kib(pid).unwrap() > 100, "{sum}");
    }
}
