//! Answers, and what browsers want to read in their headers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use portcullis_config::Origins;

/// An answer with all of its body.
pub(super) type Reply = Response<Full<Bytes>>;

/// An answer of text.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    typed(status, "text/plain; charset=utf-8", text)
}

/// An answer of some media type.
pub(super) fn typed(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    set(&mut reply, header::CONTENT_TYPE, media_type);
    set(&mut reply, header::CACHE_CONTROL, "no-store");
    set(&mut reply, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

/// Sets a header.
pub(super) fn set(reply: &mut Reply, name: HeaderName, value: &'static str) {
    reply
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

/// The methods of a path that has no others (RFC 9110 §15.5.6).
pub(super) fn wrong_method(allowed: &'static str) -> Reply {
    let mut reply = text(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("allowed here: {allowed}\n"),
    );
    set(&mut reply, header::ALLOW, allowed);
    reply
}

/// Whether the page that asks may, by its origin; who sends none is no browser's page.
pub(super) fn is_allowed(headers: &HeaderMap, origins: &Origins) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    origin.to_str().is_ok_and(|origin| origins.allow(origin))
}

/// Lets the page of an allowed origin read the answer (Fetch standard, CORS).
pub(super) fn share(reply: &mut Reply, asked: &HeaderMap, origins: &Origins) {
    let origin = match origins {
        Origins::All => Some(HeaderValue::from_static("*")),
        Origins::Only(_) => {
            reply
                .headers_mut()
                .append(header::VARY, HeaderValue::from_static("Origin"));
            let own = asked.get(header::ORIGIN);
            own.filter(|_| is_allowed(asked, origins)).cloned()
        }
    };
    if let Some(origin) = origin {
        reply
            .headers_mut()
            .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// The answer to a browser that asks whether it may ask.
pub(super) fn preflight(asked: &HeaderMap, origins: &Origins, methods: &'static str) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    set(&mut reply, header::ALLOW, methods);
    if is_allowed(asked, origins) {
        share(&mut reply, asked, origins);
        set(&mut reply, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        set(
            &mut reply,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Content-Type",
        );
        set(&mut reply, header::ACCESS_CONTROL_MAX_AGE, "7200");
    }
    reply
}
