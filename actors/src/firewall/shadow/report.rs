//! What a shadow shows of itself: over the admin socket, in the console and in metrics.

use serde::{Deserialize, Serialize};
use xmpp::{Stanza, XmlWriter};

/// Bytes of an address or id in a sample.
const TEXT: usize = 200;
/// Payloads that a sample names.
const PAYLOADS: usize = 8;
/// Bytes of a stanza in a sample that keeps contents.
const CONTENTS: usize = 2048;

/// Whether a shadow still runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowState {
    /// It sees every stanza.
    Watching,
    /// It ended by this panic. The rules in force are not touched by it.
    Failed(String),
}

/// What a shadow has found, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCounts {
    /// The host.
    pub host: String,
    /// Its scripts, in order.
    pub scripts: Vec<String>,
    /// When it was loaded.
    pub loaded_at: String,
    /// Whether it runs.
    pub state: ShadowState,
    /// Chain runs that it was compared with. A stanza within a host counts in `preroute` and in `deliver`.
    pub seen: u64,
    /// Both came to the same verdict and would do the same.
    pub same: u64,
    /// The verdict was another one.
    pub other_verdict: u64,
    /// The verdict was the same, but what is done besides was not: replies, copies, marks, edits.
    pub other_actions: u64,
    /// Runs of the shadow that were cut off; they count as dropping the stanza.
    pub faults: u64,
    /// Marks that it keeps beside the real ones.
    pub marks: usize,
    /// Time spent in it, all runs together.
    pub nanoseconds: u64,
    /// The slowest run.
    pub slowest_nanoseconds: u64,
}

/// What a shadow has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// In numbers.
    #[serde(flatten)]
    pub counts: ShadowCounts,
    /// The ways in which it differs, those met most often first.
    pub differences: Vec<Difference>,
    /// Differing runs that are in none of these, since there are too many ways.
    pub unlisted: u64,
    /// Where the next page begins; `None` on the last.
    pub next: Option<usize>,
}

/// One way in which the shadow differs: a chain, what both said, and which rules said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The chain.
    pub chain: String,
    /// The verdict of the rules in force: `pass`, `drop`, `bounce`, `redirect`, `default` or `fault`.
    pub active: String,
    /// `script:line` of the rule that decided; `None` if the stanza fell off the end.
    pub active_rule: Option<String>,
    /// The verdict of the shadow.
    pub shadow: String,
    /// The rule of the shadow that decided.
    pub shadow_rule: Option<String>,
    /// How often.
    pub count: u64,
    /// A few of the stanzas.
    pub samples: Vec<Sample>,
}

/// A stanza that was judged differently: what addresses it, and its contents only where that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: String,
    /// `message`, `presence` or `iq`.
    pub kind: String,
    /// Its type attribute.
    pub type_attr: Option<String>,
    /// Its sender.
    pub from: Option<String>,
    /// Its recipient.
    pub to: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// Names of its first children, as `{namespace}name`.
    pub payloads: Vec<String>,
    /// The stanza as XML, cut off where it is long.
    pub contents: Option<String>,
}

impl Sample {
    pub(super) fn of(stanza: &Stanza, keeps_contents: bool) -> Self {
        let cut_text = |text: &str| cut(text, TEXT);
        let payload = |child: xmpp::stanza::ElementRef<'_>| {
            cut_text(&format!("{{{}}}{}", child.ns(), child.name()))
        };
        Self {
            at: jiff::Timestamp::now().to_string(),
            kind: stanza.kind().name().to_owned(),
            type_attr: stanza.type_attr().map(cut_text),
            from: stanza.from().map(|jid| cut_text(jid.as_str())),
            to: stanza.to().map(|jid| cut_text(jid.as_str())),
            id: stanza.id().map(cut_text),
            payloads: stanza.children().take(PAYLOADS).map(payload).collect(),
            contents: keeps_contents.then(|| contents(stanza)),
        }
    }
}

fn contents(stanza: &Stanza) -> String {
    let mut xml = XmlWriter::new();
    xml.stanza(stanza);
    cut(&String::from_utf8_lossy(&xml.finish()), CONTENTS)
}

fn cut(text: &str, bytes: usize) -> String {
    match text.get(..text.floor_char_boundary(bytes)) {
        Some(head) if head.len() < text.len() => format!("{head}…"),
        _ => text.to_owned(),
    }
}
