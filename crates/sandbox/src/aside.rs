//! The names of what was moved aside: beside its place, where nobody reads it. The one rule for them.

use std::{
    ffi::{OsStr, OsString},
    hash::{BuildHasher, RandomState},
    iter,
};

/// What stands between the name that something had, and a number.
const ASIDE: &str = ".undone-";

/// How many names are tried in their order. Whoever has made all of these cannot know what comes then.
const IN_ORDER: i32 = 999;

/// How many names are tried in all.
const MOST: usize = 2_000;

/// The name of `name` once it is moved aside.
pub fn named(name: &OsStr, number: i32) -> OsString {
    let mut aside = name.to_owned();
    aside.push(format!("{ASIDE}{number}"));
    aside
}

/// The number of something that was moved aside; `None`: it was not. The reverse of [`named`].
pub fn number(name: &OsStr) -> Option<i32> {
    let name = name.as_encoded_bytes();
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, digits) = name.split_at_checked(name.len() - digits)?;
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('0'))?;
    if rest.ends_with(ASIDE.as_bytes()) { digits.parse().ok() } else { None }
}

/// Names to try for `name`, in this order.
pub fn names(name: &OsStr) -> impl Iterator<Item = OsString> {
    let numbers = (1..=IN_ORDER).chain(iter::repeat_with(random)).take(MOST);
    numbers.map(move |number| named(name, number))
}

/// Names to try for `name` that nobody can have foreseen.
pub fn unforeseen_names(name: &OsStr) -> impl Iterator<Item = OsString> {
    iter::repeat_with(random).take(MOST).map(move |number| named(name, number))
}

/// A number that is beyond those tried in order.
fn random() -> i32 {
    let thirty_bits = RandomState::new().hash_one(()) >> 34;
    IN_ORDER + 1 + i32::try_from(thirty_bits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_tells_its_number() {
        for name in names(OsStr::new("x")).chain(unforeseen_names(OsStr::new("x.undone-1"))) {
            let number = number(&name).unwrap();
            assert!(number > 0, "{number}");
            assert!([named(OsStr::new("x"), number), named(OsStr::new("x.undone-1"), number)].contains(&name));
        }
    }

    #[test]
    fn names_of_what_was_moved_aside() {
        for (name, expected) in [
            ("x.undone-1", Some(1)),
            ("x.undone-12", Some(12)),
            ("x.undone-2147483647", Some(i32::MAX)),
            ("x.undone-2147483648", None),
            ("x.undone-99999999999999999999", None),
            ("x.undone-", None),
            ("x.undone-0", None),
            ("x.undone-01", None),
            ("x.undone-+1", None),
            ("x.undone-1a", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(number(OsStr::new(name)), expected, "{name}");
        }
    }

    /// Those that are tried in their order can be taken, all of them.
    #[test]
    fn there_is_a_name_that_nobody_can_foresee() {
        let [one, two]: [Vec<OsString>; 2] = [(); 2].map(|()| names(OsStr::new("x")).skip(999).take(8).collect());
        assert!(one.len() == 8 && one.iter().all(|name| !two.contains(name)), "{one:?} {two:?}");
        assert!(names(OsStr::new("x")).next() == Some("x.undone-1".into()));
    }
}
