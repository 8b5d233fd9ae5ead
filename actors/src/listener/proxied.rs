//! Connections of proxies: who the client is, is said in a header before anything else (PROXY
//! protocol, versions 1 and 2).
//!
//! The header is looked at in the kernel's queue and taken out alone, so that whoever serves the
//! connection, TLS included, finds it as if the client had made it.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use portcullis_config::ListenerConfig;
use proxy_header::{MAX_LENGTH, Mistake, Parsed, parse};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::accept::{capacity, refuse};
use super::service::{self, Accepted};
use super::{ListenerPolicy, Shared, peek};
use crate::core::Core;

/// What a peer is to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It speaks for itself.
    Client,
    /// Its header is believed.
    Proxy,
    /// It is no proxy, and others are not served.
    Outsider,
}

pub(super) fn standing(config: &ListenerConfig, peer: SocketAddr) -> Standing {
    match &config.proxy_protocol {
        Some(proxy) if proxy.trusts(peer.ip()) => Standing::Proxy,
        Some(proxy) if proxy.required => Standing::Outsider,
        _ => Standing::Client,
    }
}

/// Why the connection of a proxy is closed.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error("no header of the PROXY protocol came within timeouts.detect")]
    Late,
    #[error("there is no header of the PROXY protocol, and proxy_protocol.mode is \"require\"")]
    Missing,
    #[error("the header of the PROXY protocol is refused: {0}")]
    Wrong(#[from] Mistake),
    #[error("it ended before the header of the PROXY protocol did: {0}")]
    Socket(#[from] io::Error),
}

/// Waits for the header within `timeouts.detect`, holding its places, and has the connection served as
/// that of the client. A proxy that speaks for itself is exempt from the bounds per peer.
pub(super) async fn introduce(
    core: Arc<Core>,
    policy: Arc<ListenerPolicy>,
    shared: Rc<Shared>,
    accepted: Accepted,
) {
    let proxy = accepted.peer;
    match hear(&policy, accepted).await {
        Ok((mut accepted, client)) => {
            if let Some(client) = client {
                let bounds = capacity(&core, &policy);
                let permits = &mut accepted.permits;
                if let Err(bound) = policy.counters.name(permits, client.ip(), bounds) {
                    return refuse(&policy, &shared, accepted.stream, client, bound);
                }
                tracing::debug!(%proxy, %client, "a proxy named its client");
                accepted.peer = client;
            }
            shared.report.lock().accepted += 1;
            service::start(&core, &policy, accepted);
        }
        Err(error) => {
            shared.report.lock().refused += 1;
            let listener = &policy.load().name;
            match error {
                // Whoever only looks whether somebody listens does so.
                Unheard::Socket(_) => {
                    tracing::debug!(%listener, %proxy, "connection of a proxy closed: {error}");
                }
                _ => tracing::warn!(%listener, %proxy, "connection of a proxy closed: {error}"),
            }
        }
    }
}

/// The connection without its header, and the client if the header names one.
async fn hear(
    policy: &ListenerPolicy,
    accepted: Accepted,
) -> Result<(Accepted, Option<SocketAddr>), Unheard> {
    let (patience, is_required) = {
        let config = policy.load();
        let proxy = config.proxy_protocol.as_ref();
        let is_required = proxy.is_some_and(|proxy| proxy.required);
        (config.timeouts.detect, is_required)
    };
    let stream = TcpStream::from_std(accepted.stream)?;
    let heard = timeout_at(accepted.since + patience, client(&stream, is_required));
    match heard.await.unwrap_or(Err(Unheard::Late)) {
        Ok(client) => {
            let stream = stream.into_std()?;
            Ok((Accepted { stream, ..accepted }, client))
        }
        Err(error) => {
            // What is left unread would make a reset of the close.
            let _queued = stream.try_read(&mut [0; MAX_LENGTH]);
            Err(error)
        }
    }
}

/// Reads the header and no byte behind it; where none is required, there may be none.
async fn client(stream: &TcpStream, is_required: bool) -> Result<Option<SocketAddr>, Unheard> {
    let parsed = peek::until(stream, MAX_LENGTH, |bytes| match parse(bytes) {
        Parsed::Incomplete => None,
        parsed => Some(parsed),
    });
    match parsed.await? {
        Parsed::Header(header) => {
            peek::take(stream, header.length)?;
            Ok(header.source)
        }
        Parsed::Wrong(mistake) => Err(mistake.into()),
        Parsed::Absent if !is_required => Ok(None),
        Parsed::Absent | Parsed::Incomplete => Err(Unheard::Missing),
    }
}
