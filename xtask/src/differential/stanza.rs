//! Random stanzas.

use super::random::Random;

const FROM: &[&str] = &[
    "juliet@remote.example/orchard",
    "juliet@remote.example",
    "spam12@remote.example",
    "romeo@remote.example/r",
    "remote.example",
    "admin@sub.remote.example/r/s@t",
    "a@b.example/c",
    "alice@example.com/phone",
    "bob@example.com/desk",
    "carol@example.com/home",
    "root@example.com",
    "other.example",
];

const TO: &[&str] = &[
    "alice@example.com",
    "alice@example.com/phone",
    "alice@example.com/gone",
    "bob@example.com",
    "bob@example.com/desk",
    "carol@example.com",
    "example.com",
    "other.example",
    "juliet@remote.example",
    "remote.example",
    "nobody@other.example/x",
];

const TEXTS: &[&str] = &[
    "Hello",
    "Hello there",
    "hello",
    "buy now http://a.b/c and https://x y",
    "a%b (x) [y] 12.5",
    "word  word2 end",
    "caf\u{e9} \u{1f600} \u{201c}q\u{201d}",
    "",
    " ",
    "last",
    "remote.example",
    "juliet@remote.example/orchard",
    "one\ntwo\n\nthree",
    "t\tab",
    "&lt;b&gt; &amp; &quot;q&quot; 'a'",
    "aaa",
    "((x)(y))",
    "1 22 333 4444",
    "\\n \\1 $x $(y) $&lt;@to&gt;",
    "Buy CHEAP pills at spam.example, spam.example or spam12@remote.example!!",
];

const MESSAGE_TYPES: &[&str] = &[
    "",
    "",
    "chat",
    "chat",
    "normal",
    "headline",
    "groupchat",
    "error",
    "odd",
];
const PRESENCE_TYPES: &[&str] = &[
    "",
    "",
    "unavailable",
    "subscribe",
    "subscribed",
    "probe",
    "error",
];
const IQ_TYPES: &[&str] = &["get", "get", "set", "result", "error"];

const PAYLOADS: &[&str] = &[
    "<x xmlns='urn:a'><y z='1'>t</y></x>",
    "<x xmlns='urn:a'><y z='2' xmlns='urn:b'>u</y><y>v</y></x>",
    "<x xmlns='urn:b' z='1'/>",
    "<x>plain<y z='3'/></x>",
    "<query xmlns='jabber:iq:version'/>",
    "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>x</p></body></html>",
    "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>where</gone></error>",
    "<thread parent='p1'>t1</thread>",
    "<x xmlns='urn:a'>1</x><x xmlns='urn:a'>2</x>",
    "<p:x xmlns:p='urn:a' p:z='9' z='8'><p:y/></p:x>",
    "<received xmlns='urn:xmpp:receipts' id='m1'/>",
    "<a xmlns='urn:a'><b><c d='e'>f</c></b></a>",
    "<body xml:lang='de'>Hallo</body>",
    "<e xmlns='urn:a'> <f/> </e>",
];

const IDS: &[&str] = &["", "m1", "q-2", "abc", "0", "12345"];

/// One stanza as XML.
pub(crate) fn stanza(random: &mut Random) -> String {
    let name = random.pick(&["message", "message", "message", "presence", "iq"]);
    let mut start = format!("<{name}");
    let mut attribute = |name: &str, value: &str| {
        if !value.is_empty() {
            start.push_str(&format!(" {name}='{value}'"));
        }
    };
    if random.percent(94) {
        attribute("from", random.pick(FROM));
    }
    if random.percent(88) {
        attribute("to", random.pick(TO));
    }
    let types = match name {
        "message" => MESSAGE_TYPES,
        "presence" => PRESENCE_TYPES,
        _ => IQ_TYPES,
    };
    let kind = random.pick(types);
    attribute("type", kind);
    attribute("id", if name == "iq" { "q1" } else { random.pick(IDS) });
    if random.percent(6) {
        attribute("xml:lang", "de");
    }
    if random.percent(3) {
        attribute("other", random.pick(&["v", "Hello"]));
    }
    let content = content(random, name);
    if content.is_empty() {
        format!("{start}/>")
    } else {
        format!("{start}>{content}</{name}>")
    }
}

fn content(random: &mut Random, name: &str) -> String {
    let mut content = String::new();
    let mut text = |random: &mut Random, tag: &str, percent: usize| {
        if random.percent(percent) {
            let text = random.pick(TEXTS);
            content.push_str(&format!("<{tag}>{text}</{tag}>"));
        }
    };
    match name {
        "message" => {
            text(random, "body", 85);
            text(random, "subject", 20);
            text(random, "body", 4);
        }
        "presence" => text(random, "status", 40),
        _ => {}
    }
    let payloads = if name == "iq" { 90 } else { 40 };
    while random.percent(payloads / 2) {
        content.push_str(random.pick(PAYLOADS));
    }
    if random.percent(2) {
        content.insert_str(0, "stray ");
    }
    content
}
