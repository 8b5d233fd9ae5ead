//! Every kind of work against the relay, within one process: the counts and the log-in are right.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use portcullis_bench::chat::{self, Chat};
use portcullis_bench::client::{Mechanism, Security, Target};
use portcullis_bench::idle::{self, Idle};
use portcullis_bench::presence::{self, Presence};
use portcullis_bench::relay::Relay;
use portcullis_bench::report::Report;
use portcullis_bench::storm::{self, Storm};
use portcullis_bench::transport;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

/// Runs `work` with a relay that listens in plain and over TLS.
fn with_relay<F: Future<Output = anyhow::Result<Report>>>(
    fan_out: bool,
    security: Security,
    work: impl FnOnce(Rc<Target>) -> F,
) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = certified.signing_key.serialize_der().try_into().unwrap();
        let tls = transport::acceptor(vec![certified.cert.der().clone()], key).unwrap();
        let relay = Rc::new(Relay::new(fan_out, Some(tls)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Rc::new(target(listener.local_addr().unwrap(), security));
        tokio::task::spawn_local(relay.listen(listener, security == Security::Direct));
        work(target).await.unwrap()
    })
}

fn target(address: SocketAddr, security: Security) -> Target {
    Target {
        address,
        domain: "localhost".into(),
        security,
        mechanism: Mechanism::None,
        tls: Some(transport::connector(security == Security::Direct).unwrap()),
        presence: true,
        timeout: Duration::from_secs(20),
        sources: 0,
        turn: std::cell::Cell::new(0),
    }
}

fn short_chat(window: usize, rate: Option<f64>) -> Chat {
    Chat {
        pairs: 3,
        window,
        body: 100,
        rate,
        seconds: 0.2,
        warm_up: 0.05,
    }
}

async fn talk(target: Rc<Target>, chat: Chat) -> anyhow::Result<Report> {
    chat::run(target, &chat, Some(std::process::id())).await
}

#[test]
fn pairs_talk_in_closed_loop() {
    let report = with_relay(false, Security::Plain, |target| {
        talk(target, short_chat(16, None))
    });
    assert!(report.count > 1000, "{}", report.line());
    assert!(report.cpu_us.unwrap() > 0.0 && report.p50_us.unwrap() <= report.p99_us.unwrap());
}

#[test]
fn pairs_talk_over_direct_tls() {
    let report = with_relay(false, Security::Direct, |target| {
        talk(target, short_chat(1, None))
    });
    assert!(report.count > 100, "{}", report.line());
    assert!(report.tls.unwrap().starts_with("TLSv1_3"));
}

#[test]
fn a_fixed_rate_is_kept() {
    let report = with_relay(false, Security::Plain, |target| {
        talk(target, short_chat(1, Some(500.0)))
    });
    assert!((50..=200).contains(&report.count), "{}", report.line());
}

#[test]
fn log_ins_use_starttls() {
    let storm = Storm {
        first: 0,
        logins: 20,
        users: 4,
        concurrent: 4,
    };
    let report = with_relay(false, Security::Starttls, |target| async move {
        storm::run(target, &storm, None).await
    });
    assert_eq!(report.count, 20);
    assert!(report.tls.is_some() && report.cpu_us.is_none());
}

#[test]
fn presence_reaches_every_subscriber() {
    let presence = Presence {
        subscribers: 5,
        seconds: 0.2,
        warm_up: 0.05,
    };
    let report = with_relay(true, Security::Plain, |target| async move {
        presence::run(target, &presence, None).await
    });
    assert!(report.count > 100, "{}", report.line());
}

#[test]
fn idle_sessions_are_weighed() {
    let idle = Idle {
        sessions: 20,
        first: 2,
        settle: 0.0,
    };
    let pid = Some(std::process::id());
    let report = with_relay(false, Security::Plain, |target| async move {
        idle::run(target, &idle, pid).await
    });
    assert!(report.kib_per_session.is_some());
}
