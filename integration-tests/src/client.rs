//! A raw XMPP client: it sends what it is told, byte for byte, and waits for what it expects.
//!
//! Every wait ends after [`DEADLINE`]; a failure shows the last part of the conversation.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::pattern::Pattern;
use crate::transport::{self, Socket, TlsFacts, TlsOptions};
use crate::xml::{Item, Reader, Xml};

/// The longest that any single wait of a test may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

const TRANSCRIPT_BYTES: usize = 6000;

/// What a client sees next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stream item.
    Item(Item),
    /// The server closed the connection.
    Eof,
}

/// One connection to a server.
pub struct TestClient {
    socket: Box<dyn Socket>,
    reader: Reader,
    inbox: VecDeque<Xml>,
    transcript: Vec<u8>,
    ids: u32,
    /// What TLS agreed on, once it is up.
    pub tls: Option<TlsFacts>,
    /// The full JID, once bound.
    pub jid: String,
    /// The last stream header received.
    pub header: Xml,
}

impl TestClient {
    /// Connects over plain TCP and says nothing.
    pub async fn connect(address: SocketAddr) -> TestClient {
        TestClient::over(transport::connect(address).await)
    }

    /// Connects with TLS from the first byte (XEP-0368).
    pub async fn connect_tls(
        address: SocketAddr,
        options: &TlsOptions,
    ) -> std::io::Result<TestClient> {
        let (socket, facts) =
            transport::upgrade(transport::connect(address).await, options).await?;
        Ok(TestClient {
            tls: Some(facts),
            ..TestClient::over(socket)
        })
    }

    pub(crate) fn over(socket: Box<dyn Socket>) -> TestClient {
        TestClient {
            socket,
            reader: Reader::default(),
            inbox: VecDeque::new(),
            transcript: Vec::new(),
            ids: 0,
            tls: None,
            jid: String::new(),
            header: Xml::default(),
        }
    }

    /// The bare JID, once bound.
    pub fn bare(&self) -> &str {
        self.jid.split('/').next().unwrap_or_default()
    }

    /// A fresh id for a stanza.
    pub fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("t{}", self.ids)
    }

    /// Sends text as it stands.
    pub async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    /// Sends bytes as they stand.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send(bytes).await {
            self.fail(&format!("send: {error}"));
        }
    }

    /// Sends bytes; the server may have gone.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.note("C: ", bytes);
        let sending = async {
            self.socket.write_all(bytes).await?;
            self.socket.flush().await
        };
        timeout(DEADLINE, sending)
            .await
            .map_err(|_| std::io::ErrorKind::TimedOut)?
    }

    /// Starts or restarts the stream and returns the server's features.
    pub async fn open(&mut self, to: &str) -> Xml {
        self.send_header(to).await;
        self.expect_header().await;
        self.expect_element("stream features").await
    }

    /// Sends a stream header and forgets the state of the stream before.
    pub async fn send_header(&mut self, to: &str) {
        self.restart();
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream to='{to}' version='1.0' xml:lang='en' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        ))
        .await;
    }

    /// Prepares to read a new stream header from the server.
    pub fn restart(&mut self) {
        self.reader = Reader::default();
    }

    /// Waits for the server's stream header.
    pub async fn expect_header(&mut self) {
        match self.event().await {
            Event::Item(Item::Header(header)) => self.header = header,
            other => self.fail(&format!("wanted a stream header, got {other:?}")),
        }
    }

    /// Puts TLS under the stream after `<proceed/>`.
    pub async fn upgrade(self, options: &TlsOptions) -> std::io::Result<TestClient> {
        if !self.reader.is_drained() {
            self.fail("bytes between <proceed/> and the handshake");
        }
        let (socket, facts) = timeout(DEADLINE, transport::upgrade(self.socket, options)).await??;
        Ok(TestClient {
            socket,
            tls: Some(facts),
            reader: Reader::default(),
            ..self
        })
    }

    /// Negotiates STARTTLS after the features were read, and opens the stream again.
    pub async fn starttls(mut self, options: &TlsOptions) -> (TestClient, Xml) {
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        self.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        let mut client = self.upgrade(options).await.expect("TLS handshake");
        let features = client.open(&options.name).await;
        (client, features)
    }

    /// The next thing that happens, ahead of what [`TestClient::request`] put aside.
    pub async fn event(&mut self) -> Event {
        loop {
            match self.reader.next_item() {
                Ok(Some(item)) => return Event::Item(item),
                Ok(None) => {}
                Err(error) => self.fail(&format!("the server's XML: {error}")),
            }
            let mut buffer = [0; 16384];
            match timeout(DEADLINE, self.socket.read(&mut buffer)).await {
                Err(_) => self.fail("nothing came before the deadline"),
                Ok(Ok(0) | Err(_)) => return Event::Eof,
                Ok(Ok(n)) => {
                    self.note("S: ", &buffer[..n]);
                    self.reader.feed(&buffer[..n]);
                }
            }
        }
    }

    /// Takes one byte, which nobody else will see, or finds the connection closed.
    pub async fn read_byte(&mut self) {
        // Either is fine: what is read was sent before the end.
        let _count = timeout(DEADLINE, self.socket.read(&mut [0]))
            .await
            .unwrap_or_else(|_| self.fail("nothing came before the deadline"));
    }

    /// The next stanza or other child of the stream.
    pub async fn next(&mut self) -> Xml {
        match self.inbox.pop_front() {
            Some(stanza) => stanza,
            None => self.expect_element("an element").await,
        }
    }

    async fn expect_element(&mut self, what: &str) -> Xml {
        match self.event().await {
            Event::Item(Item::Element(element)) => element,
            other => self.fail(&format!("wanted {what}, got {other:?}")),
        }
    }

    /// The next element must match.
    pub async fn expect(&mut self, pattern: &str) -> Xml {
        let found = self.next().await;
        if let Err(reason) = Pattern::new(pattern).check(&found) {
            self.fail(&format!("{reason}\nwanted {pattern}\ngot {found}"));
        }
        found
    }

    /// The next elements must match these patterns, in any order.
    pub async fn expect_all(&mut self, patterns: &[&str]) {
        let mut open: Vec<_> = patterns.iter().map(|p| Pattern::new(p)).collect();
        while !open.is_empty() {
            let found = self.next().await;
            match open.iter().position(|pattern| pattern.matches(&found)) {
                Some(index) => drop(open.remove(index)),
                None => self.fail(&format!("got {found}\nstill wanted {open:?}")),
            }
        }
    }

    /// Passes over elements until one matches.
    pub async fn skip_to(&mut self, pattern: &str) -> Xml {
        let wanted = Pattern::new(pattern);
        loop {
            let found = self.next().await;
            if wanted.matches(&found) {
                return found;
            }
        }
    }

    /// Sends an iq of this type and payload and returns the answer; what comes between waits for the next `expect`.
    pub async fn request(&mut self, kind: &str, to: Option<&str>, payload: &str) -> Xml {
        let id = self.next_id();
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        self.send(&format!("<iq type='{kind}' id='{id}'{to}>{payload}</iq>"))
            .await;
        loop {
            let found = self.expect_element("the answer to an iq").await;
            if found.name == "iq"
                && found.attr("id") == Some(&id)
                && matches!(found.attr("type"), Some("result" | "error"))
            {
                return found;
            }
            self.inbox.push_back(found);
        }
    }

    /// Waits until the server has handled what was sent on this stream; returns all that came meanwhile.
    pub async fn sync(&mut self) -> Vec<Xml> {
        self.request("get", None, "<ping xmlns='urn:xmpp:ping'/>")
            .await;
        self.inbox.drain(..).collect()
    }

    /// Fails if anything but the answer to a ping has come.
    pub async fn expect_nothing(&mut self) {
        let got = self.sync().await;
        if let Some(first) = got.first() {
            self.fail(&format!("wanted nothing, got {first}"));
        }
    }

    /// Waits for this stream error, the closing tag and the end of the connection; returns the error element.
    pub async fn expect_stream_error(&mut self, condition: &str) -> Xml {
        let found = self.stream_error(condition).await;
        if found
            .child_ns(condition, "urn:ietf:params:xml:ns:xmpp-streams")
            .is_none()
        {
            self.fail(&format!("wanted stream error {condition}, got {found}"));
        }
        self.expect_end().await;
        found
    }

    /// As [`TestClient::expect_stream_error`], whatever comes before it; the connection may stay open.
    pub async fn skip_to_stream_error(&mut self, condition: &str) {
        let found = self.stream_error(condition).await;
        if found.child(condition).is_none() {
            self.fail(&format!("wanted stream error {condition}, got {found}"));
        }
    }

    async fn stream_error(&mut self, wanted: &str) -> Xml {
        loop {
            match self.event().await {
                Event::Item(Item::Header(header)) => self.header = header,
                Event::Item(Item::Element(element)) if element.name == "error" => return element,
                Event::Item(Item::Element(_)) => {}
                other => self.fail(&format!("wanted stream error {wanted}, got {other:?}")),
            }
        }
    }

    /// Waits for a stream error of any of these conditions, and then for the end; returns the condition.
    pub async fn expect_any_stream_error(&mut self, conditions: &[&str]) -> String {
        let found = self.stream_error(&conditions.join(" or ")).await;
        let condition = found
            .children
            .first()
            .map(|c| c.name.clone())
            .unwrap_or_default();
        if !conditions.contains(&condition.as_str()) {
            self.fail(&format!("wanted stream error {conditions:?}, got {found}"));
        }
        self.expect_end().await;
        condition
    }

    /// Waits for the closing tag and the end of the connection.
    pub async fn expect_end(&mut self) {
        match self.event().await {
            Event::Item(Item::End) => self.expect_eof().await,
            other => self.fail(&format!("wanted the closing tag, got {other:?}")),
        }
    }

    /// Waits for the closing tag; the connection may stay open.
    pub async fn expect_end_of_stream(&mut self) {
        match self.event().await {
            Event::Item(Item::End) => {}
            other => self.fail(&format!("wanted the closing tag, got {other:?}")),
        }
    }

    /// Waits for the end of the connection, whatever comes before it.
    pub async fn expect_eof(&mut self) {
        while self.event().await != Event::Eof {}
    }

    /// Waits for the end of the connection on a port that does not speak XML to us.
    pub async fn expect_closed_without_xml(&mut self) {
        let mut buffer = [0; 1024];
        while let Ok(n) = timeout(DEADLINE, self.socket.read(&mut buffer))
            .await
            .expect("a closed connection")
        {
            if n == 0 {
                break;
            }
            assert!(!buffer[..n].starts_with(b"<"), "XML on a TLS port");
        }
    }

    /// All bytes up to the end of the connection, which must not be a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = timeout(DEADLINE, self.socket.read_to_end(&mut bytes)).await;
        match read {
            Ok(Ok(_)) => bytes,
            other => self.fail(&format!("no end of the connection: {other:?}")),
        }
    }

    /// Closes the stream from our side and waits for the server's closing tag.
    pub async fn close(mut self) {
        self.send("</stream:stream>").await;
        while !matches!(self.event().await, Event::Item(Item::End) | Event::Eof) {}
    }

    fn note(&mut self, who: &str, bytes: &[u8]) {
        let shown = &bytes[..bytes.len().min(TRANSCRIPT_BYTES / 2)];
        self.transcript.extend_from_slice(who.as_bytes());
        self.transcript.extend_from_slice(shown);
        self.transcript.push(b'\n');
        let surplus = self.transcript.len().saturating_sub(TRANSCRIPT_BYTES);
        self.transcript.drain(..surplus);
    }

    /// Ends the test with the conversation so far.
    pub fn fail(&self, reason: &str) -> ! {
        panic!(
            "{}: {reason}\n--- conversation\n{}",
            self.jid,
            String::from_utf8_lossy(&self.transcript)
        );
    }
}
