//! Certificates that are found in a directory, and changes of files.

use super::*;
use crate::tls::contents::Contents;
use crate::tls::files::Pair;

/// A plan with this directory and no other certificate.
fn searching(directory: &Path, hosts: &[&str]) -> Plan {
    let mut plan = plan(directory);
    plan.directories = vec![(directory.join("certs"), true)];
    plan.hosts = hosts
        .iter()
        .map(|host| ((*host).to_owned(), None))
        .collect();
    plan
}

/// Writes a pair into `certs`, under these two names.
fn put(directory: &Path, files: (&str, &str), names: &[&str], years: (i32, i32)) -> Vec<u8> {
    let pair = write_pair(directory, "pair", names, years);
    let certs = directory.join("certs");
    for (name, from) in [(files.0, &pair.certificate), (files.1, &pair.key)] {
        let to = certs.join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let mut text = std::fs::read_to_string(&to).unwrap_or_default();
        text.push_str(&std::fs::read_to_string(from).unwrap());
        std::fs::write(to, text).unwrap();
    }
    der(&pair)
}

#[track_caller]
fn assert_found(files: (&str, &str), names: &[&str], host: &str) {
    let directory = directory();
    let der = put(directory.path(), files, names, (2020, 2100));
    let certificates = Certificates::from_plan(searching(directory.path(), &[host])).unwrap();
    assert_eq!(shown_on(&certificates, host, "x.example"), der, "{files:?}");
    assert_eq!(
        shown(&certificates, &certificate_name(host)),
        der,
        "{files:?}"
    );
    assert_eq!(certificates.report()[0].section, "tls.directory");
}

#[test]
fn every_form_of_name_is_found() {
    let named = ("chat.example.crt", "chat.example.key");
    assert_found(named, &["chat.example"], "chat.example");
    assert_found(named, &["other.example"], "chat.example");
    let letsencrypt = ("chat.example/fullchain.pem", "chat.example/privkey.pem");
    assert_found(letsencrypt, &["chat.example"], "chat.example");
    assert_found(letsencrypt, &["other.example"], "chat.example");
    let both = ("chat.example.pem", "chat.example.pem");
    assert_found(both, &["chat.example"], "chat.example");
    assert_found(
        ("a/b/any.crt", "a/b/any.key"),
        &["*.example"],
        "chat.example",
    );
    assert_found(("any.crt", "any.key"), &["example.org"], "chat.example.org");
    assert_found(
        ("any.crt", "any.key"),
        &["xn--bcher-kva.example"],
        "bücher.example",
    );
}

#[test]
fn hidden_and_deep_directories_are_passed_over() {
    let directory = directory();
    for files in [
        (".old/a.crt", ".old/a.key"),
        (".a.crt", ".a.key"),
        ("a/b/c/d.crt", "a/b/c/d.key"),
    ] {
        put(directory.path(), files, &["chat.example"], (2020, 2100));
    }
    std::fs::write(directory.path().join("certs/lonely.crt"), "rubbish").unwrap();
    let certificates =
        Certificates::from_plan(searching(directory.path(), &["chat.example"])).unwrap();
    assert_eq!(certificates.report()[0].section, "self-signed");
}

#[test]
fn valid_goes_before_invalid_exact_before_wildcard_and_long_before_short() {
    let directory = directory();
    let put = |name: &str, names: &[&str], years| {
        let files = (format!("{name}.crt"), format!("{name}.key"));
        put(directory.path(), (&files.0, &files.1), names, years)
    };
    let served = || {
        let plan = searching(directory.path(), &["chat.example"]);
        shown_on(
            &Certificates::from_plan(plan).unwrap(),
            "chat.example",
            "x.example",
        )
    };
    let expired = put("a", &["chat.example"], (2001, 2002));
    assert_eq!(served(), expired, "better than nothing");
    let parent = put("b", &["example"], (2020, 2100));
    assert_ne!(served(), parent);
    let wildcard = put("c", &["*.example"], (2020, 2100));
    assert_eq!(served(), wildcard);
    let second = put("e", &["chat.example"], (2020, 2050));
    assert_eq!(served(), second);
    let first = put("d", &["chat.example"], (2020, 2050));
    assert_eq!(served(), first, "the file name decides");
    let long = put("f", &["chat.example"], (2020, 2090));
    assert_eq!(served(), long);
}

#[test]
fn a_missing_directory_is_an_error_only_where_it_was_written() {
    let directory = directory();
    let mut plan = searching(directory.path(), &["chat.example"]);
    assert!(problems(&plan)[0].starts_with("tls.directory: "));
    plan.directories[0].1 = false;
    assert_eq!(problems(&plan), Vec::<String>::new());
}

#[test]
fn a_look_takes_new_files_over_and_keeps_the_old_ones_when_one_has_become_bad() {
    let directory = directory();
    let files = ("chat.example.crt", "chat.example.key");
    let certs = directory.path().join("certs");
    std::fs::create_dir(&certs).unwrap();
    let certificates =
        Certificates::from_plan(searching(directory.path(), &["chat.example"])).unwrap();
    let served = || shown_on(&certificates, "chat.example", "x.example");
    let self_signed = served();
    assert!(!certificates.look().unwrap());
    let first = put(directory.path(), files, &["chat.example"], (2020, 2100));
    assert!(certificates.look().unwrap());
    assert_ne!(first, self_signed);
    assert_eq!(served(), first);
    assert!(!certificates.look().unwrap());
    std::fs::write(certs.join("more.crt"), "rubbish").unwrap();
    std::fs::write(certs.join("more.key"), "rubbish").unwrap();
    certificates.look().unwrap();
    std::fs::write(certs.join(files.0), "rubbish").unwrap();
    for _ in 0..2 {
        assert_eq!(certificates.look().unwrap_err().len(), 1);
        assert_eq!(served(), first);
    }
    assert_eq!(certificates.problems().len(), 1);
    assert_eq!(
        certificates.look_counts(),
        LookCounts {
            changed: 2,
            refused: 1
        }
    );
    std::fs::remove_file(certs.join(files.0)).unwrap();
    std::fs::remove_file(certs.join(files.1)).unwrap();
    let second = put(directory.path(), files, &["chat.example"], (2020, 2100));
    assert!(certificates.look().unwrap());
    assert_eq!(served(), second);
    assert_eq!(certificates.problems(), Vec::<String>::new());
}

#[test]
fn a_certificate_that_ends_within_two_weeks_is_warned_of() {
    let directory = directory();
    let files = write_pair(directory.path(), "a", &["a.example"], (2020, 2100));
    let pair = Pair::load("tls.default".to_owned(), &files, &mut Contents::default()).unwrap();
    let report = pair.report(&[]);
    let before = |days: i64| pair.state_at(report.not_after - days * 24 * 60 * 60);
    assert_eq!(before(14), CertificateState::Valid);
    assert_eq!(before(13), CertificateState::Expiring { days: 13 });
    assert_eq!(before(-1), CertificateState::Expired);
    let ending = CertificateReport {
        state: before(13),
        ..report
    };
    assert!(ending.warning().unwrap().ends_with("expires in 13 days"));
    assert!(!ending.is_valid_for_long());
}
