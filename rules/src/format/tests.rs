use super::*;

fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let twice = format(&once).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(once, twice, "formatting again changes nothing");
    once
}

#[test]
fn names_and_blanks_are_canonical() {
    assert_eq!(
        formatted(
            "\u{feff}\r\n\r\n  KIND NOT:message\r\n\tFROM_EXACTLY: a@b\r\nTO_FULL_NOT JID\r\nmark_origin=x\r\ndrop.\r\n\r\n\r\n\r\n%LIST  l : memory\r\n@@trace=on"
        ),
        "NOT KIND: message\nFROM EXACTLY: a@b\nNOT TO FULL JID?\nMARK ORIGIN=x\nDROP.\n\n%LIST l: memory\n@@ trace = on\n"
    );
    assert_eq!(
        formatted(
            "MAY=x\nLIMIT r on $<@from>\nFROM:  a \nIN ROSTER? of course\nLOG= two  words \nDROP. here"
        ),
        "MAY: x\nLIMIT: r on $<@from>\nFROM:  a\nIN ROSTER? of course\nLOG= two  words\nDROP. here\n"
    );
}

#[test]
fn empty_lines_separate_and_comments_stay() {
    assert_eq!(
        formatted(
            "# head\n\n\n# about a\nFROM: a\n# why\nDROP.\n# about b\nFROM: b\nDROP.\n::preroute\nPASS.\n%ZONE z: a\n%ZONE y: b\nDROP.\n#end\n\n"
        ),
        "# head\n\n# about a\nFROM: a\n# why\nDROP.\n\n# about b\nFROM: b\nDROP.\n\n::preroute\n\nPASS.\n\n%ZONE z: a\n%ZONE y: b\n\nDROP.\n#end\n"
    );
}

#[test]
fn continued_lines_stay_continued() {
    assert_eq!(
        formatted("%ZONE z: a, \\\n b, \\\n\tc\n# comment \\\n DROP.\nLOG=a\\"),
        "%ZONE z: a, \\\n  b, \\\n  c\n\n# comment \\\n  DROP.\nLOG=a\n"
    );
}

#[test]
fn tests_keep_the_indentation_of_stanzas() {
    assert_eq!(
        formatted(
            "LOG=x\n%TEST  a b :pass\n# comment\n  host: example.com\n <message>\n    <body>\n# text\n  </body>\n </message>\n expect: pass\nDROP: no\n\nDROP.\n"
                .replace("DROP: no\n", "").as_str()
        ),
        "LOG=x\n\n%TEST a b: pass\n# comment\nhost: example.com\n<message>\n    <body>\n# text\n  </body>\n </message>\nexpect: pass\n\nDROP.\n"
    );
}

#[test]
fn scripts_with_errors_are_left_alone() {
    let errors = format("FORM: a\nDORP.\n").expect_err("two errors");
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 1: Unknown condition on line 1: FORM (did you mean `FROM`?)",
            "line 2: Unknown action on line 2: DORP (did you mean `DROP`?)"
        ]
    );
    assert!(format("KIND: iq\n\n").is_err());
}
