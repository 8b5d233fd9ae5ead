//! The body of the fuzz target, which the tests of `portcullis-multiplex` run as well.

use portcullis_multiplex::{Detected, MAX_SKIPPED, Spoken, detect};

/// Every beginning of the input either waits for more or says what the whole says; what is passed over
/// is bounded and says nothing; XML is decided by the end of a tag and nothing else by more than a
/// few bytes.
pub fn run(data: &[u8]) {
    let whole = detect(data);
    let decided = (0..=data.len()).find_map(|length| {
        let (beginning, _) = data.split_at(length);
        let detected = detect(beginning);
        (detected != Detected::Incomplete).then_some((length, detected))
    });
    let Some((length, detected)) = decided else {
        return assert_eq!(whole, Detected::Incomplete);
    };
    assert_eq!(detected, whole, "decided with {length} bytes");
    let Detected::Found { spoken, skipped } = detected else {
        return;
    };
    assert!(
        skipped <= MAX_SKIPPED && skipped < length,
        "{skipped} passed over"
    );
    let (_, own) = data.split_at(skipped);
    assert_eq!(detect(own), Detected::Found { spoken, skipped: 0 });
    match spoken {
        Spoken::Socks => assert_eq!(length, skipped + 1),
        Spoken::Tls => assert_eq!(length, skipped + 2),
        Spoken::Http => assert!(length <= skipped + 25),
        _ => assert!(own.starts_with(b"<") && data.get(length - 1) == Some(&b'>')),
    }
}
