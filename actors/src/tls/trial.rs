//! A handshake as a client, to see whether TLS is spoken.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::AnyCertificate;
use super::plan::certificate_name;

/// Does a TLS handshake on `stream` as a client of `host` that believes any certificate and offers no ALPN. Deadlines are the
/// caller's.
///
/// # Errors
/// What the socket or TLS reports: the other side does not speak TLS, or not the versions that we do.
pub async fn try_handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
) -> io::Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(certificate_name(host)).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map(drop)
}
