//! The body of a request (XEP-0124 §6 to §8, XEP-0206).

use std::time::Duration;

use super::{MAX_RID, MAX_SID_BYTES};
use crate::{
    header::StreamHeader,
    ns,
    stanza::{Element, ElementRef, StanzaKind},
    xml::{ContentNamespace, Limits, XmlError, skip_declaration},
};

/// What is wrong with the body of a request; its sender is at fault in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is no XML, or XML that may not be there, or more of it than is allowed.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Not the wrapper element.
    #[error("not a body of {}", ns::HTTP_BIND)]
    NotABody,
    /// Text between the payloads.
    #[error("text between the elements of the body")]
    Text,
    /// An attribute that is missing or has no meaning.
    #[error("attribute {0} is missing or malformed")]
    Attribute(&'static str),
}

/// The media type of responses (XEP-0124 §7.1). A type that browsers would run as a page is not among them: the body
/// holds what other users wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ContentType {
    /// `text/xml`
    #[default]
    TextXml,
    /// `application/xml`
    ApplicationXml,
    /// `text/plain`
    TextPlain,
}

impl ContentType {
    /// The value of the header `Content-Type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextXml => "text/xml; charset=utf-8",
            Self::ApplicationXml => "application/xml; charset=utf-8",
            Self::TextPlain => "text/plain; charset=utf-8",
        }
    }

    /// Reads a media type whose character set, if it is given, is UTF-8.
    fn parse(text: &str) -> Option<Self> {
        let (essence, parameter) = text.split_once(';').unwrap_or((text, ""));
        let charset = parameter.trim().trim_matches(';');
        let is_utf8 = charset.is_empty()
            || ["charset=utf-8", "charset=\"utf-8\""]
                .iter()
                .any(|utf8| charset.eq_ignore_ascii_case(utf8));
        let all = [Self::TextXml, Self::ApplicationXml, Self::TextPlain];
        let is_named = |known: &Self| {
            let name = known.as_str().split(';').next();
            name.is_some_and(|name| name.eq_ignore_ascii_case(essence.trim()))
        };
        all.into_iter().find(is_named).filter(|_| is_utf8)
    }
}

/// What a client wishes of the session that it asks for; what is left out is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// How long a request may be held.
    pub wait: Option<Duration>,
    /// How many requests may be held.
    pub hold: Option<u32>,
    /// The highest version of XEP-0124 that the client speaks, as major and minor.
    pub version: Option<(u32, u32)>,
    /// The client acknowledges responses.
    pub has_acks: bool,
    /// The media type that it takes.
    pub content: ContentType,
}

/// What every request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number of the request.
    pub rid: u64,
    /// The highest number of which the client has the response, and all before it.
    pub ack: Option<u64>,
    /// The next key of the sequence.
    pub key: Option<Box<str>>,
    /// The first key of another sequence.
    pub new_key: Option<Box<str>>,
    /// The client will be silent for so long.
    pub pause: Option<Duration>,
    /// The client leaves.
    pub is_last: bool,
    /// The header with which the stream begins, or begins anew.
    pub header: Option<StreamHeader>,
    /// The payloads as they are in a stream of `jabber:client`.
    pub payload: Vec<u8>,
}

impl Request {
    /// Whether it only asks for what there is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty() && self.header.is_none() && self.pause.is_none() && !self.is_last
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Asks for a session.
    Create(Wish, Request),
    /// Goes on with the session of this sid.
    Next(Box<str>, Request),
}

impl Body {
    /// Reads the body of a request.
    ///
    /// Stanzas without a namespace of their own are taken for `jabber:client`, as XEP-0206 §2 tells that many clients
    /// mean it. `limits` bound the whole body.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BodyError> {
        let element = Element::from_xml(skip_declaration(bytes)?, limits)?;
        let body = element.as_ref();
        if !body.is("body", ns::HTTP_BIND) {
            return Err(BodyError::NotABody);
        }
        if !body.text().trim_ascii().is_empty() {
            return Err(BodyError::Text);
        }
        let Some(sid) = body.attribute("sid") else {
            return Ok(Self::Create(wish(body)?, request(body, true)?));
        };
        if sid.is_empty() || sid.len() > MAX_SID_BYTES {
            return Err(BodyError::Attribute("sid"));
        }
        Ok(Self::Next(sid.into(), request(body, false)?))
    }
}

fn wish(body: ElementRef<'_>) -> Result<Wish, BodyError> {
    let content = match body.attribute("content") {
        None => ContentType::default(),
        Some(text) => ContentType::parse(&text).ok_or(BodyError::Attribute("content"))?,
    };
    let hold = number(body, "hold")?.map(|hold| u32::try_from(hold).unwrap_or(u32::MAX));
    Ok(Wish {
        wait: number(body, "wait")?.map(Duration::from_secs),
        hold,
        version: version(body)?,
        has_acks: number(body, "ack")? == Some(1),
        content,
    })
}

fn request(body: ElementRef<'_>, is_first: bool) -> Result<Request, BodyError> {
    let is_last = match body.attribute("type") {
        None => false,
        Some(kind) if kind == "terminate" => true,
        Some(_) => return Err(BodyError::Attribute("type")),
    };
    let text = |name| body.attribute(name).map(|text| Box::from(&*text));
    let is_restart = match body.attribute_ns("restart", ns::XBOSH) {
        None => false,
        Some(answer) => truth(&answer).ok_or(BodyError::Attribute("xmpp:restart"))?,
    };
    let rid = number(body, "rid")?.filter(|rid| *rid > 0);
    Ok(Request {
        rid: rid.ok_or(BodyError::Attribute("rid"))?,
        ack: number(body, "ack")?.filter(|_| !is_first),
        key: text("key"),
        new_key: text("newkey"),
        pause: number(body, "pause")?.map(Duration::from_secs),
        is_last,
        header: (is_first || is_restart).then(|| header(body)),
        payload: payload(body),
    })
}

/// The header of the stream that a body asks for. A client that names no version has not heard of XEP-0206 and of
/// nothing else that would be spoken here.
fn header(body: ElementRef<'_>) -> StreamHeader {
    let version = body.attribute_ns("version", ns::XBOSH);
    let mut header = StreamHeader::new(ContentNamespace::Client)
        .with("version", version.as_deref().unwrap_or("1.0"));
    for name in ["to", "from", "xml:lang"] {
        if let Some(value) = body.attribute(name) {
            header = header.with(name, &value);
        }
    }
    header
}

fn payload(body: ElementRef<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    for child in body.children() {
        let is_stanza = child.has_ns(ns::CLIENT)
            || (child.has_ns(ns::HTTP_BIND) && StanzaKind::from_name(child.name()).is_some());
        child.write_in(&mut payload, is_stanza);
    }
    payload
}

/// A whole number up to [`MAX_RID`].
fn number(body: ElementRef<'_>, name: &'static str) -> Result<Option<u64>, BodyError> {
    let Some(text) = body.attribute(name) else {
        return Ok(None);
    };
    digits(&text)
        .filter(|number| *number <= MAX_RID)
        .map(Some)
        .ok_or(BodyError::Attribute(name))
}

fn digits(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn version(body: ElementRef<'_>) -> Result<Option<(u32, u32)>, BodyError> {
    let Some(text) = body.attribute("ver") else {
        return Ok(None);
    };
    let part = |text: &str| digits(text).and_then(|number| u32::try_from(number).ok());
    let parts = text.split_once('.');
    parts
        .and_then(|(major, minor)| Some((part(major)?, part(minor)?)))
        .map(Some)
        .ok_or(BodyError::Attribute("ver"))
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
