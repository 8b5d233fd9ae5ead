//! Streams as bytes, most of them from RFC 6120 and RFC 6121: each file `vectors/*.stream` says what `*.events` holds,
//! however its bytes are split.

#![expect(clippy::disallowed_methods, reason = "a test reads its files")]

use std::{fs, path::Path};

use portcullis_xmpp::{Limits, StreamEvent, StreamParser};

/// One line for each event, and one for the error if there is one.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut parser = StreamParser::new(Limits::CLIENT);
    let mut said = String::new();
    for mut input in pieces {
        loop {
            let line = match parser.next(&mut input) {
                Ok(None) => break,
                Ok(Some(StreamEvent::Header(header))) => {
                    format!(
                        "header to {:?} from {:?} version {:?} lang {:?}",
                        header.to_raw(),
                        header.from_raw(),
                        header.version_raw(),
                        header.lang()
                    )
                }
                Ok(Some(StreamEvent::Stanza(stanza))) => match stanza.malformed_to() {
                    Some(to) => format!("stanza {stanza:?} to {to:?}"),
                    None => format!("stanza {stanza:?}"),
                },
                Ok(Some(StreamEvent::Element(element))) => format!("element {element:?}"),
                Ok(Some(StreamEvent::Closed)) => "closed".to_owned(),
                Err(error) => format!("error {error}"),
            };
            said.push_str(&line);
            said.push('\n');
        }
    }
    said
}

#[test]
fn every_split_of_a_vector_says_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "stream")
        {
            continue;
        }
        let stream = fs::read(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("events")).unwrap_or_default();
        assert_eq!(events([&stream[..]]), expected, "{path:?} in one piece");
        assert_eq!(events(stream.chunks(1)), expected, "{path:?} byte by byte");
        for at in 0..stream.len() {
            let (one, two) = stream.split_at(at);
            assert_eq!(events([one, two]), expected, "{path:?} split at {at}");
        }
        count += 1;
    }
    assert!(count >= 20, "only {count} vectors were found");
}
