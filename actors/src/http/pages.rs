//! Pages for those who look after the node, and for what they have look after it.

use std::fmt::Write as _;
use std::time::Duration;

use hyper::StatusCode;

use super::reply::{self, Reply};
use crate::core::Core;
use crate::metrics;
use crate::tls::{CertificateState, day};

/// Where an authority looks for the proof that a host is ours (RFC 8555 §8.3); its token follows.
pub(super) const PROOF_PATH: &str = "/.well-known/acme-challenge/";

/// How long the store may take.
const STORE: Duration = Duration::from_secs(2);

/// Whether users can be served: the store answers.
pub(super) async fn ready(core: &Core) -> Reply {
    let config = core.config().clone();
    let host = config.hosts.keys().next().map_or("", |host| host.as_str());
    let asked = tokio::time::timeout(STORE, core.store.accounts(host, None, 1)).await;
    let problem = match asked {
        Ok(Ok(_)) => return reply::text(StatusCode::OK, "ready\n"),
        Ok(Err(error)) => format!("the store: {error}\n"),
        Err(_) => format!("the store does not answer within {STORE:?}\n"),
    };
    reply::text(StatusCode::SERVICE_UNAVAILABLE, problem)
}

/// The node in numbers.
pub(super) async fn metrics(core: &Core) -> Reply {
    let text = metrics::openmetrics(core).await;
    reply::typed(StatusCode::OK, metrics::CONTENT_TYPE, text)
}

/// The proof that an authority looks for, while a certificate is ordered.
pub(super) fn proof(core: &Core, path: &str) -> Reply {
    let token = path.strip_prefix(PROOF_PATH).unwrap_or_default();
    match core.acme.http_answer(token) {
        Some(proof) => reply::typed(StatusCode::OK, "application/octet-stream", proof),
        None => reply::text(StatusCode::NOT_FOUND, "nothing is proved here now\n"),
    }
}

/// What each listener shows in its handshakes, and until when that holds.
pub(super) fn certificates(core: &Core) -> Reply {
    let mut page = String::from(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Certificates</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>:root{color-scheme:light dark}body{font:15px system-ui,sans-serif;margin:2em}\
         table{border-collapse:collapse}td,th{padding:.4em .9em;border-bottom:1px solid #8886;text-align:left;\
         vertical-align:top}td:first-child,th:first-child{padding-left:0}td:nth-child(4){white-space:nowrap}\
         small{opacity:.7}code{font-size:12px;overflow-wrap:anywhere}.bad{color:#d32f2f;font-weight:600}\
         </style></head><body>\
         <h1>Certificates</h1><table><tr><th>Listener<th>From<th>Names<th>Valid until<th>State<th>SHA-256</tr>",
    );
    for name in core.config().listeners.keys() {
        for shown in core.certificates.shown_by(name.as_str()) {
            let class = match shown.state {
                CertificateState::Valid => "",
                _ => " class=\"bad\"",
            };
            // Writing to a String can not fail.
            _ = write!(
                page,
                "<tr><td>{name}<td>{}<br><small>{}</small><td>{}<td>{}<td{class}>{}<td><code>{}</code></tr>",
                escape(&shown.section),
                escape(&shown.file.display().to_string()),
                escape(&shown.names.join(", ")),
                day(shown.not_after),
                escape(&shown.state.to_string()),
                shown.fingerprint,
            );
        }
    }
    page.push_str("</table></body></html>\n");
    reply::typed(StatusCode::OK, "text/html; charset=utf-8", page)
}

/// Text inside HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
