//! Measuring a window of time, and saying what came out.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::histogram::Histogram;
use crate::procfs::{self, ThreadUsage, Usage};

/// What the tasks of a run count into.
pub struct Meter {
    start: Instant,
    delivered: Cell<u64>,
    latencies: RefCell<Histogram>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            delivered: Cell::new(0),
            latencies: RefCell::default(),
        }
    }
}

impl Meter {
    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Counts deliveries that took `nanos` each.
    pub fn delivered(&self, nanos: u64, count: u64) {
        self.delivered.set(self.delivered.get() + count);
        self.latencies.borrow_mut().record(nanos, count);
    }

    /// Lets the run warm up, then measures for `seconds`.
    pub async fn measure(
        &self,
        pid: Option<u32>,
        warm_up: Duration,
        seconds: f64,
    ) -> Result<Window> {
        tokio::time::sleep(warm_up).await;
        self.latencies.borrow_mut().clear();
        let window = Window::open(pid, self.delivered.get())?;
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        window.close(pid, self.delivered.get())
    }

    /// The value in microseconds below which this share of the latencies of the window lies.
    pub fn quantile_us(&self, quantile: f64) -> Option<f64> {
        self.latencies.borrow().quantile_us(quantile)
    }
}

/// A measured stretch of time.
pub struct Window {
    opened: Instant,
    /// How long it was, in seconds; 0 while it is open.
    pub seconds: f64,
    /// What was delivered in it.
    pub delivered: u64,
    /// What the server used in it; at the moment of opening while it is open.
    pub usage: Usage,
    /// The same of this process.
    generator: Usage,
    /// CPU seconds of the whole machine, likewise.
    machine: f64,
}

impl Window {
    /// Begins now; `delivered` is the count so far.
    pub fn open(pid: Option<u32>, delivered: u64) -> Result<Self> {
        Ok(Self {
            usage: read(pid)?,
            generator: read(Some(std::process::id()))?,
            machine: procfs::machine_seconds()?,
            opened: Instant::now(),
            seconds: 0.0,
            delivered,
        })
    }

    /// Ends now.
    pub fn close(self, pid: Option<u32>, delivered: u64) -> Result<Self> {
        Ok(Self {
            seconds: self.opened.elapsed().as_secs_f64(),
            delivered: delivered - self.delivered,
            usage: read(pid)?.since(&self.usage),
            generator: read(Some(std::process::id()))?.since(&self.generator),
            machine: procfs::machine_seconds()? - self.machine,
            ..self
        })
    }

    fn load(&self, seconds: f64) -> f64 {
        seconds / self.seconds
    }
}

fn read(pid: Option<u32>) -> Result<Usage> {
    match pid {
        Some(pid) => {
            procfs::usage(pid).with_context(|| format!("reading the CPU time of process {pid}"))
        }
        None => Ok(Usage::default()),
    }
}

/// What a run says in the end. Fields that its kind of work does not have are absent.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `chat`, `login`, `presence` or `idle`.
    pub work: &'static str,
    /// Sessions that took part.
    pub sessions: usize,
    /// Length of the window in seconds.
    pub seconds: f64,
    /// Messages, presence deliveries or log-ins within it.
    pub count: u64,
    /// The same per second.
    pub per_second: f64,
    /// CPU time of the server in microseconds per message, delivery or log-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<f64>,
    /// CPU time of the server as a share of the window, 1 for a whole core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_load: Option<f64>,
    /// CPU time of the generator, likewise.
    pub generator_load: f64,
    /// CPU time of all other processes, likewise: near 0 on a quiet machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_load: Option<f64>,
    /// Half of the latencies were below this, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    /// 99 of 100 latencies were below this, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// Resident memory that a session added, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kib_per_session: Option<f64>,
    /// TLS version and suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The threads of the server that did something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<ThreadUsage>,
}

impl Report {
    /// Fills in what every kind of work has.
    pub fn new(work: &'static str, sessions: usize, window: &Window, pid: Option<u32>) -> Self {
        let cpu = window.usage.seconds();
        let generator = window.generator.seconds();
        let count = window.delivered;
        Self {
            work,
            sessions,
            seconds: window.seconds,
            count,
            per_second: count as f64 / window.seconds,
            cpu_us: pid.filter(|_| count > 0).map(|_| cpu * 1e6 / count as f64),
            server_load: pid.map(|_| cpu / window.seconds),
            generator_load: window.load(generator),
            other_load: pid.map(|_| window.load((window.machine - cpu - generator).max(0.0))),
            p50_us: None,
            p99_us: None,
            kib_per_session: None,
            tls: None,
            threads: window.usage.threads.values().cloned().collect(),
        }
    }

    /// Adds the latencies of the window.
    pub fn with_latencies(self, meter: &Meter) -> Self {
        Self {
            p50_us: meter.quantile_us(0.5),
            p99_us: meter.quantile_us(0.99),
            ..self
        }
    }

    /// The report in one line for people.
    pub fn line(&self) -> String {
        let mut line = format!(
            "{}: {} sessions, {} in {:.2} s",
            self.work, self.sessions, self.count, self.seconds
        );
        line += &format!(", {:.0}/s", self.per_second);
        let optional = [
            (self.cpu_us, " µs server CPU each"),
            (self.server_load, " server load"),
            (self.p50_us, " µs p50"),
            (self.p99_us, " µs p99"),
            (self.kib_per_session, " KiB/session"),
            (self.other_load, " load of others"),
        ];
        for (value, unit) in optional {
            if let Some(value) = value {
                line += &format!(", {value:.2}{unit}");
            }
        }
        line + &format!(", {:.2} generator load", self.generator_load)
    }
}
