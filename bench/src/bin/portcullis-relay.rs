//! The bare relay: see `portcullis_bench::relay`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context, Result};
use clap::Parser;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use portcullis_bench::relay::Relay;
use portcullis_bench::transport;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Moves bytes between the sockets of a pair. Prints the two ports it listens on.
#[derive(Debug, Parser)]
#[command(name = "portcullis-relay")]
struct Options {
    /// Where sessions begin plain, with STARTTLS if there is a certificate.
    #[arg(long, default_value = "127.0.0.1:0")]
    plain: SocketAddr,
    /// Where sessions begin with TLS.
    #[arg(long, default_value = "127.0.0.1:0")]
    direct: SocketAddr,
    /// Certificate chain, PEM.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// Send what user 0 says to everybody instead of within pairs.
    #[arg(long)]
    fan_out: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(256)
        .build()?;
    LocalSet::new().block_on(&runtime, serve(options))
}

async fn serve(options: Options) -> Result<()> {
    let relay = Rc::new(Relay::new(options.fan_out, acceptor(&options)?));
    let plain = TcpListener::bind(options.plain)
        .await
        .context("binding the plain port")?;
    let direct = TcpListener::bind(options.direct)
        .await
        .context("binding the TLS port")?;
    writeln!(
        std::io::stdout(),
        "{} {}",
        plain.local_addr()?,
        direct.local_addr()?
    )?;
    tokio::try_join!(
        relay.clone().listen(plain, false),
        relay.listen(direct, true)
    )?;
    Ok(())
}

fn acceptor(options: &Options) -> Result<Option<TlsAcceptor>> {
    let (Some(certificate), Some(key)) = (&options.certificate, &options.key) else {
        return Ok(None);
    };
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    Ok(Some(transport::acceptor(chain, key)?))
}
