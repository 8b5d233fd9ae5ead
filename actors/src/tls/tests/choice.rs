//! Who is shown what.

use super::*;

fn at(local: &str) -> Arrival<'_> {
    Arrival {
        local: Some(local),
        ..Arrival::default()
    }
}

/// A plan of the host `example.com` with its own pair, and of `example.net` without.
fn with_places(directory: &Path) -> (Plan, [CertificateFiles; 4]) {
    let pair =
        |name: &str| write_pair(directory, name, &[&format!("{name}.example")], (2020, 2100));
    let [own, address, port, listener] = ["own", "address", "port", "listener"].map(pair);
    let mut plan = plan(directory);
    plan.hosts[0].1 = Some(own.clone());
    let of = &mut plan.listeners[0];
    of.by_interface
        .insert("127.0.0.2".parse().unwrap(), address.clone());
    of.by_port.insert(5224, port.clone());
    of.certificate = Some(listener.clone());
    (plan, [own, address, port, listener])
}

#[test]
fn the_host_goes_before_the_address_and_that_before_the_port() {
    let directory = directory();
    let (plan, [own, address, port, listener]) = with_places(directory.path());
    let certificates = Certificates::from_plan(plan).unwrap();
    for (local, others) in [
        ("127.0.0.1:5223", &listener),
        ("127.0.0.1:5224", &port),
        ("127.0.0.2:5224", &address),
        ("[::ffff:127.0.0.2]:5223", &address),
    ] {
        assert_eq!(shown_to(&certificates, at(local), "example.com"), der(&own));
        for sni in ["example.net", "unknown.example", "127.0.0.1"] {
            assert_eq!(
                shown_to(&certificates, at(local), sni),
                der(others),
                "{sni} at {local}"
            );
        }
        let starttls = |host| Arrival {
            starttls: Some(host),
            local: Some(local),
        };
        let on = |host, sni| shown_to(&certificates, starttls(host), sni);
        assert_eq!(on("example.com", "example.net"), der(&own));
        assert_eq!(on("example.net", "example.com"), der(others));
    }
}

#[test]
fn every_row_says_to_whom_it_is_shown() {
    let directory = directory();
    let (plan, files) = with_places(directory.path());
    let rows = Certificates::from_plan(plan).unwrap().rows();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| row.certificate.file.clone())
        .collect();
    assert_eq!(shown, files.map(|files| files.certificate));
    assert_eq!(rows[0].hosts, ["example.com"]);
    assert_eq!(rows[1].interface, Some("127.0.0.2".parse().unwrap()));
    assert_eq!(rows[2].port, Some(5224));
    assert!(rows[3].hosts.is_empty());
    assert_eq!(rows[3].certificate.missing_hosts, ["example.net"]);
    assert!(
        rows.iter()
            .all(|row| row.binds == ["0.0.0.0:5223"] && row.listener == "c2s")
    );
}

#[test]
fn an_unknown_name_is_refused_where_that_is_wanted() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.listeners[0].offer.rejects_unknown_sni = true;
    let certificates = Certificates::from_plan(plan).unwrap();
    for sni in ["example.net", "127.0.0.1"] {
        shown(&certificates, sni);
    }
    let stranger = client("unknown.example", rustls::ALL_VERSIONS, &[]);
    assert!(handshake(&certificates, Arrival::default(), stranger).is_err());
}

#[test]
fn without_a_name_the_best_of_the_hosts_is_shown_and_a_bare_host_has_the_self_signed_one() {
    let directory = directory();
    let own = |name, until| write_pair(directory.path(), name, &["example.com"], (2020, until));
    let (short, long) = (own("short", 2050), own("long", 2090));
    let mut plan = plan(directory.path());
    plan.hosts = vec![
        ("example.com".to_owned(), Some(short)),
        ("example.org".to_owned(), Some(long.clone())),
        ("example.net".to_owned(), None),
    ];
    let certificates = Certificates::from_plan(plan).unwrap();
    assert_eq!(shown(&certificates, "127.0.0.1"), der(&long));
    assert_eq!(shown(&certificates, "unknown.example"), der(&long));
    let bare = shown(&certificates, "example.net");
    assert_eq!(bare, shown_on(&certificates, "example.net", "example.com"));
    let sections: Vec<_> = certificates
        .rows()
        .iter()
        .map(|row| row.certificate.section.clone())
        .collect();
    assert!(sections.contains(&"self-signed".to_owned()), "{sections:?}");
}

#[test]
fn a_direct_listener_without_any_certificate_is_refused() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.listeners[0].is_direct = true;
    let problems = problems(&plan);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("listener.c2s.tls: "),
        "{problems:?}"
    );
    plan.default = Some(write_pair(
        directory.path(),
        "any",
        &["a.example"],
        (2020, 2100),
    ));
    assert_eq!(super::problems(&plan), Vec::<String>::new());
}
