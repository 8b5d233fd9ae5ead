//! A client over BOSH (XEP-0124): raw requests, each over a connection of its own, and a stream made of them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{DEADLINE, TestClient};
use crate::transport::{self, TlsOptions};

const BIND: &str = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Status line and headers in lower case.
    pub head: String,
    /// All behind them.
    pub body: String,
}

impl HttpAnswer {
    /// The value of an attribute of the body's wrapper.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let tag = self.body.split('>').next()?;
        let (_, rest) = tag.split_once(&format!(" {name}='"))?;
        rest.split('\'').next()
    }

    /// What is inside of the body.
    pub fn inside(&self) -> &str {
        let inside = self.body.split_once('>').map_or("", |(_, rest)| rest);
        inside.strip_suffix("</body>").unwrap_or("")
    }

    /// The condition that the session ended with; fails the test if it has not.
    pub fn condition(&self) -> &str {
        assert_eq!(self.attribute("type"), Some("terminate"), "{self:?}");
        self.attribute("condition").unwrap_or_default()
    }
}

/// Posts a body over a new connection.
pub async fn post(
    address: SocketAddr,
    tls: Option<&TlsOptions>,
    headers: &str,
    body: &str,
) -> HttpAnswer {
    let request = format!(
        "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/xml; charset=utf-8\r\n\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    ask(address, tls, &request).await
}

/// Sends a whole request over a new connection, and waits for the end of that.
pub async fn ask(address: SocketAddr, tls: Option<&TlsOptions>, request: &str) -> HttpAnswer {
    let mut socket = transport::connect(address).await;
    if let Some(tls) = tls {
        socket = transport::upgrade(socket, tls).await.expect("TLS").0;
    }
    // Who refuses the request need not read all of it.
    let _sent = socket.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let read = timeout(DEADLINE, socket.read_to_end(&mut answer)).await;
    // Without an answer there is the error of a connection that closes early.
    let _count = read.expect("an answer in time").unwrap_or_default();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    HttpAnswer {
        status: status.unwrap_or_else(|| panic!("no answer of HTTP: {answer:?}")),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// One BOSH session.
#[derive(Clone)]
pub struct Bosh {
    address: SocketAddr,
    tls: Option<TlsOptions>,
    /// Headers that each request has besides.
    pub headers: String,
    /// The session's id.
    pub sid: String,
    /// The number of the latest request.
    pub rid: u64,
    /// The answer to the request that created it.
    pub created: HttpAnswer,
}

impl Bosh {
    /// Asks for a session at `to` with these further attributes, and waits for the answer, whatever it is.
    pub async fn create(address: SocketAddr, to: &str, attributes: &str) -> Bosh {
        Bosh::create_over(address, None, "", to, attributes).await
    }

    /// As [`Bosh::create`], over TLS and with headers.
    pub async fn create_over(
        address: SocketAddr,
        tls: Option<TlsOptions>,
        headers: &str,
        to: &str,
        attributes: &str,
    ) -> Bosh {
        let rid = 4_503_599_627_370_000;
        let body = format!(
            "<body rid='{rid}' to='{to}' ver='1.6' xml:lang='en' xmpp:version='1.0' {attributes} {BIND}/>"
        );
        let created = post(address, tls.as_ref(), headers, &body).await;
        Bosh {
            address,
            tls,
            headers: headers.to_owned(),
            sid: created.attribute("sid").unwrap_or_default().to_owned(),
            rid,
            created,
        }
    }

    /// Begins the next request.
    pub fn begin(&mut self, attributes: &str, inside: &str) -> JoinHandle<HttpAnswer> {
        self.rid += 1;
        self.begin_as(self.rid, attributes, inside)
    }

    /// Begins a request of this number.
    pub fn begin_as(&self, rid: u64, attributes: &str, inside: &str) -> JoinHandle<HttpAnswer> {
        let sid = &self.sid;
        let body = format!("<body rid='{rid}' sid='{sid}' {attributes} {BIND}>{inside}</body>");
        let (address, tls, headers) = (self.address, self.tls.clone(), self.headers.clone());
        tokio::spawn(async move { post(address, tls.as_ref(), &headers, &body).await })
    }

    /// Sends the next request and waits for its answer.
    pub async fn send(&mut self, attributes: &str, inside: &str) -> HttpAnswer {
        self.begin(attributes, inside).await.unwrap()
    }
}

impl TestClient {
    /// A client over BOSH that reads and writes as one over TCP does: what it sends at one time is one request.
    pub fn over_bosh(address: SocketAddr, tls: Option<TlsOptions>, headers: &str) -> TestClient {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let headers = headers.to_owned();
        tokio::spawn(async move { carry(address, tls, &headers, theirs).await });
        TestClient::over(Box::new(ours))
    }
}

/// Makes requests of what is written, one more to wait with, and writes what the answers hold.
async fn carry(
    address: SocketAddr,
    tls: Option<TlsOptions>,
    headers: &str,
    mut pipe: DuplexStream,
) {
    let mut buffer = vec![0; 1 << 20];
    let Ok(count @ 1..) = pipe.read(&mut buffer).await else {
        return;
    };
    let header = std::str::from_utf8(&buffer[..count]).expect("text");
    let (to, _) = to_of(header).expect("a header first");
    let mut bosh = Bosh::create_over(address, tls, headers, to, "wait='60' hold='1'").await;
    let created = bosh.created.clone();
    let mut under_way = VecDeque::new();
    if !take(&mut pipe, &created, true).await {
        return;
    }
    let mut is_silent = true;
    loop {
        if under_way.is_empty() && !is_silent {
            under_way.push_back((bosh.begin("", ""), false));
        }
        let answer = async {
            match under_way.front_mut() {
                Some((request, is_restart)) => (request.await.expect("a request"), *is_restart),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            count = pipe.read(&mut buffer) => {
                let Ok(count @ 1..) = count else { return };
                is_silent = false;
                let text = std::str::from_utf8(&buffer[..count]).expect("text");
                let request = match to_of(text) {
                    Some((to, _)) => (bosh.begin(&format!("xmpp:restart='true' to='{to}'"), ""), true),
                    None if text == "</stream:stream>" => (bosh.begin("type='terminate'", ""), false),
                    None => (bosh.begin("", text), false),
                };
                under_way.push_back(request);
            }
            (answer, is_restart) = answer => {
                under_way.pop_front();
                if !take(&mut pipe, &answer, is_restart).await {
                    return;
                }
            }
        }
    }
}

/// The domain that a header names, and what follows it.
fn to_of(text: &str) -> Option<(&str, &str)> {
    let header = text.split_once("<stream:stream ")?.1;
    header.split_once("to='")?.1.split_once('\'')
}

/// Writes what an answer holds as a stream would; whether the session goes on.
async fn take(pipe: &mut DuplexStream, answer: &HttpAnswer, begins: bool) -> bool {
    let is_over = answer.status != 200 || answer.attribute("type") == Some("terminate");
    let mut text = String::new();
    if begins {
        let attribute = |ours: &str, theirs: &str| {
            let value = answer.attribute(theirs);
            value
                .map(|value| format!(" {ours}='{value}'"))
                .unwrap_or_default()
        };
        text = format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'{}{}>",
            attribute("id", "authid"),
            attribute("from", "from")
        );
    }
    match answer.attribute("condition") {
        Some("remote-stream-error") => {
            text += &format!("<stream:error>{}</stream:error>", answer.inside())
        }
        _ => text += answer.inside(),
    }
    if is_over {
        text += "</stream:stream>";
    }
    pipe.write_all(text.as_bytes()).await.is_ok() && !is_over
}
