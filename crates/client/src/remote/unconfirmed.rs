//! Texts on their way to the other side, numbered from 0, until that side has confirmed them.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Texts that were sent, or will be, and may have to be sent again.
#[derive(Debug, Default)]
pub struct Unconfirmed {
    texts: VecDeque<Utf8Bytes>,
    /// Number of the first of them.
    first: u64,
    bytes: usize,
}

impl Unconfirmed {
    /// The next text.
    pub fn push(&mut self, text: String) {
        self.bytes += text.len();
        self.texts.push_back(text.into());
    }

    /// The text with this number, if it is still here.
    pub fn get(&self, number: u64) -> Option<&Utf8Bytes> {
        self.texts.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The other side has the first `count` texts. False if that cannot be.
    pub fn confirm(&mut self, count: u64) -> bool {
        if count < self.first || count > self.first + self.texts.len() as u64 {
            return false;
        }
        while self.first < count {
            self.bytes -= self.texts.pop_front().map_or(0, |text| text.len());
            self.first += 1;
        }
        true
    }

    /// How many there are, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        (self.texts.len(), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confirmed_goes_and_the_rest_keeps_its_numbers() {
        let mut texts = Unconfirmed::default();
        ["a", "bb", "ccc"].into_iter().for_each(|text| texts.push(text.into()));
        assert!(texts.confirm(2));
        assert_eq!((texts.size(), texts.get(1), texts.get(2).map(|text| text.as_str())), ((1, 3), None, Some("ccc")));
        for impossible in [1, 4] {
            assert!(!texts.confirm(impossible), "{impossible}");
        }
        assert!(texts.confirm(2), "nothing new");
        texts.push("d".into());
        assert_eq!(texts.get(3).map(|text| text.as_str()), Some("d"));
    }
}
