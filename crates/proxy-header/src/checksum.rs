//! The checksum of version 2.

/// The polynomial of Castagnoli, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// CRC-32C (RFC 3720, appendix B.4). Bit by bit: headers are short and few have one.
pub fn crc32c(bytes: impl IntoIterator<Item = u8>) -> u32 {
    let mut sum = !0;
    for byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            let carry = if sum & 1 == 1 { POLYNOMIAL } else { 0 };
            sum = (sum >> 1) ^ carry;
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that catalogues of checksums give, and RFC 3720's for 32 zeros.
    #[test]
    fn known_sums() {
        assert_eq!(crc32c(*b"123456789"), 0xe306_9283);
        assert_eq!(crc32c([0; 32]), 0x8a91_36aa);
    }
}
