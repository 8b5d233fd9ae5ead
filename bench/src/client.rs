//! A hand-written client that logs in and then hands its socket over.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use crate::scan::{self, Piece};
use crate::scram::{Exchange, Hash};
use crate::transport::Transport;

/// How a session is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Security {
    /// No TLS.
    Plain,
    /// STARTTLS (RFC 6120 §5).
    Starttls,
    /// TLS from the first byte (XEP-0368).
    Direct,
}

/// How a session authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    /// SCRAM-SHA-1.
    ScramSha1,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// PLAIN.
    Plain,
    /// Not at all: the bare relay knows no users.
    None,
}

/// Where and how to log in; the same for all sessions of a run.
pub struct Target {
    /// The server's socket.
    pub address: SocketAddr,
    /// The host that serves the users.
    pub domain: String,
    /// How sessions are protected.
    pub security: Security,
    /// How they authenticate.
    pub mechanism: Mechanism,
    /// Present unless sessions are plain.
    pub tls: Option<TlsConnector>,
    /// Whether a session announces itself by an initial presence.
    pub presence: bool,
    /// How long a log-in may take.
    pub timeout: Duration,
    /// How many loopback addresses connections come from in turn; 0 leaves it to the system. One address has no more
    /// ports than the system gives out of itself.
    pub sources: u8,
    /// Connections so far.
    pub turn: Cell<u32>,
}

impl Target {
    /// Where the next connection comes from: 127.0.1.1 and those behind it, in turn.
    pub fn source(&self) -> Option<Ipv4Addr> {
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let last = turn.checked_rem(self.sources.into())?;
        Some(Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(last).ok()?))
    }

    /// The resource that a user's session binds: the relay pairs sessions by it, so there it is the user's name.
    pub fn resource(&self, user: &str) -> String {
        if self.mechanism == Mechanism::None {
            user.to_owned()
        } else {
            "bench".to_owned()
        }
    }

    /// The full JID of a user's session.
    pub fn full_jid(&self, user: &str) -> String {
        format!("{user}@{}/{}", self.domain, self.resource(user))
    }
}

/// The name of account number `index`.
pub fn user(index: usize) -> String {
    format!("bench{index}")
}

/// The password of every account: one for all, so that clients may keep what they derive from it.
pub const PASSWORD: &str = "Correct-Horse-7";

/// A stream that is being, or has been, negotiated.
pub struct Client {
    transport: Transport,
    buffer: Vec<u8>,
    target: Rc<Target>,
    user: String,
}

impl Client {
    /// Connects and logs `user` in: TLS, SASL, bind, session where it is required, and initial presence.
    pub async fn login(target: &Rc<Target>, user: &str) -> Result<Self> {
        tokio::time::timeout(target.timeout, Self::negotiate(target, user))
            .await
            .map_err(|_| anyhow!("no answer within {:?}", target.timeout))
            .flatten()
            .with_context(|| format!("log-in of {user}"))
    }

    async fn negotiate(target: &Rc<Target>, user: &str) -> Result<Self> {
        let transport = Transport::connect(target.address, target.source()).await?;
        let mut client = Self {
            transport,
            buffer: Vec::new(),
            target: target.clone(),
            user: user.to_owned(),
        };
        if target.security == Security::Direct {
            client = client.secure().await?;
        }
        let mut features = client.open().await?;
        if target.security == Security::Starttls {
            client.request_tls(&features).await?;
            client = client.secure().await?;
            features = client.open().await?;
        }
        if target.mechanism != Mechanism::None {
            client.authenticate(&features).await?;
            features = client.open().await?;
        }
        client.bind(&features).await?;
        Ok(client)
    }

    async fn secure(self) -> Result<Self> {
        let tls = self.target.tls.as_ref().context("no TLS configured")?;
        let transport = self.transport.handshake(tls, &self.target.domain).await?;
        Ok(Self {
            transport,
            buffer: Vec::new(),
            target: self.target,
            user: self.user,
        })
    }

    async fn open(&mut self) -> Result<String> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xml:lang='en' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            self.target.domain
        );
        self.send(&header).await?;
        let features = self.next().await?;
        ensure!(
            features.contains(":features") || features.contains("<features"),
            "expected features, got {features}"
        );
        Ok(features)
    }

    async fn request_tls(&mut self, features: &str) -> Result<()> {
        ensure!(
            features.contains("urn:ietf:params:xml:ns:xmpp-tls"),
            "no STARTTLS offered: {features}"
        );
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await?;
        let answer = self.next().await?;
        ensure!(answer.contains("proceed"), "STARTTLS refused: {answer}");
        Ok(())
    }

    async fn authenticate(&mut self, features: &str) -> Result<()> {
        let hash = match self.target.mechanism {
            Mechanism::ScramSha1 => Hash::Sha1,
            Mechanism::ScramSha256 => Hash::Sha256,
            Mechanism::Plain => return self.authenticate_plain().await,
            Mechanism::None => return Ok(()),
        };
        let name = hash.mechanism();
        ensure!(
            features.contains(&format!(">{name}<")),
            "{name} is not offered: {features}"
        );
        let mut random = [0u8; 18];
        getrandom::fill(&mut random).map_err(|error| anyhow!("no random numbers: {error}"))?;
        let exchange = Exchange::new(hash, &self.user, STANDARD.encode(random));
        self.send(&format!(
            "<auth xmlns='{SASL}' mechanism='{name}'>{}</auth>",
            exchange.first()
        ))
        .await?;
        let challenge = self.next().await?;
        let text = scan::text(&challenge, "challenge")
            .with_context(|| format!("no challenge: {challenge}"))?;
        let answer = exchange.answer(text, PASSWORD)?;
        self.send(&format!("<response xmlns='{SASL}'>{answer}</response>"))
            .await?;
        self.expect_success().await
    }

    async fn authenticate_plain(&mut self) -> Result<()> {
        let response = STANDARD.encode(format!("\0{}\0{PASSWORD}", self.user));
        self.send(&format!(
            "<auth xmlns='{SASL}' mechanism='PLAIN'>{response}</auth>"
        ))
        .await?;
        self.expect_success().await
    }

    async fn expect_success(&mut self) -> Result<()> {
        let answer = self.next().await?;
        ensure!(answer.contains("<success"), "not authenticated: {answer}");
        Ok(())
    }

    async fn bind(&mut self, features: &str) -> Result<()> {
        ensure!(
            features.contains("urn:ietf:params:xml:ns:xmpp-bind"),
            "no bind offered: {features}"
        );
        let resource = self.target.resource(&self.user);
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        ))
        .await?;
        let answer = self.answer("bind").await?;
        let jid = scan::text(&answer, "jid").with_context(|| format!("not bound: {answer}"))?;
        ensure!(jid == self.target.full_jid(&self.user), "bound as {jid}");
        if features.contains("xmpp-session") && !features.contains("optional") {
            self.send("<iq type='set' id='session'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>").await?;
            self.answer("session").await?;
        }
        if self.target.presence && self.target.mechanism != Mechanism::None {
            self.send("<presence/>").await?;
        }
        Ok(())
    }

    /// Waits until the server has handled everything sent so far, by a ping that any answer will do for.
    pub async fn settle(&mut self) -> Result<()> {
        if self.target.mechanism == Mechanism::None {
            return Ok(());
        }
        let ping = format!(
            "<iq type='get' id='settle' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>",
            self.target.domain
        );
        self.send(&ping).await?;
        self.wait_for(|stanza| scan::attribute(stanza, "id") == Some("settle"))
            .await?;
        Ok(())
    }

    /// The result with this id; an error stanza is an error.
    pub async fn answer(&mut self, id: &str) -> Result<String> {
        let answer = self
            .wait_for(|stanza| {
                stanza.starts_with("<iq") && scan::attribute(stanza, "id") == Some(id)
            })
            .await?;
        ensure!(
            scan::attribute(&answer, "type") == Some("result"),
            "refused: {answer}"
        );
        Ok(answer)
    }

    /// The first stanza that `wanted` accepts; those before it are dropped.
    pub async fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        loop {
            let stanza = self.next().await?;
            if wanted(&stanza) {
                return Ok(stanza);
            }
        }
    }

    /// Sends text as it is.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        self.transport.write_all(text.as_bytes()).await?;
        self.transport.flush().await?;
        Ok(())
    }

    /// The next stanza or other child of the stream; stream headers are skipped.
    pub async fn next(&mut self) -> Result<String> {
        loop {
            while let Some((piece, end)) = scan::next_piece(&self.buffer) {
                let bytes: Vec<u8> = self.buffer.drain(..end).collect();
                match piece {
                    Piece::Stanza => return self.accept(&bytes),
                    Piece::Footer => bail!("the server closed the stream"),
                    Piece::Declaration | Piece::Header => {}
                }
            }
            if self.transport.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }

    fn accept(&self, bytes: &[u8]) -> Result<String> {
        let stanza = str::from_utf8(bytes)?.trim_start().to_owned();
        ensure!(
            !stanza.starts_with("<stream:error"),
            "stream error: {stanza}"
        );
        Ok(stanza)
    }

    /// Ends the stream and the connection without waiting for the server's goodbye.
    pub async fn close(mut self) -> Result<()> {
        self.send("</stream:stream>").await?;
        self.transport.shutdown().await?;
        Ok(())
    }

    /// The negotiated TLS suite.
    pub fn suite(&self) -> Option<String> {
        self.transport.suite()
    }

    /// The socket, for a loop that counts; what had arrived and was not read is lost.
    pub fn into_transport(self) -> Transport {
        self.transport
    }
}

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
