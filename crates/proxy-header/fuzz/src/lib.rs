//! The body of the fuzz target, which the tests of `portcullis-proxy-header` run as well.

use portcullis_proxy_header::{MAX_LENGTH, Parsed, parse};

/// Every beginning of the input either waits for more or says what the whole says; the wait is
/// bounded; what is behind a header changes nothing.
pub fn run(data: &[u8]) {
    let whole = parse(data);
    let decided = (0..=data.len()).find_map(|length| {
        let (beginning, _) = data.split_at(length);
        let parsed = parse(beginning);
        (parsed != Parsed::Incomplete).then_some((length, parsed))
    });
    let Some((length, parsed)) = decided else {
        assert!(
            data.len() < MAX_LENGTH,
            "{} bytes and no answer",
            data.len()
        );
        return;
    };
    assert_eq!(parsed, whole, "decided with {length} bytes");
    assert!(length <= MAX_LENGTH, "{length} bytes");
    if let Parsed::Header(header) = parsed {
        assert_eq!(header.length, length);
    }
}
