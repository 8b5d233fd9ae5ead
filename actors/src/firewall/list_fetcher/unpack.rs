//! Unpacking what servers send packed, to a bounded size.

use std::io::{self, Read as _};

use flate2::read::MultiGzDecoder;

/// The content of a gzip stream; an error as soon as it is longer than `most`. Long work: not for an arbiter.
pub(super) fn gzip(packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let mut content = Vec::new();
    MultiGzDecoder::new(packed)
        .take(limit.saturating_add(1))
        .read_to_end(&mut content)?;
    match content.len() > most {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("the body is longer than {most} bytes when it is unpacked"),
        )),
        false => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn unpacks_up_to_the_bound() {
        let bomb = packed(&vec![b'a'; 1 << 20]);
        assert!(bomb.len() < 4096);
        assert_eq!(gzip(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert!(gzip(&bomb, (1 << 20) - 1).is_err());
        assert!(gzip(bomb.split_at(bomb.len() / 2).0, 1 << 20).is_err());
        assert!(gzip(b"no gzip", 100).is_err());
    }
}
