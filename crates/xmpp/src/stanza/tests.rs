use super::*;

fn parse(xml: &str) -> Stanza {
    Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap()
}

fn written(xml: &str) -> String {
    format!("{:?}", parse(xml))
}

#[test]
fn head_is_read() {
    let stanza = parse(
        "<message to='juliet@example.com/b' from=\"a@b\" id='x&amp;1' type='chat' xml:lang='en' foo='1'/>",
    );
    assert_eq!(stanza.kind(), StanzaKind::Message);
    assert_eq!(stanza.to().unwrap().as_str(), "juliet@example.com/b");
    assert_eq!(stanza.from().unwrap().as_str(), "a@b");
    assert_eq!(stanza.id(), Some("x&1"));
    assert_eq!(stanza.type_attr(), Some("chat"));
    assert_eq!(stanza.lang(), Some("en"));
    assert_eq!(stanza.attribute("foo").as_deref(), Some("1"));
    assert_eq!(
        stanza.attribute("to").as_deref(),
        Some("juliet@example.com/b")
    );
    assert_eq!(stanza.attribute("bar"), None);
}

#[test]
fn malformed_addresses_are_kept_apart() {
    let stanza = parse("<message to='@b' from='a@b@c'/>");
    assert_eq!(stanza.to(), None);
    assert_eq!(stanza.malformed_to(), Some("@b"));
    assert_eq!(stanza.malformed_from(), Some("a@b@c"));
    assert_eq!(stanza.attribute("to").as_deref(), Some("@b"));
}

#[test]
fn content_is_canonical() {
    for (sent, kept) in [
        (
            "<message><body>a &quot;b&quot; &#x20AC; <![CDATA[<&>]]>\r\n</body></message>",
            "<message><body>a \"b\" € &lt;&amp;&gt;\n</body></message>",
        ),
        (
            "<message><x:a xmlns:x='u' x:b='1' c=\"it's\"><x:d/></x:a></message>",
            "<message><a xmlns='u' xmlns:a0='u' a0:b='1' c='it&apos;s'><d/></a></message>",
        ),
        (
            "<message  ><body   ></body   ></message>",
            "<message><body/></message>",
        ),
        (
            "<message><a xmlns='u'><b xmlns=''/><body xmlns='jabber:client'/></a></message>",
            "<message><a xmlns='u'><b xmlns=''/><body xmlns='jabber:client'/></a></message>",
        ),
        ("<iq></iq>", "<iq/>"),
        ("<iq> </iq>", "<iq> </iq>"),
        ("<iq xmlns:a='u' a:b='1'/>", "<iq xmlns:a0='u' a0:b='1'/>"),
    ] {
        assert_eq!(written(sent), kept);
        assert_eq!(written(kept), kept);
    }
}

#[test]
fn children_are_found_by_name_and_namespace() {
    let stanza = parse(
        "<message><body>hi</body><x xmlns='u'><y>1</y>t<z a='&lt;'/>u</x><body>2</body></message>",
    );
    assert_eq!(stanza.children().count(), 3);
    assert_eq!(stanza.body().as_deref(), Some("hi"));
    assert!(stanza.has_payload_ns("u"));
    let x = stanza.child("x", "u").unwrap();
    assert!(stanza.child("x", "jabber:client").is_none());
    assert_eq!(x.text(), "tu");
    assert_eq!(x.child("y", "u").unwrap().text(), "1");
    assert_eq!(
        x.child("z", "u").unwrap().attribute("a").as_deref(),
        Some("<")
    );
    assert_eq!(
        x.children().map(|c| c.name()).collect::<Vec<_>>(),
        ["y", "z"]
    );
}

#[test]
fn editing_keeps_the_index_right() {
    let mut stanza = parse("<message><a/>1<b/>2<c/></message>");
    assert!(stanza.retain_children(|child| child.name() != "b"));
    assert!(!stanza.retain_children(|_| true));
    stanza.append_content(b"<d xmlns='u'/>");
    assert_eq!(
        format!("{stanza:?}"),
        "<message><a/>12<c/><d xmlns='u'/></message>"
    );
    assert!(stanza.child("c", ns::CLIENT).is_some() && stanza.child("d", "u").is_some());
}

#[test]
fn head_can_be_changed_again_and_again() {
    let mut stanza = parse("<iq id='1' type='get' x='y'/>");
    for id in 0..1000 {
        stanza
            .set_id(Some(&id.to_string()))
            .set_type(Some("result"))
            .set_lang(Some("de"));
    }
    stanza
        .set_lang(None)
        .set_to(Some(Jid::new("a@b/c'd").unwrap()));
    assert_eq!(
        format!("{stanza:?}"),
        "<iq to='a@b/c&apos;d' type='result' id='999' x='y'/>"
    );
}

#[test]
fn forwarded_stanzas_declare_what_they_need() {
    let mut xml = crate::xml::XmlWriter::new();
    let stanza = parse("<message to='a@b'><body>x</body><y xmlns='u'><z/></y></message>");
    xml.open("forwarded", ns::FORWARD)
        .stanza(&stanza)
        .element(stanza.child("y", "u").unwrap());
    xml.element(stanza.child("body", ns::CLIENT).unwrap())
        .close();
    xml.element(stanza.child("body", ns::CLIENT).unwrap());
    assert_eq!(
        String::from_utf8_lossy(&xml.finish()),
        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='a@b'><body>x</body>\
         <y xmlns='u'><z/></y></message><y xmlns='u'><z/></y><body xmlns='jabber:client'>x</body></forwarded>\
         <body>x</body>"
    );
}

#[test]
fn a_tree_says_the_same() {
    let tree =
        parse("<message to='a@b' xml:lang='en'><x:a xmlns:x='u' x:b='1'>t<x:c/></x:a></message>")
            .to_element();
    assert_eq!(tree.attr("to"), Some("a@b"));
    let a = tree.get_child("a", "u").unwrap();
    assert_eq!(a.attr_ns("u", "b"), Some("1"));
    assert_eq!(a.text(), "t");
    assert!(a.has_child("c", "u"));
}

#[test]
fn sizes_stay_small() {
    assert_eq!(size_of::<Option<Stanza>>(), 8);
    assert!(size_of::<Parts>() <= 304, "{}", size_of::<Parts>());
    assert!(size_of::<ElementRef<'_>>() <= 48);
}

#[test]
fn clones_share_until_one_is_changed() {
    let stanza = parse("<message to='a@b' id='1'><body>x</body></message>");
    let mut other = stanza.clone();
    assert_eq!(stanza.content().as_ptr(), other.content().as_ptr());
    other.set_to(None).set_id(Some("2"));
    assert_eq!(stanza.id(), Some("1"));
    assert_eq!(
        format!("{other:?}"),
        "<message id='2'><body>x</body></message>"
    );
}
