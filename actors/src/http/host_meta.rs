//! Where clients find the streams over HTTP (XEP-0156).

use std::fmt::Write as _;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use portcullis_config::Config;
use serde_json::json;
use xmpp::jid::DomainPart;

use super::client::Client;
use super::reply::{self, Reply};
use super::{BOSH_PATH, WEBSOCKET_PATH};

pub(super) const XML_PATH: &str = "/.well-known/host-meta";
pub(super) const JSON_PATH: &str = "/.well-known/host-meta.json";

/// What a link leads to (XEP-0156 §3).
const WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";
const BOSH: &str = "urn:xmpp:alt-connections:xbosh";

/// The document in XML (RFC 6415).
pub(super) fn xml(config: &Config, client: Client, headers: &HeaderMap) -> Reply {
    answer(
        config,
        client,
        headers,
        "application/xrd+xml; charset=utf-8",
        |links| {
            let mut text = String::from(
                "<?xml version='1.0' encoding='utf-8'?>\n\
             <XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n",
            );
            for (relation, address) in links {
                // Writing to a String can not fail; addresses hold nothing to be escaped, see `base`.
                _ = writeln!(text, "  <Link rel='{relation}' href='{address}'/>");
            }
            text + "</XRD>\n"
        },
    )
}

/// The document in JSON.
pub(super) fn json(config: &Config, client: Client, headers: &HeaderMap) -> Reply {
    answer(config, client, headers, "application/json", |links| {
        let links: Vec<_> = links
            .iter()
            .map(|(relation, address)| json!({ "rel": relation, "href": address }))
            .collect();
        format!("{}\n", json!({ "links": links }))
    })
}

fn answer(
    config: &Config,
    client: Client,
    headers: &HeaderMap,
    media_type: &'static str,
    write: impl FnOnce(&[(&'static str, String)]) -> String,
) -> Reply {
    let Some(base) = base(config, client, headers) else {
        let text =
            "the Host of the request is no host of this node; http.external_url is not set\n";
        return reply::text(StatusCode::NOT_FOUND, text);
    };
    let mut links = Vec::new();
    if config.http.websocket {
        let address = base.replacen("http", "ws", 1);
        links.push((WEBSOCKET, format!("{address}{WEBSOCKET_PATH}")));
    }
    if config.http.bosh.enabled {
        links.push((BOSH, format!("{base}{BOSH_PATH}")));
    }
    let mut reply = reply::typed(StatusCode::OK, media_type, write(&links));
    reply::share(&mut reply, headers, &config.http.origins);
    reply
}

/// Where the client reaches the listener, without a slash at its end: as configured, or as it asked, if that
/// is a host of ours.
fn base(config: &Config, client: Client, headers: &HeaderMap) -> Option<String> {
    if let Some(address) = &config.http.external_url {
        return Some(address.clone());
    }
    let authority = headers.get(header::HOST)?.to_str().ok()?;
    let authority = authority.parse::<hyper::http::uri::Authority>().ok()?;
    let domain = DomainPart::new(authority.host()).ok()?.into_owned();
    if !config.hosts.contains_key(&domain) {
        return None;
    }
    let scheme = if client.is_encrypted { "https" } else { "http" };
    let port = authority
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Some(format!("{scheme}://{}{port}", authority.host()))
}
