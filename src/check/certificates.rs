//! Certificates: who they hold for, until when, and whether clients can verify them.

use actors::tls::{
    CertificateProblem, CertificateState, Certificates, Chain, Examination, Examined, Trust,
};
use portcullis_config::Config;

use super::dns::is_of_this_machine;
use super::finding::{Finding, Subject};

const WRITE_OTHERS: &str = "name a certificate that holds for them in [host.\"<domain>\".tls]";
const RENEW: &str = "renew it, then `portcullis reload`";
const WHOLE_CHAIN: &str = "put the certificate first and behind it each intermediate, in order (the file that \
                           ACME clients call fullchain.pem)";

/// Examines every certificate that `config` names.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    match Certificates::examine(config) {
        Ok(examination) => judge(&examination),
        Err(problems) => problems.iter().map(unusable).collect(),
    }
}

fn unusable(problem: &CertificateProblem) -> Finding {
    Finding::error(Subject::Certificates, problem.to_string(), "")
}

fn judge(examination: &Examination) -> Vec<Finding> {
    let mut findings: Vec<_> = examination
        .certificates
        .iter()
        .flat_map(judge_one)
        .collect();
    findings.extend(examination.broken.iter().map(|broken| {
        let what = format!("{broken} (passed over)");
        Finding::warning(
            Subject::Certificates,
            what,
            "mend the pair, or take it away",
        )
    }));
    let seen = examination.self_signed_hosts.iter();
    let seen: Vec<_> = seen.filter(|host| !is_of_this_machine(host)).collect();
    if !seen.is_empty() {
        let hosts = list(seen);
        let listeners = list(&examination.self_signed);
        let what = format!(
            "clients of {hosts} see a self-signed certificate on the listener {listeners}, and refuse it or warn"
        );
        let cure = "have one signed (Let's Encrypt does it for nothing), then write certificate and key in [tls.default] or \
                    [host.\"<domain>\".tls]";
        findings.push(Finding::warning(Subject::Certificates, what, cure));
    }
    findings
}

fn list(names: impl IntoIterator<Item = impl ToString>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(", ")
}

fn judge_one(examined: &Examined) -> Vec<Finding> {
    let report = &examined.report;
    let place = format!("{}: {}", report.section, report.file.display());
    let warning = |what: String, cure: &str| {
        Finding::warning(Subject::Certificates, format!("{place}: {what}"), cure)
    };
    let mut findings = Vec::new();
    match &report.state {
        CertificateState::Valid => {}
        CertificateState::Expiring { days } => {
            findings.push(warning(format!("expires in {days} days"), RENEW));
        }
        CertificateState::Expired => {
            findings.push(warning(
                "has expired, and is used nevertheless".to_owned(),
                RENEW,
            ));
        }
        CertificateState::NotYetValid => findings.push(warning(
            "is not valid yet, and is used nevertheless".to_owned(),
            "look at the clock of this machine, or wait",
        )),
    }
    if !report.missing_hosts.is_empty() {
        let what = format!(
            "does not hold for {}, only for {}",
            list(&report.missing_hosts),
            list(&report.names)
        );
        findings.push(warning(what, WRITE_OTHERS));
    }
    findings.extend(judge_chain(&examined.chain).map(|(what, cure)| warning(what, cure)));
    findings
}

/// What is wrong with a chain, the worst first, and the cure.
fn judge_chain(chain: &Chain) -> Option<(String, &'static str)> {
    match &chain.trust {
        Trust::Trusted if chain.is_in_order => None,
        Trust::Trusted => Some((
            "the certificates of the chain are not in the order of their signatures, which some clients refuse"
                .to_owned(),
            WHOLE_CHAIN,
        )),
        Trust::SelfSigned => Some((
            "is self-signed: clients refuse it or warn".to_owned(),
            "have one signed (Let's Encrypt does it for nothing)",
        )),
        Trust::Incomplete { issuer } => Some((
            format!(
                "the chain is not complete: it holds nothing but the certificate, which was signed by {issuer}"
            ),
            WHOLE_CHAIN,
        )),
        Trust::UnknownAuthority { issuer } => Some((
            format!("leads to {issuer}, which the authorities of this system do not have"),
            "as it should be if your clients know that authority; otherwise complete the chain or have the \
             certificate signed by one that they know",
        )),
        Trust::Refused(reason) => Some((format!("clients refuse it: {reason}"), "renew it")),
    }
}

#[cfg(test)]
mod tests {
    use actors::tls::CertificateReport;

    use super::*;

    fn examined(state: CertificateState, missing: &[&str], trust: Trust) -> Examined {
        Examined {
            report: CertificateReport {
                section: "tls.default".to_owned(),
                file: "a.pem".into(),
                names: vec!["a.example".to_owned()],
                fingerprint: String::new(),
                not_after: 0,
                state,
                missing_hosts: missing.iter().map(ToString::to_string).collect(),
            },
            chain: Chain {
                is_in_order: false,
                trust,
            },
        }
    }

    fn said(examined: Examined) -> String {
        let found = judge(&Examination {
            certificates: vec![examined],
            self_signed: Vec::new(),
            self_signed_hosts: Vec::new(),
            broken: Vec::new(),
        });
        list(found)
    }

    #[test]
    fn each_fault_has_its_cure() {
        let valid = || CertificateState::Valid;
        let incomplete = Trust::Incomplete {
            issuer: "CN=R3".to_owned(),
        };
        for (state, missing, trust, expected) in [
            (
                CertificateState::Expired,
                &[][..],
                Trust::Trusted,
                "has expired",
            ),
            (
                CertificateState::Expiring { days: 3 },
                &[],
                Trust::Trusted,
                "in 3 days: renew",
            ),
            (
                valid(),
                &["b.example"],
                Trust::Trusted,
                "does not hold for b.example",
            ),
            (valid(), &[], Trust::Trusted, "not in the order"),
            (valid(), &[], Trust::SelfSigned, "self-signed"),
            (
                valid(),
                &[],
                incomplete,
                "signed by CN=R3: put the certificate first",
            ),
        ] {
            let said = said(examined(state, missing, trust));
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }

    #[test]
    fn a_self_signed_certificate_is_fit_for_this_machine_only() {
        let of = |hosts: &[&str]| {
            judge(&Examination {
                certificates: Vec::new(),
                self_signed: vec!["clients".to_owned()],
                self_signed_hosts: hosts.iter().map(ToString::to_string).collect(),
                broken: Vec::new(),
            })
        };
        assert!(of(&["localhost"]).is_empty());
        let found = list(of(&["localhost", "a.example"]));
        assert!(
            found.contains("clients of a.example see a self-signed"),
            "{found}"
        );
    }
}
