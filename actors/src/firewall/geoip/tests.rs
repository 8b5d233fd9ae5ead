use std::fs;
use std::net::IpAddr;

use mmdb_writer::Writer;
use mmdb_writer::ipnet::IpNet;
use portcullis_config::{Config, Sources};
use serde_json::{Value, json};

use super::*;
use crate::arbiters::Arbiters;
use crate::firewall::{Firewall, check};
use crate::supervise::Tree;

const SCRIPT: &str = "FROM COUNTRY: SE\nDROP.\n";

fn built(entries: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::new("Test");
    for (network, entry) in entries {
        writer
            .insert(network.parse::<IpNet>().unwrap(), entry)
            .unwrap();
    }
    writer.to_bytes().unwrap()
}

fn place(country: &str, continent: &str) -> Value {
    json!({ "country": { "iso_code": country }, "continent": { "code": continent } })
}

/// A directory with a script, and databases as they are written.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.pfw"), SCRIPT).unwrap();
        Self(directory)
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.0.path().join("test.mmdb"), bytes).unwrap();
    }

    fn read(&self, entries: &[(&str, Value)]) -> Database {
        self.write(&built(entries));
        Database::read(&self.0.path().join("test.mmdb")).unwrap()
    }

    fn config(&self, keys: &str) -> Config {
        let file = self.0.path().join("portcullis.toml");
        let toml = format!("[host.\"example.com\"]\n[firewall]\nscripts = [\"a.pfw\"]\n{keys}");
        fs::write(&file, toml).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        portcullis_config::load(&sources).unwrap().config
    }

    fn with_database(&self) -> Config {
        self.config("geoip_database = \"test.mmdb\"\n")
    }
}

fn ask(database: &Database, ip: &str) -> [Option<String>; 3] {
    let ip: IpAddr = ip.parse().unwrap();
    [
        CountryField::Code,
        CountryField::Code3,
        CountryField::Continent,
    ]
    .map(|field| database.country(ip, field).map(Cow::into_owned))
}

fn some(code: &str, code3: &str, continent: &str) -> [Option<String>; 3] {
    [code, code3, continent].map(|text| Some(text.to_owned()))
}

#[test]
fn addresses_of_both_families_are_placed() {
    let database = Fixture::new().read(&[
        ("192.0.2.0/24", place("SE", "EU")),
        ("198.51.100.128/25", place("us", "na")),
        ("2001:db8:1::/48", place("JP", "AS")),
    ]);
    assert_eq!(database.kind(), "Test");
    assert_eq!(ask(&database, "192.0.2.7"), some("SE", "SWE", "EU"));
    assert_eq!(ask(&database, "::ffff:192.0.2.7"), some("SE", "SWE", "EU"));
    assert_eq!(ask(&database, "198.51.100.200"), some("US", "USA", "NA"));
    assert_eq!(ask(&database, "2001:db8:1::1"), some("JP", "JPN", "AS"));
}

#[test]
fn what_is_not_known_is_none() {
    let database = Fixture::new().read(&[
        ("192.0.2.0/25", place("XK", "EU")),
        ("192.0.2.128/25", json!({ "continent": { "code": "AF" } })),
        ("198.51.100.0/24", json!({ "country": { "iso_code": 7 } })),
        ("2001:db8:1::/48", json!({ "asn": 64_512 })),
    ]);
    let texts = |code: Option<&str>, continent: Option<&str>| {
        [code, None, continent].map(|text| text.map(str::to_owned))
    };
    assert_eq!(ask(&database, "192.0.2.1"), texts(Some("XK"), Some("EU")));
    assert_eq!(ask(&database, "192.0.2.129"), texts(None, Some("AF")));
    for unknown in [
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8:1::1",
        "2001:db8:2::1",
    ] {
        assert_eq!(ask(&database, unknown), texts(None, None), "{unknown}");
    }
}

#[test]
fn an_ipv4_database_knows_no_ipv6_address() {
    let mut writer = Writer::builder("Test")
        .ip_version(mmdb_writer::IpVersion::V4)
        .build();
    let network: IpNet = "192.0.2.0/24".parse().unwrap();
    writer.insert(network, &place("SE", "EU")).unwrap();
    let database = Database(Reader::from_source(writer.to_bytes().unwrap()).unwrap());
    assert_eq!(ask(&database, "192.0.2.7"), some("SE", "SWE", "EU"));
    assert_eq!(ask(&database, "2001:db8::1"), [None, None, None]);
}

#[test]
fn damage_is_an_answer_and_never_a_panic() {
    let whole = built(&[
        ("192.0.2.0/24", place("SE", "EU")),
        ("2001:db8:1::/48", place("JP", "AS")),
    ]);
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 0xff;
        for bytes in [bytes, whole[..position].to_vec()] {
            let Ok(reader) = Reader::from_source(bytes) else {
                continue;
            };
            let database = Database(reader);
            ask(&database, "192.0.2.7");
            ask(&database, "2001:db8:1::1");
        }
    }
}

fn problems(config: &Config) -> String {
    let (problems, _) = check(config);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_script_without_a_database_is_told_the_key() {
    let fixture = Fixture::new();
    let said = problems(&fixture.config(""));
    for part in ["a.pfw:1", "FROM COUNTRY", "firewall.geoip_database"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    fixture.write(&built(&[("192.0.2.0/24", place("SE", "EU"))]));
    assert_eq!(problems(&fixture.with_database()), "");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let fixture = Fixture::new();
    for bytes in [&b""[..], b"not a database", &[0xff; 4096]] {
        fixture.write(bytes);
        let said = problems(&fixture.with_database());
        assert!(
            said.starts_with("firewall.geoip_database: ") && said.contains("test.mmdb"),
            "{said}"
        );
        assert!(!said.contains("FROM COUNTRY"), "{said}");
    }
}

#[actix_rt::test]
async fn a_reload_takes_a_new_database_and_keeps_the_old_for_a_broken_one() {
    let fixture = Fixture::new();
    let arbiters = Arbiters::start(1).unwrap();
    fixture.write(b"broken");
    let start = |config: Config| Firewall::start(&Tree::new(), &arbiters.workers(), &config);
    assert!(start(fixture.with_database()).is_err());
    fixture.write(&built(&[("192.0.2.0/24", place("SE", "EU"))]));
    let firewall = start(fixture.with_database()).unwrap();
    let code = || ask(&firewall.countries().unwrap(), "192.0.2.7")[0].clone();
    assert_eq!(code().as_deref(), Some("SE"));
    fixture.write(b"broken");
    let refused = firewall.reload(&fixture.with_database()).unwrap_err();
    assert!(refused[0].to_string().contains("test.mmdb"), "{refused:?}");
    assert_eq!(code().as_deref(), Some("SE"));
    fixture.write(&built(&[("192.0.2.0/24", place("NO", "EU"))]));
    firewall.reload(&fixture.with_database()).unwrap();
    assert_eq!(code().as_deref(), Some("NO"));
    assert!(firewall.reload(&fixture.config("")).is_err());
    assert!(firewall.countries().is_some());
    fs::write(fixture.0.path().join("a.pfw"), "DROP.\n").unwrap();
    firewall.reload(&fixture.config("")).unwrap();
    assert!(firewall.countries().is_none());
}
