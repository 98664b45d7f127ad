//! Whether what is asked now is what a cassette has. What differs from run to run and from machine to machine by itself fits:
//! the rules are those of `docs/cassettes.md`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{format::ANY, words::SECRET};

/// Characters of an id as this program makes them: a UUID.
const ID: usize = 36;
/// How the stead of an id begins; its number and `⟩` follow.
const NUMBERED: &str = "⟨id ";
/// Units of time that the length of a run is told in.
const UNITS: &[&str] = &["seconds", "secs", "sec", "ms", "µs", "us", "ns", "s"];

/// Ids of threads by the numbers that a cassette has for them, from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids(Vec<Option<String>>);

/// What is taken for the same.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// Days of the recording, `YYYY-MM-DD`.
    pub(super) days: &'a BTreeSet<String>,
    /// The day that it is now.
    pub(super) today: &'a str,
}

/// A piece of a recorded text.
#[derive(Debug)]
enum Piece<'a> {
    Text(&'a str),
    /// Anything.
    Any,
    /// The id with this number.
    Id(usize),
    /// A day of the recording.
    Day(&'a str),
    /// How long something took.
    Length,
    /// A time of day.
    Clock,
}

impl Ids {
    /// `text` with numbers in the place of ids. New ones get a number if `learns`.
    pub(super) fn hide(&mut self, text: &mut String, learns: bool) {
        if text.len() < ID {
            return;
        }
        let mut hidden = String::new();
        let mut rest = text.as_str();
        while let Some((before, id, after)) = next_id(rest) {
            hidden.push_str(before);
            let known = self.0.iter().position(|known| known.as_deref() == Some(id));
            let known = known.or_else(|| {
                learns.then(|| {
                    self.0.push(Some(id.to_owned()));
                    self.0.len() - 1
                })
            });
            match known {
                Some(at) => hidden.push_str(&format!("{NUMBERED}{}⟩", at + 1)),
                None => hidden.push_str(id),
            }
            rest = after;
        }
        if !hidden.is_empty() {
            hidden.push_str(rest);
            *text = hidden;
        }
    }

    /// `text` with the ids that are known.
    pub(super) fn show(&self, text: &mut String) {
        for (at, id) in self.0.iter().enumerate() {
            let stead = format!("{NUMBERED}{}⟩", at + 1);
            if let Some(id) = id.as_ref().filter(|_| text.contains(&stead)) {
                *text = text.replace(&stead, id);
            }
        }
    }

    /// Whether the one with this number is or becomes `id`.
    fn is(&mut self, number: usize, id: &str) -> bool {
        let Some(at) = number.checked_sub(1) else { return false };
        if self.0.len() < number {
            self.0.resize(number, None);
        }
        self.0[at].get_or_insert_with(|| id.to_owned()) == id
    }
}

impl Rules<'_> {
    /// Whether `now` is as it was recorded. `ids` learns what it has to take for one another.
    pub(super) fn fits(&self, recorded: &Value, now: &Value, ids: &mut Ids) -> bool {
        match (recorded, now) {
            (Value::String(recorded), _) if recorded == ANY => true,
            (Value::String(recorded), Value::String(now)) => self.fits_text(recorded, now, ids),
            (Value::Array(recorded), Value::Array(now)) => {
                self.fit_all(&recorded.iter().collect::<Vec<_>>(), &now.iter().collect::<Vec<_>>(), ids)
            }
            (Value::Object(recorded), Value::Object(now)) => {
                recorded.len() == now.len()
                    && recorded
                        .iter()
                        .all(|(name, recorded)| now.get(name).is_some_and(|now| self.fits(recorded, now, ids)))
            }
            _ => recorded == now,
        }
    }

    /// Whether all of `now` are as they were recorded, in order.
    pub(super) fn fit_all(&self, recorded: &[&Value], now: &[&Value], ids: &mut Ids) -> bool {
        let Some((first, rest)) = recorded.split_first() else { return now.is_empty() };
        if *first == ANY {
            return (0..=now.len()).any(|from| self.attempt(ids, |ids| self.fit_all(rest, &now[from..], ids)));
        }
        let Some((one, others)) = now.split_first() else { return false };
        self.fits(first, one, ids) && self.fit_all(rest, others, ids)
    }

    fn fits_text(&self, recorded: &str, now: &str, ids: &mut Ids) -> bool {
        recorded == now || self.fit_pieces(&self.pieces(recorded), now, ids)
    }

    fn fit_pieces(&self, pieces: &[Piece], mut now: &str, ids: &mut Ids) -> bool {
        let mut pieces = pieces;
        while let Some((piece, rest)) = pieces.split_first() {
            let after = match piece {
                Piece::Any => {
                    let mut ends = now.char_indices().map(|(at, _)| at).chain([now.len()]);
                    return ends.any(|end| self.attempt(ids, |ids| self.fit_pieces(rest, &now[end..], ids)));
                }
                Piece::Text(text) => now.strip_prefix(text),
                Piece::Id(number) => id(now).filter(|id| ids.is(*number, id)).map(|id| &now[id.len()..]),
                Piece::Day(day) => now.strip_prefix(day).or_else(|| now.strip_prefix(self.today)),
                Piece::Length => length(now).map(|length| &now[length..]),
                Piece::Clock => clock(now).map(|length| &now[length..]),
            };
            let Some(after) = after else { return false };
            (pieces, now) = (rest, after);
        }
        now.is_empty()
    }

    /// What `way` learns is forgotten if it leads nowhere.
    fn attempt(&self, ids: &mut Ids, way: impl FnOnce(&mut Ids) -> bool) -> bool {
        let mut learned = ids.clone();
        let fits = way(&mut learned);
        if fits {
            *ids = learned;
        }
        fits
    }

    fn pieces<'b>(&self, recorded: &'b str) -> Vec<Piece<'b>> {
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(next) = recorded[at..].chars().next() {
            let begins = !recorded[..at].ends_with(|last: char| last.is_ascii_alphanumeric() || last == '.');
            match self.special(&recorded[at..], begins) {
                Some((piece, length)) => {
                    if from < at {
                        pieces.push(Piece::Text(&recorded[from..at]));
                    }
                    pieces.push(piece);
                    at += length;
                    from = at;
                }
                None => at += next.len_utf8(),
            }
        }
        if from < at {
            pieces.push(Piece::Text(&recorded[from..]));
        }
        pieces
    }

    /// What `text` begins with that need not be the same, and its length. `begins`: no word or number goes on here.
    fn special<'b>(&self, text: &'b str, begins: bool) -> Option<(Piece<'b>, usize)> {
        for any in [ANY, SECRET] {
            if text.starts_with(any) {
                return Some((Piece::Any, any.len()));
            }
        }
        if let Some(number) = text.strip_prefix(NUMBERED) {
            let digits = number.split('⟩').next().unwrap_or_default();
            let length = NUMBERED.len() + digits.len() + '⟩'.len_utf8();
            return digits.parse().ok().map(|number| (Piece::Id(number), length));
        }
        if !begins || !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        if let Some(day) = text.get(..10).filter(|day| self.days.contains(*day)) {
            return Some((Piece::Day(day), day.len()));
        }
        let length = length(text).map(|length| (Piece::Length, length));
        length.or_else(|| clock(text).map(|length| (Piece::Clock, length)))
    }
}

/// Bytes of the length of time that `text` begins with: a number with a fraction and a unit, such as `0.3 s`.
fn length(text: &str) -> Option<usize> {
    let whole = digits(text);
    let fraction = digits(text[whole..].strip_prefix('.')?);
    if whole == 0 || fraction == 0 {
        return None;
    }
    let number = whole + 1 + fraction;
    let blank = usize::from(text[number..].starts_with(' '));
    let rest = &text[number + blank..];
    let unit = UNITS.iter().find(|unit| {
        rest.strip_prefix(**unit).is_some_and(|after| !after.starts_with(|next: char| next.is_alphanumeric()))
    })?;
    Some(number + blank + unit.len())
}

/// Bytes of the time of day that `text` begins with: `12:34`, `12:34:56` or `12:34:56.789`.
fn clock(text: &str) -> Option<usize> {
    let part = |from: usize| {
        let rest = text.get(from..)?;
        let two = digits(rest) == 2 && rest[..2] < *"60";
        two.then_some(from + 2)
    };
    let mut end = part(0).filter(|_| text[..2] < *"24")?;
    end = text[end..].starts_with(':').then(|| part(end + 1)).flatten()?;
    if let Some(seconds) = text[end..].starts_with(':').then(|| part(end + 1)).flatten() {
        end = seconds;
        if let Some(fraction) = text[end..].strip_prefix('.').map(digits).filter(|count| *count > 0) {
            end += 1 + fraction;
        }
    }
    (!text[end..].starts_with(':')).then_some(end)
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The first id in `text`, and what is before and after it.
fn next_id(text: &str) -> Option<(&str, &str, &str)> {
    // By its first dash.
    let at = text.match_indices('-').find_map(|(dash, _)| {
        let start = dash.checked_sub(8)?;
        let begins = !text.get(..start)?.ends_with(|last: char| last.is_ascii_alphanumeric());
        (begins && id(text.get(start..)?).is_some()).then_some(start)
    })?;
    Some((&text[..at], &text[at..at + ID], &text[at + ID..]))
}

/// The id that `text` begins with.
fn id(text: &str) -> Option<&str> {
    let id = text.get(..ID)?;
    let is_one = id.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    });
    is_one.then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
    const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

    fn fits(recorded: &Value, now: &Value, ids: &mut Ids) -> bool {
        let days = BTreeSet::from(["2026-11-30".to_owned()]);
        Rules { days: &days, today: "2027-01-02" }.fits(recorded, now, ids)
    }

    #[test]
    fn what_differs_by_itself_fits_and_nothing_else() {
        let table = [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "ab", false),
            ("⟨any⟩", "", true),
            ("a⟨any⟩c⟨any⟩", "abbcd", true),
            ("a⟨any⟩c", "abbcd", false),
            ("key ⟨secret⟩.", "key x.", true),
            ("Wall time: 0.1 s\n", "Wall time: 12.3 s\n", true),
            ("in 0.25s; 1.5ms", "in 3.01s; 2.5 µs", true),
            ("timeout 10 s", "timeout 20 s", false),
            ("version 1.2 stays", "version 1.3 stays", false),
            ("1.2 seconds", "2.1 seconds", true),
            ("1.2.3s", "1.2.4s", false),
            ("Nov 30 18:46 a", "Nov 30 09:12 a", true),
            ("18:46:01.5Z", "09:12:00Z", true),
            ("at 99:99", "at 98:98", false),
            ("Date: 2026-11-30", "Date: 2027-01-02", true),
            ("Date: 2026-11-30", "Date: 2026-11-30", true),
            ("Date: 2026-11-30", "Date: 2026-11-29", false),
            ("Date: 2026-11-29", "Date: 2027-01-02", false),
            ("x2026-11-30", "x2027-01-02", false),
        ];
        for (recorded, now, expected) in table {
            assert_eq!(fits(&json!(recorded), &json!(now), &mut Ids::default()), expected, "{recorded} and {now}");
        }
    }

    #[test]
    fn values_fit_member_by_member() {
        let table = [
            (json!({"a": 1, "b": ["x"]}), json!({"b": ["x"], "a": 1}), true),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!({"a": 1, "b": 2}), json!({"a": 1}), false),
            (json!({"a": ANY}), json!({"a": {"b": [1]}}), true),
            (json!([ANY, 3]), json!([1, 2, 3]), true),
            (json!([ANY, 3]), json!([3]), true),
            (json!([ANY, 3]), json!([3, 4]), false),
            (json!([1, ANY]), json!([1]), true),
            (json!(["1"]), json!([1]), false),
        ];
        for (recorded, now, expected) in table {
            assert_eq!(fits(&recorded, &now, &mut Ids::default()), expected, "{recorded} and {now}");
        }
    }

    #[test]
    fn ids_have_numbers_and_stay_who_they_are() {
        let mut ids = Ids::default();
        let mut text = format!("{ONE}, x-{OTHER}/{ONE}; {ONE}0");
        let whole = text.clone();
        let mut unknown = text.clone();
        ids.hide(&mut unknown, false);
        assert_eq!(unknown, whole);
        ids.hide(&mut text, true);
        assert_eq!(text, format!("⟨id 1⟩, x-⟨id 2⟩/⟨id 1⟩; ⟨id 1⟩0"));
        let mut shown = text.clone();
        ids.show(&mut shown);
        assert_eq!(shown, whole);

        let mut others = Ids::default();
        let now = |a: &str, b: &str| json!(format!("{a}, x-{b}/{a}; {a}0"));
        assert!(!fits(&json!(text), &json!(format!("{ONE}, x-{OTHER}/{OTHER}; {ONE}0")), &mut Ids::default()));
        assert!(fits(&json!(text), &now(OTHER, ONE), &mut others));
        assert!(!fits(&json!("⟨id 1⟩"), &json!(ONE), &mut others), "it is the other one");
        assert!(fits(&json!("⟨any⟩ ⟨id 3⟩"), &json!(format!("{ONE} a {ONE}")), &mut others));
        let mut text = "⟨id 1⟩ ⟨id 4⟩".to_owned();
        others.show(&mut text);
        assert_eq!(text, format!("{OTHER} ⟨id 4⟩"));
    }
}
