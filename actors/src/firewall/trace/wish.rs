//! What an operator wants to watch.

use rules::explain::ChainReport;
use serde::{Deserialize, Serialize};
use xmpp::Stanza;
use xmpp::jid::Jid;

use super::MAX_RATE;

/// The tag that stands for none.
const UNTAGGED: &str = "untagged";

/// Which traces are wanted; a trace has to meet all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceWish {
    /// Of the rules of this host.
    pub host: Option<String>,
    /// Of stanzas from, to or through a session of this address: a full or bare JID, or a host with all its users.
    pub jid: Option<String>,
    /// Of this chain.
    pub chain: Option<String>,
    /// In which this rule was looked at: `SCRIPT:LINE`, the script by its name or by its file's name.
    pub rule: Option<String>,
    /// With this tag; `untagged` for those without.
    pub tag: Option<String>,
    /// How much of the stanza is shown.
    pub stanzas: Shown,
    /// Traces a second; more are left out and counted.
    pub rate: u32,
}

/// How much of a stanza is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// All of it.
    Full,
    /// Its start tag.
    #[default]
    Header,
    /// Nothing.
    None,
}

impl TraceWish {
    /// Says what can never be met.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(jid) = &self.jid
            && Jid::new(jid).is_err()
        {
            return Err(format!(
                "{jid} is no JID: write user@host/resource, user@host or host"
            ));
        }
        if let Some(rule) = &self.rule
            && place(rule).is_none()
        {
            return Err(format!(
                "{rule} names no rule: write SCRIPT:LINE, such as rules/local.pfw:12"
            ));
        }
        if !(1..=MAX_RATE).contains(&self.rate) {
            return Err(format!("the rate is from 1 to {MAX_RATE} a second"));
        }
        Ok(())
    }

    /// Whether a run may give a trace that is wanted: what can be said before it.
    pub(super) fn may_want(&self, host: &str, stanza: &Stanza, session: Option<&str>) -> bool {
        if self.host.as_deref().is_some_and(|wanted| wanted != host) {
            return false;
        }
        let Some(jid) = self.jid.as_deref().and_then(|jid| Jid::new(jid).ok()) else {
            return true;
        };
        let session = session.and_then(|session| Jid::new(session).ok());
        [stanza.from(), stanza.to(), session.as_ref()]
            .into_iter()
            .flatten()
            .any(|address| covers(&jid, address))
    }

    /// Whether the trace of a chain is wanted.
    pub(super) fn wants(&self, report: &ChainReport, tag: Option<&str>) -> bool {
        let is_chain = self
            .chain
            .as_deref()
            .is_none_or(|chain| chain == report.chain);
        let is_tagged = match self.tag.as_deref() {
            None => true,
            Some(UNTAGGED) => tag.is_none(),
            wanted => tag == wanted,
        };
        is_chain && is_tagged && self.rule.as_deref().is_none_or(|rule| has(report, rule))
    }
}

/// Whether an address is the wanted one or belongs to it.
fn covers(wanted: &Jid, address: &Jid) -> bool {
    let is_host = wanted.domain() == address.domain();
    let is_user = wanted
        .node()
        .is_none_or(|node| Some(node) == address.node());
    let is_resource = wanted
        .resource()
        .is_none_or(|own| Some(own) == address.resource());
    is_host && is_user && is_resource
}

fn place(rule: &str) -> Option<(&str, u32)> {
    let (script, line) = rule.rsplit_once(':')?;
    Some((script, line.parse().ok()?)).filter(|_| !script.is_empty())
}

/// Whether the rule was looked at: the line may be any of those that the report shows of it.
fn has(report: &ChainReport, rule: &str) -> bool {
    let Some((script, line)) = place(rule) else {
        return false;
    };
    let name = report.script.strip_suffix(script);
    let is_script = name.is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']));
    let is_rule = |rule: &rules::explain::RuleReport| {
        rule.line == line || rule.actions.iter().any(|action| action.line == line)
    };
    is_script && report.rules.iter().any(is_rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::xml::Limits;

    fn wish() -> TraceWish {
        TraceWish {
            host: None,
            jid: None,
            chain: None,
            rule: None,
            tag: None,
            stanzas: Shown::Header,
            rate: 100,
        }
    }

    #[test]
    fn addresses_cover_what_belongs_to_them() {
        let xml = b"<message from='a@b.example/x' to='c@d.example'/>";
        let stanza = Stanza::from_xml(xml, &Limits::default()).unwrap();
        for (jid, session, wanted) in [
            ("a@b.example", None, true),
            ("a@b.example/x", None, true),
            ("a@b.example/y", None, false),
            ("d.example", None, true),
            ("c@b.example", None, false),
            ("e@b.example", Some("e@b.example/z"), true),
        ] {
            let wish = TraceWish {
                jid: Some(jid.into()),
                ..wish()
            };
            assert_eq!(
                wish.may_want("b.example", &stanza, session),
                wanted,
                "{jid}"
            );
        }
    }

    #[test]
    fn a_wish_that_can_not_be_met_is_refused() {
        for wish in [
            TraceWish {
                jid: Some("@".into()),
                ..wish()
            },
            TraceWish {
                rule: Some("a.pfw".into()),
                ..wish()
            },
            TraceWish {
                rule: Some(":3".into()),
                ..wish()
            },
            TraceWish { rate: 0, ..wish() },
        ] {
            assert!(wish.check().is_err(), "{wish:?}");
        }
        assert_eq!(wish().check(), Ok(()));
    }
}
