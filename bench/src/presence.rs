//! One user whose presence goes out to many subscribers.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::client::{Client, Mechanism, Target, user};
use crate::crowd;
use crate::endpoint::Endpoint;
use crate::report::{Meter, Report};
use crate::scan;

/// How to broadcast.
#[derive(Debug, Clone, Args)]
pub struct Presence {
    /// Users subscribed to user 0; user 1 is the first of them.
    #[arg(long, default_value_t = 100)]
    pub subscribers: usize,
    /// Length of the measured window in seconds.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds before it that do not count.
    #[arg(long, default_value_t = 1.5)]
    pub warm_up: f64,
}

/// Counts one broadcast home.
struct Round {
    missing: Cell<usize>,
    sent: Cell<u64>,
    complete: Notify,
}

/// Subscribes everybody, then broadcasts again as soon as all have the last presence. A delivery counts, not a broadcast,
/// and what user 0 hears of itself does not.
pub async fn run(target: Rc<Target>, presence: &Presence, pid: Option<u32>) -> Result<Report> {
    ensure!(presence.subscribers > 0, "needs a subscriber");
    let mut clients = crowd::login(&target, 0..presence.subscribers + 1).await?;
    if target.mechanism != Mechanism::None {
        subscribe(&target, &mut clients).await?;
    }
    let mut endpoints = clients
        .into_iter()
        .map(|client| Rc::new(Endpoint::new(client.into_transport(), "</presence>")));
    let publisher = endpoints.next().context("nobody logged in")?;
    let meter = Rc::new(Meter::default());
    let round = Rc::new(Round {
        missing: Cell::new(0),
        sent: Cell::new(0),
        complete: Notify::new(),
    });
    let mut tasks = JoinSet::new();
    for endpoint in endpoints {
        tasks.spawn_local(listen(endpoint, round.clone(), meter.clone()));
    }
    tasks.spawn_local(drain(publisher.clone()));
    tasks.spawn_local(broadcast(
        publisher,
        round,
        meter.clone(),
        presence.subscribers,
    ));
    let window = tokio::select! {
        window = meter.measure(pid, Duration::from_secs_f64(presence.warm_up), presence.seconds) => window?,
        Some(ended) = tasks.join_next() => match ended? {
            Ok(()) => bail!("a session ended by itself"),
            Err(error) => return Err(error).context("a session failed"),
        },
    };
    ensure!(window.delivered > 0, "nothing was delivered");
    Ok(Report::new("presence", presence.subscribers + 1, &window, pid).with_latencies(&meter))
}

/// Brings every subscriber to the state `to` by the ordinary stanzas (RFC 6121 §3.1), one after the other.
async fn subscribe(target: &Target, clients: &mut [Client]) -> Result<()> {
    let publisher_jid = format!("{}@{}", user(0), target.domain);
    let (publisher, subscribers) = clients.split_first_mut().context("nobody logged in")?;
    for (index, client) in subscribers.iter_mut().enumerate() {
        client
            .send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
            .await?;
        let roster = client.answer("roster").await?;
        if is_subscribed(&roster, &publisher_jid) {
            continue;
        }
        client
            .send(&format!(
                "<presence type='subscribe' to='{publisher_jid}'/>"
            ))
            .await?;
        let from = format!("{}@{}", user(index + 1), target.domain);
        publisher
            .wait_for(|stanza| is_presence(stanza, "subscribe", &from))
            .await?;
        publisher
            .send(&format!("<presence type='subscribed' to='{from}'/>"))
            .await?;
        client
            .wait_for(|stanza| is_presence(stanza, "subscribed", &publisher_jid))
            .await?;
    }
    for client in clients {
        client.settle().await?;
    }
    Ok(())
}

fn is_presence(stanza: &str, kind: &str, from: &str) -> bool {
    stanza.starts_with("<presence")
        && scan::attribute(stanza, "type") == Some(kind)
        && scan::attribute(stanza, "from").and_then(|jid| jid.split('/').next()) == Some(from)
}

fn is_subscribed(roster: &str, jid: &str) -> bool {
    roster
        .match_indices("<item")
        .filter_map(|(at, _)| roster.get(at..))
        .any(|item| {
            scan::attribute(item, "jid") == Some(jid)
                && matches!(scan::attribute(item, "subscription"), Some("to" | "both"))
        })
}

async fn listen(endpoint: Rc<Endpoint>, round: Rc<Round>, meter: Rc<Meter>) -> io::Result<()> {
    loop {
        let count = endpoint.receive().await?;
        if count == 0 {
            continue;
        }
        meter.delivered(meter.now() - round.sent.get(), count as u64);
        let missing = round.missing.get().checked_sub(count);
        round
            .missing
            .set(missing.ok_or_else(|| io::Error::other("more presence arrived than was sent"))?);
        if round.missing.get() == 0 {
            round.complete.notify_one();
        }
    }
}

async fn drain(endpoint: Rc<Endpoint>) -> io::Result<()> {
    loop {
        endpoint.receive().await?;
    }
}

async fn broadcast(
    publisher: Rc<Endpoint>,
    round: Rc<Round>,
    meter: Rc<Meter>,
    subscribers: usize,
) -> io::Result<()> {
    for turn in 0u64.. {
        round.missing.set(subscribers);
        round.sent.set(meter.now());
        let presence =
            format!("<presence><show>away</show><status>round {turn}</status></presence>");
        publisher.send(presence.as_bytes()).await?;
        round.complete.notified().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscription_states_are_read_from_the_roster() {
        let roster = "<iq><query><item jid='a@h' subscription='none'/><item subscription=\"to\" jid=\"b@h\"/></query></iq>";
        assert!(!is_subscribed(roster, "a@h"));
        assert!(is_subscribed(roster, "b@h"));
        assert!(!is_subscribed(roster, "c@h"));
    }

    #[test]
    fn a_presence_is_known_by_type_and_bare_sender() {
        let stanza = "<presence from='a@h/r' type='subscribed' to='b@h'/>";
        assert!(is_presence(stanza, "subscribed", "a@h"));
        assert!(!is_presence(stanza, "subscribe", "a@h"));
        assert!(!is_presence(stanza, "subscribed", "b@h"));
    }
}
