//! The socket under a client: plain TCP, or TLS on top of it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Anything that carries bytes both ways.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// How a client speaks TLS.
#[derive(Clone)]
pub struct TlsOptions {
    /// The only root that is trusted.
    pub root: CertificateDer<'static>,
    /// Server name sent and verified.
    pub name: String,
    /// ALPN protocols offered; none sends no extension.
    pub alpn: Vec<String>,
    /// Speak TLS 1.2 instead of 1.3.
    pub tls12: bool,
}

/// What the handshake agreed on.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// The `tls-exporter` channel binding of RFC 9266.
    pub exporter: [u8; 32],
    /// The protocol the server chose by ALPN.
    pub alpn: Option<String>,
    /// True for TLS 1.3.
    pub is_tls13: bool,
}

/// Opens a TCP connection.
pub(crate) async fn connect(address: SocketAddr) -> Box<dyn Socket> {
    let stream = TcpStream::connect(address)
        .await
        .unwrap_or_else(|e| panic!("connect to {address}: {e}"));
    stream.set_nodelay(true).unwrap();
    Box::new(stream)
}

/// Shakes hands over an open connection.
pub(crate) async fn upgrade(
    socket: Box<dyn Socket>,
    options: &TlsOptions,
) -> std::io::Result<(Box<dyn Socket>, TlsFacts)> {
    let name = ServerName::try_from(options.name.clone()).unwrap();
    let stream = TlsConnector::from(Arc::new(client_config(options)))
        .connect(name, socket)
        .await?;
    let connection = stream.get_ref().1;
    let exporter = connection
        .export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", Some(&[]))
        .unwrap();
    let facts = TlsFacts {
        exporter,
        alpn: connection
            .alpn_protocol()
            .map(|p| String::from_utf8_lossy(p).into_owned()),
        is_tls13: connection.protocol_version() == Some(ProtocolVersion::TLSv1_3),
    };
    Ok((Box::new(stream), facts))
}

fn client_config(options: &TlsOptions) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(options.root.clone()).unwrap();
    let versions = if options.tls12 {
        [&rustls::version::TLS12]
    } else {
        [&rustls::version::TLS13]
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = options
        .alpn
        .iter()
        .map(|p| p.clone().into_bytes())
        .collect();
    config
}
