//! `session` and `from session`: a kind, an address, and what is known beside them.

use super::moment::parse_span;
use super::statements::{ip, jid};
use super::words::words;
use super::{Context, mistake};
use crate::address::split;
use crate::facts::OriginKind;
use crate::refusal::Refusal;
use crate::world::Session;

/// Adds the session that the words describe and answers with its name.
pub(super) fn add_session(context: &mut Context, value: &str) -> Result<String, Refusal> {
    let words = words(value)?;
    let mut words = words.iter().map(String::as_str);
    let kind = words.next().unwrap_or_default();
    if kind == "server" {
        return match words.next() {
            None => Ok(String::new()),
            Some(word) => Err(
                mistake(format!("nothing may stand behind `server`: {word}"))
                    .help("write `from session: server`"),
            ),
        };
    }
    let Some(address) = words.next() else {
        return Err(mistake("a session has a kind and an address"));
    };
    let (name, mut session) = bare_session(context, kind, address)?;
    while let Some(word) = words.next() {
        let Some(value) = words.next() else {
            return Err(mistake(format!("`{word}` has no value behind it")));
        };
        match word {
            "ip" => session.ip = Some(ip(value)?),
            "to" => session.host = Some(jid(value)?),
            "directed" => {
                session.directed.insert(jid(value)?);
            }
            "marked" => {
                let age = words.clone().next().and_then(|age| parse_span(age).ok());
                if age.is_some() {
                    words.next();
                }
                let at = context.ago(age.unwrap_or_default());
                session.marks.insert(value.to_owned(), at);
            }
            other => {
                return Err(mistake(format!("unknown word in a session: {other}")).help(
                    "behind the address may stand ip, to, directed and marked, each with its value",
                ));
            }
        }
    }
    context.world.sessions.insert(name.clone(), session);
    Ok(name)
}

fn bare_session(
    context: &mut Context,
    kind: &str,
    address: &str,
) -> Result<(String, Session), Refusal> {
    let address = jid(address)?;
    let parts = split(&address);
    let is_full = parts.is_some_and(|parts| parts.node.is_some() && parts.resource.is_some());
    let host = parts.map(|parts| parts.host.to_owned()).unwrap_or_default();
    let kind = match kind {
        "c2s" => OriginKind::Client,
        "c2s_unauthed" => OriginKind::ClientUnauthenticated,
        "s2s" | "s2sin" => OriginKind::ServerInbound,
        "s2sin_unauthed" => OriginKind::ServerInboundUnauthenticated,
        "s2sout" => OriginKind::ServerOutbound,
        "component" => OriginKind::Component,
        other => {
            return Err(mistake(format!("unknown kind of session: {other}"))
                .help("the kinds are c2s, s2s (or s2sin), s2sout, component and server"));
        }
    };
    let mut session = Session::of_kind(kind);
    match kind {
        OriginKind::Client if !is_full => {
            return Err(mistake(format!("{address} is no full JID"))
                .help("a client has one, as in `c2s juliet@example.com/balcony`"));
        }
        OriginKind::Client if !context.world.hosts.contains(&host) => {
            return Err(mistake(format!("{host} is no local host")).help(format!(
                "write `host: {host}` above, or `s2s {host}` for a remote server"
            )));
        }
        OriginKind::Client => {
            session.host = Some(host);
            session.full_jid = Some(address.clone());
        }
        OriginKind::Component => {
            context.world.hosts.insert(host.clone());
            session.host = Some(host);
        }
        OriginKind::ClientUnauthenticated => session.host = Some(host),
        _ => {
            session.host = Some(context.host.clone());
            session.from_host = Some(host);
        }
    }
    Ok((address, session))
}
