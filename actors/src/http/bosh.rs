//! Streams over requests that are held (BOSH, XEP-0124 and XEP-0206).
//!
//! A request may come over any connection on any thread: [`Sids`] finds the [`BoshSession`] that it belongs to, an
//! actor beside the session whose stream it carries. The session is one as any other, with places of its own.

mod carrier;
mod intake;
mod sids;

use std::rc::Rc;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, StatusCode, header};
use portcullis_config::BoshConfig;
use tokio::sync::oneshot;
use xmpp::Limits;
use xmpp::bosh::{Body, Bounds, ContentType, TerminalCondition, write_terminate};

use self::carrier::Submitted;
use self::intake::Beginning;
use super::client::Client;
use super::connection::Visit;
use super::reply::{self, Reply};
use crate::listener::ListenerPolicy;
use crate::offer::offer;

pub use carrier::{BoshReport, BoshSession};
pub use sids::Sids;

/// Where the requests go, as by custom.
pub const PATH: &str = "/http-bind";

/// The methods of that path.
const METHODS: &str = "POST, OPTIONS";

/// Room in a body for what is around its stanzas.
const WRAPPING: usize = 16 * 1024;

/// Bytes of a body that is too long that are read and thrown away.
const WASTE: usize = 8 << 20;

/// What brings one response to its request: a body and its media type.
pub(super) type Carrier = oneshot::Sender<(Bytes, ContentType)>;

/// Answers a request of a BOSH client.
pub(super) async fn answer(visit: &Rc<Visit>, client: Client, request: Request<Incoming>) -> Reply {
    let config = visit.core.config().clone();
    let origins = &config.http.origins;
    let headers = request.headers().clone();
    let mut reply = match *request.method() {
        Method::OPTIONS => return reply::preflight(&headers, origins, METHODS),
        Method::POST if !reply::is_allowed(&headers, origins) => {
            return reply::text(StatusCode::FORBIDDEN, "pages of this origin may not\n");
        }
        Method::POST => serve(visit, client, request, &config.http.bosh).await,
        _ => return reply::wrong_method(METHODS),
    };
    reply::share(&mut reply, &headers, origins);
    reply
}

async fn serve(
    visit: &Rc<Visit>,
    client: Client,
    request: Request<Incoming>,
    config: &BoshConfig,
) -> Reply {
    let limits = limits(&visit.policy);
    let body = match read(request.into_body(), limits.stanza_bytes).await {
        Ok(body) => body,
        Err(condition) => return terminated(condition),
    };
    visit.pace.asked();
    let body = match Body::parse(&body, &limits) {
        Ok(body) => body,
        Err(error) => {
            tracing::debug!(client = %client.address, %error, "no body of BOSH");
            return terminated(error.into());
        }
    };
    let (carrier, answer) = oneshot::channel();
    match body {
        // Sessions that there are go on.
        Body::Create(..) if !config.enabled => {
            let text = "http.bosh.enabled is false on this node\n";
            return reply::text(StatusCode::NOT_FOUND, text);
        }
        Body::Create(wish, request) => {
            let beginning = Beginning {
                wish,
                request,
                carrier,
                bounds: bounds(config),
            };
            if let Err(refusal) = beginning.begin(visit, client, config.max_sessions) {
                return refusal.reply();
            }
        }
        Body::Next(sid, request) => {
            let found = visit.core.bosh.find(&sid, client.is_encrypted);
            let Some(session) = found else {
                return terminated(TerminalCondition::ItemNotFound);
            };
            if let Err(refused) = offer(&session, Submitted { request, carrier }) {
                return match refused.is_full() {
                    true => later(),
                    false => terminated(TerminalCondition::ItemNotFound),
                };
            }
        }
    }
    match answer.await {
        Ok((body, content)) => reply::typed(StatusCode::OK, content.as_str(), body),
        // The same request came over another connection, or the session is gone, which it then hears.
        Err(_) => later(),
    }
}

/// The bounds of a body: that of one stanza is the session's to watch, which also says what is wrong.
fn limits(policy: &ListenerPolicy) -> Limits {
    let stanza = policy.load().limits.stanza;
    let limits =
        Limits::CLIENT.with_stanza_bytes(stanza.saturating_mul(2).saturating_add(WRAPPING));
    Limits {
        depth: limits.depth + 1,
        ..limits
    }
}

fn bounds(config: &BoshConfig) -> Bounds {
    Bounds {
        wait: config.wait_max,
        hold: config.hold_max,
        inactivity: config.inactivity,
        max_pause: config.pause_max,
    }
}

/// The whole body; its deadline is the connection's. One that is too long is read to its end all the same, so that
/// the answer is not lost to a reset.
async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, TerminalCondition> {
    let (mut bytes, mut count) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(TerminalCondition::BadRequest);
        };
        let data = frame.into_data().unwrap_or_default();
        count += data.len();
        match count {
            _ if count <= most => bytes.extend_from_slice(&data),
            _ if count <= most.saturating_add(WASTE) => bytes = Vec::new(),
            _ => break,
        }
    }
    match count <= most {
        true => Ok(bytes),
        false => Err(TerminalCondition::PolicyViolation),
    }
}

/// The end of a session, or of the wish for one.
fn terminated(condition: TerminalCondition) -> Reply {
    let content = ContentType::default().as_str();
    reply::typed(StatusCode::OK, content, write_terminate(condition))
}

/// Asks the client to send the same request once more.
fn later() -> Reply {
    let mut reply = reply::text(StatusCode::SERVICE_UNAVAILABLE, "once more, please\n");
    reply::set(&mut reply, header::RETRY_AFTER, "1");
    reply
}
