//! Pebble, the ACME server that Let's Encrypt tests clients with, and its name server for which every host is one address.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::certificates::Certificates;
use crate::client::DEADLINE;

const DIRECTORY_PORT: u16 = 14000;
const MANAGEMENT_PORT: u16 = 15000;
const NAME_PORT: u16 = 8053;
const NAME_MANAGEMENT_PORT: u16 = 8055;

/// How an authority behaves.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Where it is, and where its name server says that every host is.
    pub address: Ipv4Addr,
    /// How long its certificates hold, in seconds.
    pub validity: u64,
    /// Of a hundred good nonces, how many it rejects.
    pub rejected_nonces: u8,
    /// The port that it connects to for tls-alpn-01.
    pub tls_port: u16,
    /// The port that it connects to for http-01.
    pub http_port: u16,
}

/// A running authority; it ends with the value, and forgets everything.
pub struct Pebble {
    authority: Authority,
    directory: TempDir,
    certificates: Certificates,
    _names: Child,
    _server: Child,
}

impl Authority {
    /// At this address, with certificates for a month, looking at the ports of a test node.
    pub fn at(address: Ipv4Addr) -> Authority {
        Authority {
            address,
            validity: 30 * 24 * 60 * 60,
            rejected_nonces: 5,
            tls_port: 5223,
            http_port: 5280,
        }
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://{}:{DIRECTORY_PORT}/dir", self.address)
    }

    /// Starts it. It is the same as before but for its memory, which is empty, and its roots.
    ///
    /// `certificates` is what its own server shows, whose root its clients have to trust.
    pub async fn start(&self, certificates: Certificates) -> Pebble {
        let directory = tempfile::tempdir().unwrap();
        let names = self.name_server();
        let config = json!({ "pebble": {
            "listenAddress": format!("{}:{DIRECTORY_PORT}", self.address),
            "managementListenAddress": format!("{}:{MANAGEMENT_PORT}", self.address),
            "certificate": certificates.chain_file,
            "privateKey": certificates.key_file,
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "certificateValidityPeriod": self.validity,
        }});
        let path = directory.path().join("pebble.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let mut server = Command::new("pebble");
        server
            .arg("-config")
            .arg(&path)
            .args(["-dnsserver", &format!("{}:{NAME_PORT}", self.address)])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_WFE_NONCEREJECT", self.rejected_nonces.to_string());
        let server = ready(server, "ACME directory available at").await;
        Pebble {
            authority: self.clone(),
            directory,
            certificates,
            _names: names.await,
            _server: server,
        }
    }

    async fn name_server(&self) -> Child {
        let mut names = Command::new("pebble-challtestsrv");
        let address = self.address;
        names
            .args(["-defaultIPv4", &address.to_string(), "-defaultIPv6", ""])
            .args(["-dns01", &format!("{address}:{NAME_PORT}")])
            .args(["-management", &format!("{address}:{NAME_MANAGEMENT_PORT}")])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        ready(names, "Starting management server").await
    }
}

impl Pebble {
    /// The root of the certificates that it issues.
    pub async fn root(&self) -> CertificateDer<'static> {
        let asking = async {
            loop {
                if let Ok(page) = self.ask("/roots/0").await {
                    return page;
                }
            }
        };
        let page = timeout(DEADLINE, asking).await.expect("a root");
        CertificateDer::from_pem_slice(page.as_bytes()).unwrap()
    }

    /// Ends it, and gives back what its server showed.
    pub fn stop(self) -> Certificates {
        drop(self.directory);
        self.certificates
    }

    /// A page of the management interface.
    async fn ask(&self, page: &str) -> std::io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificates.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = self.authority.address;
        let tcp = TcpStream::connect((address, MANAGEMENT_PORT)).await?;
        let name = ServerName::from(std::net::IpAddr::V4(address));
        let mut tls = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await?;
        let request = format!("GET {page} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        tls.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tls.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// Starts a program and waits until it says this.
async fn ready(mut program: Command, sign: &str) -> Child {
    let mut child = program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("pebble, which `cargo xtask test --only tools` installs");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let waiting = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(sign) {
                return;
            }
        }
        panic!("{program:?} ended");
    };
    timeout(DEADLINE, waiting)
        .await
        .expect("a server that starts");
    // What it says later is read and thrown away, so that it never waits for that.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}
