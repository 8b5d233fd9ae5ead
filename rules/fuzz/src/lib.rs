//! Bodies of the fuzz targets; the tests of the crate run them too.

use rules::world::{Session, World};
use rules::{LoadError, Loader, Options, OriginKind, RunLimits, Source, compile};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

const STANZAS: [&str; 4] = [
    "<message from='juliet@example.com/x' to='romeo@example.com' type='chat' id='1'><body>http://a b12 (x) buy</body>\
     <x xmlns='urn:x'><y z='1'>t</y></x></message>",
    "<presence from='a@remote.example' to='romeo@example.com' type='subscribe'/>",
    "<iq from='juliet@example.com/x' id='2' type='set'><query xmlns='jabber:iq:register'><username>admin</username></query></iq>",
    "<message from='remote.example' type='error'/>",
];

/// Files of any name hold two lines.
struct AnyFile;

impl Loader for AnyFile {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(b"remote.example\nbuy\n".to_vec())
    }
}

/// Lays a script out, twice: the second time changes nothing.
fn layout(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(once) = rules::format::format(text).inspect_err(|errors| {
        assert!(errors.iter().all(|error| error.code.name() != "layout"));
    }) else {
        return;
    };
    assert_eq!(rules::format::format(&once).as_deref(), Ok(&*once));
}

/// Compiles any bytes as a script; if they load, runs every chain and loads them once more over themselves.
pub fn rule_parser(data: &[u8]) {
    let options = Options {
        limits: RunLimits {
            steps: 200_000,
            ..RunLimits::default()
        },
        ..Options::default()
    };
    let source = Source {
        name: "fuzz.pfw".into(),
        text: data.to_vec(),
    };
    let sources = [source];
    layout(data);
    let compiled = compile("example.com", &sources, &options, &AnyFile, None);
    for report in &compiled.reports {
        assert!(report.diagnostics.is_empty() || !report.render(true).is_empty());
    }
    let mut world = World::default();
    let mut client = Session::of_kind(OriginKind::Client);
    client.host = Some("example.com".into());
    client.full_jid = Some("juliet@example.com/x".into());
    world.sessions.insert("client".into(), client);
    world.origin = "client".into();
    let chains: Vec<String> = compiled.ruleset.chains().map(str::to_owned).collect();
    for chain in &chains {
        for xml in STANZAS {
            let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).expect("a stanza");
            let outcome = compiled.ruleset.run(chain, &stanza, &world);
            world.apply(&outcome);
        }
    }
    let again = compile(
        "example.com",
        &sources,
        &options,
        &AnyFile,
        Some(&compiled.ruleset),
    );
    assert_eq!(
        compiled.reports[0].has_errors(),
        again.reports[0].has_errors(),
        "a reload of the same is the same"
    );
}
