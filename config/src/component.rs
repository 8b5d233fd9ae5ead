//! `[component."<domain>"]`: the domains that external components answer for (XEP-0114).

use std::collections::BTreeMap;
use std::path::PathBuf;

use jid::DomainPart;

use crate::checker::{Checker, Section, text};
use crate::host::{HostConfig, domain};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::secret::Secret;
use crate::tree::Node;

/// Bytes of a secret file that are read at most.
const MAX_SECRET_FILE: u64 = 4096;

/// One domain that an external component answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentConfig {
    /// The key of its table, normalised.
    pub domain: DomainPart,
    /// What the component proves to know (XEP-0114 §3).
    pub secret: Secret,
    /// What becomes of a second connection for the domain.
    pub conflict: WhenConnected,
}

/// What becomes of a component that connects while another one serves its domain. Whoever has to go
/// is told the stream error `conflict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenConnected {
    /// The new one is refused.
    KickNew,
    /// The new one takes the place of the old one.
    KickOld,
}

static SECRET: Key = Key {
    name: "secret",
    accepts: Accepts::Text("a text that is not empty"),
    preset: Preset::Unset("`secret_file` must be there"),
    reload: Reload::NewConnections,
    doc: "What the component proves to know when it connects. It is never shown or logged.",
    example: "\"a long random text\"",
};

static SECRET_FILE: Key = Key {
    name: "secret_file",
    accepts: Accepts::Path,
    preset: Preset::Unset("`secret` must be there"),
    reload: Reload::NewConnections,
    doc: "A file with the secret; a line feed at its end does not count.",
    example: "\"/run/credentials/irc\"",
};

static CONFLICT: Key = Key {
    name: "conflict",
    accepts: Accepts::OneOf(&["kick_new", "kick_old"], &[]),
    preset: Preset::Value("\"kick_new\""),
    reload: Reload::Live,
    doc: "Who has to go, with the stream error `conflict`, when a component connects while another one \
          serves the domain.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "component",
    doc: "A domain that an external component answers for (XEP-0114), connected to a listener of the protocol \
          `component`. It must not be a host too. One of `secret` and `secret_file` is needed. A component whose \
          table is taken away is told `host-gone`.",
    named: Some("\"irc.example.com\""),
    keys: &[&SECRET, &SECRET_FILE, &CONFLICT],
    tables: &[],
    later: &["proxy65"],
};

pub(crate) fn read(
    checker: &mut Checker,
    root: &Section<'_>,
    hosts: &BTreeMap<DomainPart, HostConfig>,
) -> BTreeMap<DomainPart, ComponentConfig> {
    let components = root.child(SECTION.name);
    let mut read: BTreeMap<DomainPart, ComponentConfig> = BTreeMap::new();
    for name in components.tables() {
        let section = components.child(name);
        let component =
            domain(SECTION.name, name).map(|domain| read_one(checker, &section, domain));
        let reason = match component {
            Err(reason) => reason,
            Ok(None) => continue,
            Ok(Some(component)) if hosts.contains_key(&component.domain) => {
                format!(
                    "{} is a host too: remove one of the two tables",
                    component.domain
                )
            }
            Ok(Some(component)) => {
                let domain = component.domain.clone();
                match read.insert(domain.clone(), component) {
                    None => continue,
                    Some(_) => format!(
                        "the component {domain} has two tables, which differ in spelling only"
                    ),
                }
            }
        };
        checker
            .problems
            .error(&section.place, &section.path, reason);
    }
    read
}

/// `None` if there is no secret to know it by, which is reported.
fn read_one(
    checker: &mut Checker,
    section: &Section<'_>,
    domain: DomainPart,
) -> Option<ComponentConfig> {
    let own = checker.read(section, &SECRET, secret);
    let file = checker.path(section, &SECRET_FILE);
    let conflict = match checker.word(section, &CONFLICT).as_deref() {
        Some("kick_old") => WhenConnected::KickOld,
        _ => WhenConnected::KickNew,
    };
    let secret = match (own, file) {
        (Some(_), Some(_)) => {
            checker.refuse(
                section,
                &SECRET_FILE,
                "there is a secret too: remove one of the two keys",
            );
            None
        }
        (Some(secret), None) => Some(secret),
        (None, Some(file)) => read_file(checker, section, file),
        (None, None) if section.find(&SECRET).is_none() && section.find(&SECRET_FILE).is_none() => {
            checker.refuse(
                section,
                &SECRET,
                "a component needs a secret: write secret or secret_file",
            );
            None
        }
        (None, None) => None,
    };
    Some(ComponentConfig {
        domain,
        secret: secret?,
        conflict,
    })
}

fn secret(node: &Node) -> Result<Secret, String> {
    // The value stays out of the message.
    let secret = text(node).filter(|text| !text.is_empty()).map(Secret::new);
    secret.ok_or_else(|| format!("expected {}", SECRET.accepts.describe()))
}

fn read_file(checker: &mut Checker, section: &Section<'_>, file: PathBuf) -> Option<Secret> {
    let reason = match secret_in(&file) {
        Ok(secret) => {
            // A file with another content is another setting.
            checker.note(section, &SECRET_FILE, &Some((file, &secret)));
            return Some(secret);
        }
        Err(reason) => format!("{} {reason}", file.display()),
    };
    checker.refuse(section, &SECRET_FILE, reason);
    None
}

fn secret_in(file: &std::path::Path) -> Result<Secret, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|file| file.take(MAX_SECRET_FILE + 1).read_to_string(&mut text));
    read.map_err(|error| format!("can not be read: {error}"))?;
    if text.len() as u64 > MAX_SECRET_FILE {
        return Err(format!("is longer than {MAX_SECRET_FILE} bytes"));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("holds no secret".to_owned()),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Sources, WhenConnected, load};

    fn with(text: &str) -> Result<crate::Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("portcullis.toml");
        std::fs::write(directory.path().join("secret"), "from a file\n").unwrap();
        std::fs::write(directory.path().join("empty"), "\n").unwrap();
        std::fs::write(&file, format!("[host.\"example.com\"]\n{text}")).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let loaded = load(&sources).map_err(|rejected| {
            let lines: Vec<_> = rejected.problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        });
        Ok(loaded?.config)
    }

    #[test]
    fn a_component_has_a_secret_of_its_own_or_of_a_file() {
        let config = with(
            "[component.\"IRC.example.com\"]\nsecret = \"007\"\nconflict = \"kick_old\"\n\
             [component.\"muc.example.com\"]\nsecret_file = \"secret\"\n",
        )
        .unwrap();
        let all: Vec<_> = config.components.values().collect();
        let [irc, muc] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!(
            (irc.domain.as_str(), irc.secret.expose()),
            ("irc.example.com", "007")
        );
        assert_eq!(
            (irc.conflict, muc.conflict),
            (WhenConnected::KickOld, WhenConnected::KickNew)
        );
        assert_eq!(muc.secret.expose(), "from a file");
        let shown = format!("{config:?}");
        assert!(
            !shown.contains("007") && !shown.contains("from a file"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        for (text, path, reason) in [
            (
                "[component.\"a.example\"]\n",
                "secret",
                "a component needs a secret",
            ),
            (
                "[component.\"a.example\"]\nsecret = \"\"\n",
                "secret",
                "expected a text that is not empty",
            ),
            (
                "[component.\"a.example\"]\nsecret = \"x\"\nsecret_file = \"secret\"\n",
                "secret_file",
                "remove one",
            ),
            (
                "[component.\"a.example\"]\nsecret_file = \"none\"\n",
                "secret_file",
                "can not be read",
            ),
            (
                "[component.\"a.example\"]\nsecret_file = \"empty\"\n",
                "secret_file",
                "holds no secret",
            ),
            (
                "[component.\"a.example\"]\nsecret = \"x\"\nconflict = \"kick_odl\"\n",
                "conflict",
                "kick_old",
            ),
            (
                "[component.\"a.example\"]\nsecert = \"x\"\n",
                "secert",
                "did you mean",
            ),
            (
                "[component.\"example.com\"]\nsecret = \"x\"\n",
                "example.com",
                "is a host too",
            ),
            (
                "[component.\"a@b\"]\nsecret = \"x\"\n",
                "a@b",
                "is not a domain",
            ),
            (
                "[listener.c]\nprotocol = \"component\"\n[listener.c.tls]\nenabled = true\n",
                "enabled",
                "tls.implicit",
            ),
        ] {
            let said = with(text).unwrap_err();
            let found = said
                .lines()
                .any(|line| line.contains(path) && line.contains(reason));
            assert!(found, "{text}: {said}");
        }
    }

    #[test]
    fn another_secret_is_a_difference_that_does_not_show_it() {
        let old = with("[component.\"a.example\"]\nsecret = \"first\"\n").unwrap();
        let new = with("[component.\"a.example\"]\nsecret = \"second\"\n").unwrap();
        let diff = crate::Diff::between(&old, &new);
        let changes = format!("{diff:?}");
        assert_eq!(diff.changes.len(), 1, "{changes}");
        assert!(
            !changes.contains("first") && !changes.contains("second"),
            "{changes}"
        );
    }
}
