//! The certificate that a node makes for itself when nobody gives it one.

use portcullis_config::CertificateFiles;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::contents::Contents;
use super::files::{Pair, now};
use super::plan::{Plan, certificate_name};
use super::report::{CertificateProblem, CertificateState};
use crate::private_file;

pub(super) const SECTION: &str = "self-signed";
const VALID_YEARS: i32 = 10;

/// The pair in the data directory if it holds for every host and has not expired, or a new one.
pub(super) fn load_or_make(plan: &Plan) -> Result<Pair, CertificateProblem> {
    let files = CertificateFiles {
        certificate: plan.data_directory.join("self-signed.crt"),
        key: plan.data_directory.join("self-signed.key"),
    };
    if files.certificate.exists()
        && let Ok(pair) = Pair::load(SECTION.to_owned(), &files, &mut Contents::default())
        && pair.state() != CertificateState::Expired
        && plan.hosts.iter().all(|(host, _)| pair.covers(host))
    {
        return Ok(pair);
    }
    let problem = |reason| CertificateProblem {
        section: SECTION.to_owned(),
        file: files.certificate.clone(),
        reason,
    };
    let (certificate, key) =
        make(plan).map_err(|error| problem(format!("can not be made: {error}")))?;
    private_file::write(&files.key, &[key.as_bytes()])
        .and_then(|()| private_file::write(&files.certificate, &[certificate.as_bytes()]))
        .map_err(|error| problem(format!("can not be written: {error}")))?;
    tracing::info!(file = %files.certificate.display(), "made a self-signed certificate");
    Pair::load(SECTION.to_owned(), &files, &mut Contents::default())
}

/// Certificate and key in PEM form.
fn make(plan: &Plan) -> Result<(String, String), rcgen::Error> {
    let names: Vec<String> = plan
        .hosts
        .iter()
        .map(|(host, _)| certificate_name(host))
        .collect();
    let mut params = CertificateParams::new(names.as_slice())?;
    if let Some(host) = names.first() {
        params
            .distinguished_name
            .push(DnType::CommonName, host.as_str());
    }
    let (year, month, day) = today();
    params.not_before = rcgen::date_time_ymd(year, month, day);
    // The 28th exists in every year.
    params.not_after = rcgen::date_time_ymd(year + VALID_YEARS, month, day.min(28));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn today() -> (i32, u8, u8) {
    let date = jiff::Timestamp::from_second(now())
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let small = |part: i8| u8::try_from(part).unwrap_or(1);
    (
        i32::from(date.year()),
        small(date.month()),
        small(date.day()),
    )
}
