//! What an index says of an object.
//!
//! 56 bytes, numbers little-endian: hash (32), offset in the pack (8), length there (4), length of the object (4), when it
//! was written in seconds since 1970 (4), how it is stored (1), and the first 3 bytes of the hash of all that.

use crate::Hash;

/// Of a record, in bytes.
pub(super) const LENGTH: usize = 56;

/// How an object is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// As a zstd frame.
    Packed,
    /// As the hashes of objects that make it up, 32 bytes each.
    Pieces,
    /// As it is; it is a manifest.
    Manifest,
}

/// A record without its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) offset: u64,
    /// Bytes in the pack.
    pub(super) stored: u32,
    /// Bytes of the object, but of one in pieces.
    pub(super) size: u32,
    /// Seconds since 1970.
    pub(super) written: u32,
    pub(super) form: Form,
}

impl Record {
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.stored.into())
    }

    pub(super) fn write(&self, hash: &Hash, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&hash.0);
        into.extend_from_slice(&self.offset.to_le_bytes());
        for number in [self.stored, self.size, self.written] {
            into.extend_from_slice(&number.to_le_bytes());
        }
        into.push(self.form as u8);
        let check = Hash::of(&into[start..]);
        into.extend_from_slice(&check.0[..3]);
    }

    /// `None`: the bytes are not what [`Record::write`] writes.
    pub(super) fn read(bytes: &[u8; LENGTH]) -> Option<(Hash, Self)> {
        let (said, check) = bytes.split_at(LENGTH - 3);
        if Hash::of(said).0[..3] != *check {
            return None;
        }
        let (hash, rest) = said.split_first_chunk::<32>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (numbers, form) = rest.split_at_checked(12)?;
        let number = |at: usize| Some(u32::from_le_bytes(*numbers.get(at..)?.first_chunk::<4>()?));
        let form = match form {
            [0] => Form::Plain,
            [1] => Form::Packed,
            [2] => Form::Pieces,
            [3] => Form::Manifest,
            _ => return None,
        };
        let offset = u64::from_le_bytes(*offset);
        Some((Hash(*hash), Self { offset, stored: number(0)?, size: number(4)?, written: number(8)?, form }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_written_and_none_that_was_damaged() {
        for form in [Form::Plain, Form::Packed, Form::Pieces, Form::Manifest] {
            let record = Record { offset: 1 << 40, stored: 3, size: 4, written: u32::MAX, form };
            let mut bytes = Vec::new();
            record.write(&Hash::of(b"x"), &mut bytes);
            let bytes: [u8; LENGTH] = bytes.try_into().unwrap();
            assert_eq!(Record::read(&bytes), Some((Hash::of(b"x"), record)));
            for at in 0..LENGTH {
                let mut damaged = bytes;
                damaged[at] ^= 1;
                assert_eq!(Record::read(&damaged), None, "{at}");
            }
        }
        assert_eq!(Record::read(&[0; LENGTH]), None);
    }
}
