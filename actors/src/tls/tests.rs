use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use portcullis_config::{CertificateFiles, Group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};
use tempfile::TempDir;

use super::plan::{ListenerPlan, Offer};
use super::*;

mod choice;
mod found;
mod offer;

fn listener() -> ListenerPlan {
    ListenerPlan {
        name: "c2s".to_owned(),
        binds: vec!["0.0.0.0:5223".to_owned()],
        certificate: None,
        by_interface: BTreeMap::new(),
        by_port: BTreeMap::new(),
        is_direct: false,
        offer: Offer {
            tls12: true,
            tls13: true,
            disabled_suites: Vec::new(),
            ignore_client_order: true,
            groups: vec![Group::X25519, Group::P256, Group::P384],
            tickets: true,
            rejects_unknown_sni: false,
            protocols: vec!["xmpp-client"],
            alpn_strict: false,
        },
    }
}

fn plan(directory: &Path) -> Plan {
    Plan {
        data_directory: directory.to_owned(),
        hosts: vec![
            ("example.com".to_owned(), None),
            ("example.net".to_owned(), None),
        ],
        directories: Vec::new(),
        default: None,
        listeners: vec![listener()],
        may_make_self_signed: true,
        is_ordering: false,
    }
}

/// Writes a pair for `names` that is valid from year to year.
fn write_pair(directory: &Path, file: &str, names: &[&str], years: (i32, i32)) -> CertificateFiles {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let files = CertificateFiles {
        certificate: directory.join(format!("{file}.crt")),
        key: directory.join(format!("{file}.key")),
    };
    std::fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// Accepts every certificate and so shows which one was served.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn client(
    name: &str,
    versions: &[&'static rustls::SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> ClientConnection {
    client_of(
        rustls::crypto::ring::default_provider(),
        name,
        versions,
        alpn,
    )
}

fn client_of(
    provider: rustls::crypto::CryptoProvider,
    name: &str,
    versions: &[&'static rustls::SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> ClientConnection {
    let provider = Arc::new(provider);
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(provider)))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap()
}

/// Who comes to the listener `c2s`, and to which of our addresses.
#[derive(Clone, Copy, Default)]
struct Arrival<'a> {
    starttls: Option<&'a str>,
    local: Option<&'a str>,
}

/// Runs a handshake in memory.
fn handshake(
    certificates: &Certificates,
    arrival: Arrival<'_>,
    mut client: ClientConnection,
) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
    let mut acceptor = rustls::server::Acceptor::default();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    acceptor.read_tls(&mut wire.as_slice()).unwrap();
    let accepted = acceptor.accept().map_err(|(error, _)| error)?.unwrap();
    let local = arrival.local.map(|local| local.parse().unwrap());
    let config = certificates
        .settings("c2s", arrival.starttls, local, &accepted.client_hello())
        .expect("a known listener and host");
    let mut server = accepted
        .into_connection(config)
        .map_err(|(error, _)| error)?;
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        let mut input = wire.as_slice();
        while !input.is_empty() {
            client.read_tls(&mut input).unwrap();
            client.process_new_packets()?;
        }
        wire.clear();
        client.write_tls(&mut wire).unwrap();
        let mut input = wire.as_slice();
        while !input.is_empty() {
            server.read_tls(&mut input).unwrap();
            server.process_new_packets()?;
        }
    }
    Ok((server, client))
}

/// The certificate that a client with this SNI is shown.
fn shown_to(certificates: &Certificates, arrival: Arrival<'_>, sni: &str) -> Vec<u8> {
    let client = client(sni, rustls::ALL_VERSIONS, &[]);
    let (_, client) = handshake(certificates, arrival, client).unwrap();
    client.peer_certificates().unwrap()[0].to_vec()
}

/// As [`shown_to`], with TLS first.
fn shown(certificates: &Certificates, sni: &str) -> Vec<u8> {
    shown_to(certificates, Arrival::default(), sni)
}

/// As [`shown_to`], on a stream to this host.
fn shown_on(certificates: &Certificates, host: &str, sni: &str) -> Vec<u8> {
    let arrival = Arrival {
        starttls: Some(host),
        ..Arrival::default()
    };
    shown_to(certificates, arrival, sni)
}

fn der(files: &CertificateFiles) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_file(&files.certificate)
        .unwrap()
        .to_vec()
}

fn problems(plan: &Plan) -> Vec<String> {
    Certificates::from_plan(plan.clone())
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_self_signed_pair_is_made_for_all_hosts_and_kept() {
    let directory = directory();
    let plan = plan(directory.path());
    let report = Certificates::from_plan(plan.clone()).unwrap().report();
    assert_eq!(report.len(), 1);
    assert_eq!(report[0].names, ["example.com", "example.net"]);
    assert_eq!(
        (&report[0].state, report[0].warning()),
        (&CertificateState::Valid, None)
    );
    for file in ["self-signed.crt", "self-signed.key"] {
        let mode = std::fs::metadata(directory.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let again = Certificates::from_plan(plan.clone()).unwrap().report();
    assert_eq!(again[0].fingerprint, report[0].fingerprint);
}

#[test]
fn a_new_host_gets_a_new_self_signed_pair() {
    let directory = directory();
    let mut plan = plan(directory.path());
    let before = Certificates::from_plan(plan.clone()).unwrap().report();
    plan.hosts.push(("example.org".to_owned(), None));
    let after = Certificates::from_plan(plan.clone()).unwrap().report();
    assert_ne!(before[0].fingerprint, after[0].fingerprint);
    assert!(after[0].missing_hosts.is_empty());
}

#[test]
fn nothing_is_made_where_every_listener_has_a_pair() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.listeners[0].certificate = Some(write_pair(
        directory.path(),
        "own",
        &["example.com"],
        (2020, 2100),
    ));
    let report = Certificates::from_plan(plan.clone()).unwrap().report();
    assert!(!directory.path().join("self-signed.crt").exists());
    assert_eq!(report[0].missing_hosts, ["example.net"]);
    assert!(
        report[0]
            .warning()
            .unwrap()
            .contains("does not hold for example.net")
    );
}

#[test]
fn direct_tls_follows_the_sni_and_starttls_the_stream() {
    let directory = directory();
    let mut plan = plan(directory.path());
    let own = write_pair(directory.path(), "net", &["example.net"], (2020, 2100));
    let listener = write_pair(directory.path(), "listener", &["example.com"], (2020, 2100));
    plan.hosts[1].1 = Some(own.clone());
    plan.listeners[0].certificate = Some(listener.clone());
    let certificates = Certificates::from_plan(plan.clone()).unwrap();
    assert_eq!(shown(&certificates, "example.net"), der(&own));
    assert_eq!(shown(&certificates, "EXAMPLE.NET"), der(&own));
    assert_eq!(shown(&certificates, "example.com"), der(&listener));
    assert_eq!(shown(&certificates, "unknown.example"), der(&listener));
    assert_eq!(shown(&certificates, "192.0.2.1"), der(&listener));
    assert_eq!(
        shown_on(&certificates, "example.net", "example.com"),
        der(&own)
    );
    assert_eq!(
        shown_on(&certificates, "example.com", "example.net"),
        der(&listener)
    );
}

#[test]
fn versions_can_be_switched_off() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.listeners[0].offer.tls12 = false;
    let certificates = Certificates::from_plan(plan.clone()).unwrap();
    let old = client("example.com", &[&rustls::version::TLS12], &[]);
    assert!(handshake(&certificates, Arrival::default(), old).is_err());
    plan.listeners[0].offer.tls12 = true;
    plan.listeners[0].offer.tls13 = false;
    let certificates = Certificates::from_plan(plan.clone()).unwrap();
    let new = client("example.com", rustls::ALL_VERSIONS, &[]);
    let (server, _) = handshake(&certificates, Arrival::default(), new).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_2));
}

#[test]
fn alpn_is_answered_on_direct_tls_only() {
    let directory = directory();
    let certificates = Certificates::from_plan(plan(directory.path())).unwrap();
    let with = |alpn: &[&[u8]]| client("example.com", rustls::ALL_VERSIONS, alpn);
    let (server, _) =
        handshake(&certificates, Arrival::default(), with(&[b"xmpp-client"])).unwrap();
    assert_eq!(server.alpn_protocol(), Some(b"xmpp-client".as_slice()));
    let (server, _) = handshake(&certificates, Arrival::default(), with(&[b"http/1.1"])).unwrap();
    assert_eq!(server.alpn_protocol(), None);
    let (server, _) = handshake(
        &certificates,
        Arrival {
            starttls: Some("example.com"),
            local: None,
        },
        with(&[b"xmpp-client"]),
    )
    .unwrap();
    assert_eq!(server.alpn_protocol(), None);
}

#[test]
fn both_ends_export_the_same_keying_material_in_tls_1_3_only() {
    let directory = directory();
    let certificates = Certificates::from_plan(plan(directory.path())).unwrap();
    let (server, client_end) = handshake(
        &certificates,
        Arrival::default(),
        client("example.com", &[&rustls::version::TLS13], &[]),
    )
    .unwrap();
    let expected = client_end
        .export_keying_material([0_u8; 32], b"EXPORTER-Channel-Binding", Some(&[]))
        .unwrap();
    assert_eq!(tls_facts(&server).exporter, Some(expected));
    let (server, _) = handshake(
        &certificates,
        Arrival::default(),
        client("example.com", &[&rustls::version::TLS12], &[]),
    )
    .unwrap();
    assert_eq!(tls_facts(&server).exporter, None);
}

#[test]
fn every_bad_file_is_named() {
    let directory = directory();
    let good = write_pair(directory.path(), "good", &["example.com"], (2020, 2100));
    let other = write_pair(directory.path(), "other", &["example.com"], (2020, 2100));
    let broken = directory.path().join("broken.pem");
    std::fs::write(
        &broken,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let mut plan = plan(directory.path());
    plan.hosts = vec![
        (
            "a".to_owned(),
            Some(CertificateFiles {
                certificate: directory.path().join("none.crt"),
                key: good.key.clone(),
            }),
        ),
        (
            "b".to_owned(),
            Some(CertificateFiles {
                certificate: good.certificate.clone(),
                key: other.key,
            }),
        ),
        (
            "c".to_owned(),
            Some(CertificateFiles {
                certificate: broken.clone(),
                key: good.key.clone(),
            }),
        ),
        (
            "d".to_owned(),
            Some(CertificateFiles {
                certificate: good.certificate.clone(),
                key: broken,
            }),
        ),
    ];
    plan.listeners[0].certificate = Some(CertificateFiles {
        certificate: good.certificate.clone(),
        key: good.certificate,
    });
    let problems = problems(&plan).join("\n");
    for expected in [
        "host.\"a\".tls: ",
        "none.crt: can not be read",
        "is not the key of",
        "holds no certificate",
        "the key is encrypted",
        "listener.c2s.tls",
        "good.crt: holds no private key",
    ] {
        assert!(problems.contains(expected), "{expected} in\n{problems}");
    }
}

#[test]
fn expired_certificates_are_used_with_a_warning() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.listeners[0].certificate = Some(write_pair(
        directory.path(),
        "old",
        &["*.com", "example.net"],
        (2001, 2002),
    ));
    let report = Certificates::from_plan(plan.clone()).unwrap().report();
    assert_eq!(report[0].state, CertificateState::Expired);
    assert!(report[0].warning().unwrap().contains("has expired"));
    assert!(
        report[0].missing_hosts.is_empty(),
        "a wildcard holds for one label"
    );
}

#[test]
fn a_reload_serves_new_files_and_keeps_the_old_ones_when_one_is_bad() {
    let directory = directory();
    let mut plan = plan(directory.path());
    let first = write_pair(directory.path(), "pair", &["example.com"], (2020, 2100));
    plan.listeners[0].certificate = Some(first.clone());
    let certificates = Certificates::from_plan(plan.clone()).unwrap();
    let old = der(&first);
    let second = write_pair(directory.path(), "pair", &["example.com"], (2020, 2100));
    let new = der(&second);
    assert_eq!(shown(&certificates, "example.com"), old);
    certificates.put_in_force(certificates.prepare_plan(plan.clone()).unwrap());
    assert_eq!(shown(&certificates, "example.com"), new);
    assert_eq!(shown_on(&certificates, "example.com", "example.com"), new);
    std::fs::write(&second.certificate, "rubbish").unwrap();
    let refused = certificates.prepare_plan(plan.clone()).err().unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!(shown(&certificates, "example.com"), new);
}

#[test]
fn hosts_in_any_script_and_addresses_are_named_as_certificates_name_them() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.hosts = ["bücher.example", "127.0.0.1", "[::1]"]
        .map(|host| (host.to_owned(), None))
        .to_vec();
    let report = Certificates::from_plan(plan.clone()).unwrap().report();
    assert_eq!(
        report[0].names,
        ["xn--bcher-kva.example", "127.0.0.1", "::1"]
    );
    assert!(report[0].missing_hosts.is_empty());
    let again = Certificates::from_plan(plan.clone()).unwrap().report();
    assert_eq!(again[0].fingerprint, report[0].fingerprint);
    let own = write_pair(
        directory.path(),
        "own",
        &["xn--bcher-kva.example"],
        (2020, 2100),
    );
    plan.hosts[0].1 = Some(own.clone());
    let certificates = Certificates::from_plan(plan.clone()).unwrap();
    assert_eq!(shown(&certificates, "xn--bcher-kva.example"), der(&own));
    assert_eq!(
        shown_on(&certificates, "bücher.example", "127.0.0.1"),
        der(&own)
    );
}
