//! Random stanza paths and expressions.

use super::random::Random;

const NAMES: &[&str] = &[
    "body", "subject", "x", "y", "error", "html", "a", "b", "query", "thread", "", "status",
];
const NAMESPACES: &[&str] = &[
    "urn:a",
    "urn:b",
    "jabber:client",
    "http://jabber.org/protocol/xhtml-im",
    "http://www.w3.org/1999/xhtml",
    "jabber:iq:version",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
];
const ATTRIBUTES: &[&str] = &[
    "from", "to", "type", "id", "z", "xml:lang", "other", "xmlns", "d",
];

const PATHS: &[&str] = &[
    "body#",
    "body#",
    "body",
    "subject#",
    "@id",
    "@type",
    "@from",
    "@xml:lang",
    "{urn:a}x/y#",
    "{urn:a}x/y@z",
    "{urn:a}x",
    "{jabber:iq:version}query",
    "x/y@z",
    "{http://jabber.org/protocol/xhtml-im}html/{http://www.w3.org/1999/xhtml}body/p#",
    "error/{urn:ietf:params:xml:ns:xmpp-stanzas}gone#",
    "error@type",
    "{urn:a}a/b/c@d",
    "/",
    "#",
    "{urn:a}",
    "{urn:a}#",
    "{urn:a}@z",
    "{urn:a}x/",
    "{urn:a}x/{urn:b}y#",
    "body@xml:lang",
    "",
];

/// A stanza path.
pub(crate) fn path(random: &mut Random) -> String {
    if random.percent(70) {
        return random.pick(PATHS).to_owned();
    }
    let mut path = String::new();
    if random.percent(10) {
        return format!("@{}", random.pick(ATTRIBUTES));
    }
    for part in 0..random.between(1, 3) {
        if part > 0 {
            path.push('/');
        }
        if random.percent(40) {
            path.push_str(&format!("{{{}}}", random.pick(NAMESPACES)));
        }
        path.push_str(random.pick(NAMES));
    }
    match random.below(3) {
        0 => path.push('#'),
        1 => path.push_str(&format!("@{}", random.pick(ATTRIBUTES))),
        _ => {}
    }
    path
}

/// A path to text.
pub(crate) fn text_path(random: &mut Random) -> String {
    let mut path = path(random);
    if !path.ends_with('#') && !path.contains('@') && random.percent(95) {
        path.push('#');
    }
    path
}

/// Text without expressions.
pub(crate) fn literal_text(random: &mut Random) -> String {
    random
        .pick(&[
            "Hello",
            "lit",
            "remote.example",
            "juliet@remote.example",
            "no, \"thanks\"",
            "100% 'sure'",
            "a\\b",
            "caf\u{e9}",
            "$x $$y",
            "x > y < z",
            "spam12@remote.example",
            "last",
        ])
        .to_owned()
}

const CODE: &[&str] = &[
    "$(session.type)",
    "$(session.host)",
    "$(session.from_host)",
    "$(session.full_jid)",
    "$(session.username)",
    "$(session.ip)",
    "$(session.full_jid or session.from_host)",
    "$(session.from_host or \"none\")",
    "$(stanza.name)",
    "$(stanza.attr.type)",
    "$(stanza.attr.from)",
    "$(stanza.attr[\"id\"])",
    "$(stanza.attr['to'])",
    "$(stanza:top_tag())",
    "$(stanza)",
    "$(stanza:get_child_text(\"body\"))",
    "$(stanza:get_child_text(\"y\",\"urn:b\"))",
    "$(stanza:find(\"{urn:a}x/y@z\"))",
    "$(stanza:find(\"body#\"))",
    "$(module.host)",
];

const SIMPLE: &[&str] = &[
    "$<@from>",
    "$<@to>",
    "$<@type>",
    "$<@id>",
    "$<@from|bare>",
    "$<@from|host>",
    "$<@from|node>",
    "$<@from|resource>",
    "$<@to|bare>",
    "$<@to|host>",
    "$<@from|bare|host>",
    "$<body#>",
    "$<subject#>",
];

/// Text that is an expression, or has some in it.
pub(crate) fn expression(random: &mut Random) -> String {
    match random.below(20) {
        0..=7 => random.pick(SIMPLE).to_owned(),
        8 | 9 => literal_text(random),
        10 | 11 => random.pick(CODE).to_owned(),
        12 => format!("a{}b{}", random.pick(SIMPLE), random.pick(SIMPLE)),
        13 => random
            .pick(&[
                "$<",
                "$$x",
                "$<>",
                "$<body",
                "$ <@to>",
                "$<@nothing>",
                "$<{urn:a}x/y@z>>",
                "<$<@id>>",
            ])
            .to_owned(),
        14 => format!(
            "$<{}||\"{}\">",
            text_path(random),
            random.pick(&["none", "", "a b", "x|y", "\\\"q\\\""])
        ),
        15 => format!(
            "$<@from|{}||\"none\">",
            random.pick(&["bare", "node", "resource"])
        ),
        16 => format!(
            "$<{}|{}>",
            text_path(random),
            random.pick(&["bare", "host", "node", "bare|host"])
        ),
        17 => format!("$<{}|bare>", path(random)),
        _ => format!("$<{}>", path(random)),
    }
}
