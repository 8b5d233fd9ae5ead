use super::*;

#[test]
fn addresses_replace_those_of_the_stanza() {
    let xml = "<presence from='a@b' to='c@d'/>";
    let stanza = supposed_stanza(Some(xml), Some("x@y/z"), None, "").unwrap();
    assert_eq!(
        super::super::xml(&stanza),
        "<presence from='x@y/z' to='c@d'/>"
    );
    let message = supposed_stanza(None, None, Some("c@d"), "hi <3").unwrap();
    let expected = "<message to='c@d' type='chat'><body>hi &lt;3</body></message>";
    assert_eq!(super::super::xml(&message), expected);
    for (xml, from) in [
        (Some("<presence"), None),
        (Some("<x/>"), None),
        (None, Some("@")),
    ] {
        assert!(supposed_stanza(xml, from, None, "").is_err());
    }
}
