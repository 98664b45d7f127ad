//! Numbers and byte strings as bytes: the alphabet of the messages between this program and its helper.
//!
//! Arguments, environment and paths are bytes that need not be UTF-8, which is why this is not JSON. It must never
//! know a message, and must never trust a length it reads.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The bytes do not hold what was expected. Seen only if the two ends are different programs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends values to a message.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    pub(crate) fn integer(&mut self, value: i32) {
        self.0.extend(value.to_le_bytes());
    }

    fn length(&mut self, value: usize) {
        self.0.extend((value as u64).to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.0.extend(value);
    }

    pub(crate) fn text(&mut self, value: impl AsRef<OsStr>) {
        self.bytes(value.as_ref().as_bytes());
    }

    pub(crate) fn texts<T: AsRef<OsStr>>(&mut self, values: impl ExactSizeIterator<Item = T>) {
        self.length(values.len());
        for value in values {
            self.text(value);
        }
    }
}

/// Takes values off the front of a message, in the order they were written.
pub(crate) struct Reader<'message>(&'message [u8]);

impl<'message> Reader<'message> {
    pub(crate) fn new(message: &'message [u8]) -> Self {
        Self(message)
    }

    /// The end of the message; bytes left over mean that it was misread.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    fn take(&mut self, count: usize) -> Result<&'message [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], Malformed> {
        self.take(COUNT)?.try_into().map_err(|_| Malformed)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn integer(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        u64::from_le_bytes(self.array()?).try_into().map_err(|_| Malformed)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'message [u8], Malformed> {
        let count = self.length()?;
        self.take(count)
    }

    pub(crate) fn text(&mut self) -> Result<OsString, Malformed> {
        Ok(OsString::from_vec(self.bytes()?.to_vec()))
    }

    /// A list whose elements `element` reads. The vector grows with what is there, not with the length that is claimed.
    pub(crate) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.length()?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(element(self)?);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_order() {
        let mut writer = Writer::default();
        writer.byte(7);
        writer.flag(true);
        writer.integer(-3);
        writer.text(OsStr::from_bytes(b"not \xff utf-8"));
        writer.texts(["", "a"].iter());
        let message = writer.finish();
        let mut reader = Reader::new(&message);
        assert_eq!(reader.byte(), Ok(7));
        assert_eq!(reader.flag(), Ok(true));
        assert_eq!(reader.integer(), Ok(-3));
        assert_eq!(reader.bytes(), Ok(&b"not \xff utf-8"[..]));
        assert_eq!(reader.list(Reader::text), Ok(vec![OsString::new(), OsString::from("a")]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_short_or_lying_message_is_an_error() {
        let mut writer = Writer::default();
        writer.length(usize::MAX);
        let message = writer.finish();
        assert_eq!(Reader::new(&message).bytes(), Err(Malformed));
        assert_eq!(Reader::new(&message).list(Reader::text), Err(Malformed));
        assert_eq!(Reader::new(&[]).byte(), Err(Malformed));
        assert_eq!(Reader::new(&[2]).flag(), Err(Malformed));
        assert_eq!(Reader::new(&[2]).finish(), Err(Malformed));
    }
}
