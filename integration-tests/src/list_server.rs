//! A web server for lists, which can also misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;
use crate::client::DEADLINE;

/// What the server says to every request, until it is told something else.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing more, for ever.
    Stall(Vec<u8>),
    /// The first bytes, then the second ones again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// The first bytes, then the second ones one by one, slowly.
    Drip(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// `200` with a body and more header lines.
    pub fn ok(body: impl AsRef<[u8]>, headers: &[&str]) -> Reply {
        Reply::with_status("200 OK", body, headers)
    }

    /// Any status.
    pub fn with_status(status: &str, body: impl AsRef<[u8]>, headers: &[&str]) -> Reply {
        let body = body.as_ref();
        let mut reply = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for header in headers {
            reply.push_str(header);
            reply.push_str("\r\n");
        }
        Reply::Bytes([reply.as_bytes(), b"\r\n", body].concat())
    }

    /// The head of an answer whose length nobody says.
    pub fn head() -> Vec<u8> {
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec()
    }
}

/// The server; it ends with the value.
pub struct ListServer {
    address: SocketAddr,
    scheme: &'static str,
    reply: watch::Sender<Reply>,
    requests: UnboundedReceiver<String>,
    sent: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl ListServer {
    /// A server on a port of the system's choice.
    pub async fn start(reply: Reply) -> ListServer {
        Self::serve(reply, None).await
    }

    /// A server with TLS and the certificate of these files.
    pub async fn start_tls(reply: Reply, certificates: &Certificates) -> ListServer {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&certificates.chain_file)
            .unwrap()
            .collect();
        let key = PrivateKeyDer::from_pem_file(&certificates.key_file).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.unwrap(), key)
            .unwrap();
        Self::serve(reply, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(reply: Reply, tls: Option<TlsAcceptor>) -> ListServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (reply, replies) = watch::channel(reply);
        let (asked, requests) = unbounded_channel();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (replies, asked) = (replies.clone(), asked.clone());
                let (tls, counter) = (tls.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    answer(socket, tls, replies, asked, &counter).await.ok();
                });
            }
        });
        ListServer {
            address,
            scheme,
            reply,
            requests,
            sent,
            serving,
        }
    }

    /// The address of a page.
    pub fn url(&self, page: &str) -> String {
        let (scheme, port) = (self.scheme, self.address.port());
        match self.scheme {
            "https" => format!("{scheme}://localhost:{port}/{page}"),
            _ => format!("{scheme}://{}/{page}", self.address),
        }
    }

    /// Says this from now on.
    pub fn say(&self, reply: Reply) {
        self.reply.send_replace(reply);
    }

    /// The head of the next request.
    pub async fn asked(&mut self) -> String {
        timeout(DEADLINE, self.requests.recv())
            .await
            .expect("a request")
            .expect("a running server")
    }

    /// The next request's head, if one has come and was not asked for yet.
    pub fn asked_already(&mut self) -> Option<String> {
        self.requests.try_recv().ok()
    }

    /// Bytes that clients have taken.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for ListServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    replies: watch::Receiver<Reply>,
    asked: UnboundedSender<String>,
    sent: &AtomicU64,
) -> std::io::Result<()> {
    match tls {
        Some(tls) => say(tls.accept(socket).await?, replies, asked, sent).await,
        None => say(socket, replies, asked, sent).await,
    }
}

async fn say(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    replies: watch::Receiver<Reply>,
    asked: UnboundedSender<String>,
    sent: &AtomicU64,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(socket.read_u8().await?);
    }
    // The reply first: whoever has seen the request may say something else for the next one.
    let reply = replies.borrow().clone();
    drop(asked.send(String::from_utf8_lossy(&request).into_owned()));
    let write = async |socket: &mut _, bytes: &[u8]| -> std::io::Result<()> {
        write_all(socket, bytes).await?;
        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    };
    match reply {
        Reply::Bytes(bytes) => {
            write(&mut socket, &bytes).await?;
            socket.shutdown().await
        }
        Reply::Stall(bytes) => {
            write(&mut socket, &bytes).await?;
            std::future::pending().await
        }
        Reply::Endless(head, chunk) => {
            write(&mut socket, &head).await?;
            loop {
                write(&mut socket, &chunk).await?;
            }
        }
        Reply::Drip(head, bytes) => {
            write(&mut socket, &head).await?;
            for byte in bytes.iter().cycle() {
                write(&mut socket, &[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        }
    }
}

async fn write_all(socket: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(bytes).await?;
    socket.flush().await
}
