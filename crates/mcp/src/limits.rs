//! How much of a server's words is taken, and how they are made fit to be passed on.

use std::time::{Duration, Instant};

/// Longest message, in bytes.
pub(crate) const MESSAGE: usize = 4 << 20;
/// Bytes of standard error that are kept: the last ones.
pub(crate) const STDERR: usize = 8 << 10;
/// Most tools, prompts or resources of one server.
pub(crate) const ENTRIES: usize = 1000;
/// Longest list of tools, of prompts or of resources, in bytes of what is kept of it.
pub(crate) const LIST: usize = 2 << 20;
/// Most pages of a list.
pub(crate) const PAGES: usize = 200;
/// Longest description, in bytes.
pub(crate) const DESCRIPTION: usize = 4 << 10;
/// Longest name, address or title, in bytes.
pub(crate) const NAME: usize = 256;
/// Longest sentence of a server that is passed on, in bytes.
pub(crate) const SENTENCE: usize = 1 << 10;

/// How many messages that answer nothing a server may send at once.
const BURST: f64 = 2000.0;
/// How many more each second.
const RATE: f64 = 200.0;

/// `text` in at most `most` bytes, without what drives a terminal or cannot be seen: line breaks and tabs stay.
pub(crate) fn words(text: &str, most: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(most));
    for c in text.chars().filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || is_hidden(*c))) {
        if kept.len() + c.len_utf8() > most {
            kept.truncate(kept.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
            kept.push('…');
            break;
        }
        kept.push(c);
    }
    kept
}

/// As [`words`], on one line.
pub(crate) fn line(text: &str, most: usize) -> String {
    words(&text.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// Characters that hide text or turn its order around; among them the tags, which spell text that nobody sees.
pub fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{fff9}'..='\u{fffb}')
}

/// Counts what a server says without being asked.
#[derive(Debug)]
pub(crate) struct Flood {
    left: f64,
    since: Instant,
}

impl Flood {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST, since: now }
    }

    /// Whether one more message, at `now`, is not too much.
    pub(crate) fn takes(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since);
        self.left = (self.left + passed.as_secs_f64() * RATE).min(BURST);
        self.since = now;
        let takes = self.left >= 1.0;
        self.left -= if takes { 1.0 } else { 0.0 };
        takes
    }
}

/// How long to wait before a server is started for the `attempt`th time, which counts from 1 and for which it is `first`.
pub(crate) fn backoff(first: Duration, attempt: u32) -> Duration {
    (first * (1 << attempt.saturating_sub(1).min(6))).min(Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_and_hide_nothing() {
        let rows = [
            ("plain\n\ttext", 20, "plain\n\ttext"),
            ("a\u{1b}[2J\u{202e}b\u{e0041}\u{200b}c\r", 20, "a[2Jbc"),
            ("abcdefgh", 8, "abcdefgh"),
            ("abcdefghi", 8, "abcde…"),
            ("日本語日本語", 9, "日本…"),
        ];
        for (text, most, expected) in rows {
            assert_eq!(words(text, most), expected, "{text:?}");
        }
        assert_eq!(line(" a\n\n b\tc ", 20), "a b c");
    }

    #[test]
    fn a_burst_is_taken_and_a_flood_is_not() {
        let start = Instant::now();
        let mut flood = Flood::new(start);
        assert_eq!((0..2001).filter(|_| flood.takes(start)).count(), 2000);
        assert!(!flood.takes(start + Duration::from_millis(4)));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..300).filter(|_| flood.takes(later)).count(), 200);
    }

    #[test]
    fn each_attempt_waits_longer() {
        let waits: Vec<u64> = (1..=9)
            .map(|attempt| backoff(crate::ServerSpec::FIRST_WAIT, attempt).as_millis().try_into().unwrap())
            .collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    }
}
