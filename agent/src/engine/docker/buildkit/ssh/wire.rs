//! The encoding of SSH's messages and keys (RFC 4251 §5). Pure.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes(4)?.try_into().ok()?))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// A number that is not negative, without leading zeros.
    pub(super) fn mpint(&mut self) -> Option<&'a [u8]> {
        self.string().map(trimmed)
    }
}

/// A message being written.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// What is written here is of keys and requests, whose sizes are limited.
    pub(super) fn string(mut self, bytes: &[u8]) -> Self {
        self = self.number(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    /// A number that is not negative, big end first.
    pub(super) fn mpint(self, bytes: &[u8]) -> Self {
        let bytes = trimmed(bytes);
        // The first bit would be its sign.
        match bytes.first() {
            Some(first) if *first >= 0x80 => self.string(&[&[0], bytes].concat()),
            _ => self.string(bytes),
        }
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_a_sign_and_without_leading_zeros() {
        // RFC 4251 §5: "mpint".
        let table: [(&[u8], &[u8]); 4] = [
            (&[], &[0, 0, 0, 0]),
            (&[0], &[0, 0, 0, 0]),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0, 9, 0xa3], &[0, 0, 0, 2, 9, 0xa3]),
        ];
        for (number, written) in table {
            assert_eq!(Writer::default().mpint(number).0, written, "{number:?}");
        }
    }

    #[test]
    fn what_is_cut_is_not_read() {
        for bytes in [&b""[..], b"\0\0\0", b"\0\0\0\x02a", b"\xff\xff\xff\xffa"] {
            assert_eq!(Reader(bytes).string(), None, "{bytes:?}");
        }
        assert_eq!(Reader(b"\0\0\0\x01ab").string(), Some(&b"a"[..]));
    }
}
