//! The handshake of WebSocket (RFC 6455 §4.2) with the subprotocol of XMPP (RFC 7395 §3.1).

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use sha1::{Digest as _, Sha1};
use xmpp::websocket::SUBPROTOCOL;

use super::client::Client;
use super::connection::Visit;
use super::reply::{self, Reply};
use super::websocket;
use crate::listener::capacity;

/// What makes an answer of a key (RFC 6455 §1.3).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Answers the handshake, and has a session begin behind it.
pub(super) fn upgrade(visit: &Rc<Visit>, client: Client, request: Request<Incoming>) -> Reply {
    let config = visit.core.config().clone();
    if !config.http.websocket {
        return reply::text(
            StatusCode::NOT_FOUND,
            "http.websocket is false on this node\n",
        );
    }
    if !reply::is_allowed(request.headers(), &config.http.origins) {
        return reply::text(StatusCode::FORBIDDEN, "pages of this origin may not\n");
    }
    let key = match key(&request) {
        Ok(key) => key,
        Err(wrong) => return wrong.reply(),
    };
    let Some(mut holdings) = visit.holdings.take() else {
        return reply::text(
            StatusCode::BAD_REQUEST,
            "this connection is a session's already\n",
        );
    };
    if client.is_named {
        let bounds = capacity(&visit.core, &visit.policy);
        let address = client.address.ip();
        let counters = &visit.policy.counters;
        if counters
            .name(&mut holdings.permits, address, bounds)
            .is_err()
        {
            visit.holdings.replace(Some(holdings));
            return busy();
        }
    }
    let (visit, upgrading) = (Rc::clone(visit), hyper::upgrade::on(request));
    actix_rt::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => websocket::begin(&visit, client, holdings, upgraded).await,
            Err(error) => tracing::debug!(%error, "no WebSocket"),
        }
    });
    accept(&key)
}

/// What is wrong with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Method,
    NoUpgrade,
    Version,
    Subprotocol,
    Key,
}

impl Wrong {
    fn reply(self) -> Reply {
        match self {
            Self::Method => reply::wrong_method("GET, OPTIONS"),
            Self::NoUpgrade => {
                let text = "this is for clients that speak XMPP over WebSocket (RFC 7395)\n";
                let mut refusal = reply::text(StatusCode::UPGRADE_REQUIRED, text);
                reply::set(&mut refusal, header::UPGRADE, "websocket");
                reply::set(&mut refusal, header::CONNECTION, "upgrade");
                refusal
            }
            Self::Version => {
                let text = "only version 13 is spoken\n";
                let mut refusal = reply::text(StatusCode::UPGRADE_REQUIRED, text);
                reply::set(&mut refusal, header::SEC_WEBSOCKET_VERSION, "13");
                refusal
            }
            Self::Subprotocol => {
                let text = "the subprotocol has to be \"xmpp\" (RFC 7395, section 3.1)\n";
                reply::text(StatusCode::BAD_REQUEST, text)
            }
            Self::Key => {
                let text = "Sec-WebSocket-Key is not 16 bytes in base64\n";
                reply::text(StatusCode::BAD_REQUEST, text)
            }
        }
    }
}

/// The key of a right handshake.
fn key(request: &Request<Incoming>) -> Result<String, Wrong> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Wrong::Method);
    }
    if !has_token(headers, &header::CONNECTION, "upgrade")
        || !has_token(headers, &header::UPGRADE, "websocket")
    {
        return Err(Wrong::NoUpgrade);
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(Wrong::Version);
    }
    if !has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(Wrong::Subprotocol);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.and_then(|key| key.to_str().ok()).ok_or(Wrong::Key)?;
    match STANDARD.decode(key) {
        Ok(bytes) if bytes.len() == 16 => Ok(key.to_owned()),
        _ => Err(Wrong::Key),
    }
}

/// Whether a list of words has this one.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}

fn busy() -> Reply {
    let mut refusal = reply::text(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many connections from your address\n",
    );
    reply::set(&mut refusal, header::RETRY_AFTER, "10");
    refusal
}

fn accept(key: &str) -> Reply {
    let answer = STANDARD.encode(Sha1::digest(format!("{key}{MAGIC}")));
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    reply::set(&mut reply, header::UPGRADE, "websocket");
    reply::set(&mut reply, header::CONNECTION, "Upgrade");
    reply::set(&mut reply, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    if let Ok(answer) = HeaderValue::from_str(&answer) {
        reply
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_ACCEPT, answer);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 §1.3.
    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        let reply = accept("dGhlIHNhbXBsZSBub25jZQ==");
        let answer = reply.headers().get(header::SEC_WEBSOCKET_ACCEPT).unwrap();
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
