//! Which path is answered by what.

use std::convert::Infallible;
use std::rc::Rc;

use hyper::body::{Body as _, Incoming};
use hyper::{Method, Request, StatusCode};

use super::client::Client;
use super::connection::Visit;
use super::reply::{self, Reply};
use super::{BOSH_PATH, WEBSOCKET_PATH, bosh, host_meta, pages, upgrade};

/// The methods of a page.
const READING: &str = "GET, HEAD, OPTIONS";

/// Answers one request.
pub(super) async fn answer(
    visit: Rc<Visit>,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    visit.requests.set(visit.requests.get() + 1);
    if request.body().is_end_stream() {
        visit.pace.asked();
    }
    let config = visit.core.config().clone();
    let client = Client::of(
        visit.peer,
        visit.is_encrypted,
        request.headers(),
        &config.http,
    );
    tracing::debug!(client = %client.address, method = %request.method(), path = request.uri().path(), "request");
    let reply = route(&visit, client, request).await;
    visit.pace.answered();
    Ok(reply)
}

async fn route(visit: &Rc<Visit>, client: Client, request: Request<Incoming>) -> Reply {
    let config = visit.core.config().clone();
    let origins = &config.http.origins;
    if request.uri().path() == WEBSOCKET_PATH {
        return match *request.method() {
            Method::OPTIONS => reply::preflight(request.headers(), origins, READING),
            _ => upgrade::upgrade(visit, client, request),
        };
    }
    if request.uri().path() == BOSH_PATH {
        return bosh::answer(visit, client, request).await;
    }
    let page = match request.uri().path() {
        "/health/live" => Page::Live,
        "/health/ready" => Page::Ready,
        "/metrics" => Page::Metrics,
        "/certificates" => Page::Certificates,
        host_meta::XML_PATH => Page::HostMeta,
        host_meta::JSON_PATH => Page::HostMetaJson,
        path if path.starts_with(pages::PROOF_PATH) => Page::Proof,
        _ => return reply::text(StatusCode::NOT_FOUND, "there is nothing here\n"),
    };
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return reply::preflight(request.headers(), origins, READING),
        _ => return reply::wrong_method(READING),
    }
    if page.is_about_state() && !config.http.shows_status_to(client.address.ip()) {
        let text = format!(
            "{} is in none of http.status_networks\n",
            client.address.ip()
        );
        return reply::text(StatusCode::FORBIDDEN, text);
    }
    match page {
        Page::Live => reply::text(StatusCode::OK, "alive\n"),
        Page::Ready => pages::ready(&visit.core).await,
        Page::Metrics => pages::metrics(&visit.core).await,
        Page::Certificates => pages::certificates(&visit.core),
        Page::Proof => pages::proof(&visit.core, request.uri().path()),
        Page::HostMeta => host_meta::xml(&config, client, request.headers()),
        Page::HostMetaJson => host_meta::json(&config, client, request.headers()),
    }
}

/// What is there to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Live,
    Ready,
    Metrics,
    Certificates,
    Proof,
    HostMeta,
    HostMetaJson,
}

impl Page {
    /// Whether it is for operators alone.
    fn is_about_state(self) -> bool {
        matches!(self, Self::Metrics | Self::Certificates)
    }
}
