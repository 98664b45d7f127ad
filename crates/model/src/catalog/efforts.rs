//! How much a model may think: words in an order.

use std::fmt;

/// The words, the least first.
const WORDS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Some of the words that say how much a model may think.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Efforts(u8);

impl Efforts {
    /// Those of `words` that are known.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let places = words.into_iter().filter_map(place);
        Self(places.fold(0, |all, place| all | 1 << place))
    }

    /// They, the least first.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        WORDS.into_iter().enumerate().filter(move |(place, _)| self.0 & 1 << place != 0).map(|(_, word)| word)
    }

    /// `wanted` if it is one of them or no word that is known here, which a server may know; else the next lower one, or
    /// the lowest. `None`: there are none.
    pub fn nearest(self, wanted: &str) -> Option<&str> {
        let Some(at) = place(wanted) else { return Some(wanted) };
        let lower = self.iter().take_while(|word| place(word) <= Some(at)).last();
        lower.or_else(|| self.iter().next())
    }
}

fn place(wanted: &str) -> Option<usize> {
    WORDS.iter().position(|word| *word == wanted)
}

impl fmt::Debug for Efforts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_itself_or_less_and_only_then_more() {
        let table = [
            ("low medium high", "medium", Some("medium")),
            ("low medium high", "max", Some("high")),
            ("low medium high", "none", Some("low")),
            ("low high max", "medium", Some("low")),
            ("high", "minimal", Some("high")),
            ("low high", "enormous", Some("enormous")),
            ("", "high", None),
        ];
        for (words, wanted, expected) in table {
            assert_eq!(Efforts::new(words.split(' ')).nearest(wanted), expected, "{wanted} of {words}");
        }
    }

    #[test]
    fn they_come_in_their_order_each_once() {
        let efforts = Efforts::new(["max", "low", "low", "enormous", "none"]);
        assert_eq!(efforts.iter().collect::<Vec<_>>(), ["none", "low", "max"]);
        assert_eq!(format!("{efforts:?}"), r#"{"none", "low", "max"}"#);
    }
}
