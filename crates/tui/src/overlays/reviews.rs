//! What can be reviewed: chosen from a list, or typed behind `/review`.

use codex_protocol::ReviewTarget;

use super::{Entry, Outcome, Overlay, Picker};
use crate::intent::Intent;

/// What is chosen: at once, or with a word that is still to be typed.
type Preset = (&'static str, &'static str, &'static str);

/// The presets, what is said of each, and what stands in the composer where a word is missing.
const PRESETS: &[Preset] = &[
    ("uncommitted", "what is in no commit: staged, changed and new files", ""),
    ("base BRANCH", "what has changed since a branch was left", "/review base "),
    ("commit SHA", "one commit", "/review commit "),
    ("custom", "what you say", "/review "),
];

/// Presets to choose from.
pub fn reviews() -> Box<dyn Overlay> {
    let entries = PRESETS.iter().map(|(name, about, typed)| Entry {
        name: (*name).to_owned(),
        about: (*about).to_owned(),
        is_on: None,
        value: *typed,
    });
    let enter = |entry: &mut Entry<&'static str>| match entry.value {
        "" => Outcome::done(Intent::Review(ReviewTarget::UncommittedChanges)),
        typed => Outcome::done(Intent::Compose(typed.to_owned())),
    };
    Box::new(Picker::new("What to review", entries.collect(), enter))
}

/// What `typed`, behind `/review`, names.
///
/// # Errors
/// A sentence for the user, where a word is missing or there is one too many.
pub fn review(typed: &str) -> Result<ReviewTarget, String> {
    let (first, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let rest = rest.trim();
    let one = |what: &str| match rest.split_whitespace().count() {
        1 => Ok(rest.to_owned()),
        0 => Err(format!("/review {first} takes the name of {what}")),
        _ => Err(format!("/review {first} takes one name, of {what}, and nothing behind it")),
    };
    Ok(match first {
        "uncommitted" if rest.is_empty() => ReviewTarget::UncommittedChanges,
        "base" => ReviewTarget::BaseBranch { branch: one("a branch")? },
        "commit" => ReviewTarget::Commit { sha: one("a commit")? },
        _ => ReviewTarget::Custom { instructions: typed.to_owned() },
    })
}

/// What is to be typed for it.
pub fn typed(target: &ReviewTarget) -> String {
    match target {
        ReviewTarget::UncommittedChanges => "/review uncommitted".into(),
        ReviewTarget::BaseBranch { branch } => format!("/review base {branch}"),
        ReviewTarget::Commit { sha } => format!("/review commit {sha}"),
        ReviewTarget::Custom { instructions } => format!("/review {instructions}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlays::testing::press;

    #[test]
    fn what_is_typed_is_what_is_meant() {
        let table = [
            ("uncommitted", Ok("/review uncommitted")),
            ("base main", Ok("/review base main")),
            ("commit  HEAD~1 ", Ok("/review commit HEAD~1")),
            ("is it fast?", Ok("/review is it fast?")),
            ("uncommitted work on the parser", Ok("/review uncommitted work on the parser")),
            ("base", Err("the name of a branch")),
            ("commit a b", Err("one name, of a commit")),
        ];
        for (text, expected) in table {
            match (review(text), expected) {
                (Ok(target), Ok(expected)) => assert_eq!(typed(&target), expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{text}: {error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_preset_begins_at_once_or_waits_for_its_word() {
        let intents =
            |downs: usize| format!("{:?}", press(&mut *reviews(), &("down ".repeat(downs) + "enter")).intents);
        let expected = ["Review(UncommittedChanges)", "\"/review base \"", "\"/review commit \"", "\"/review \""];
        for (downs, expected) in expected.into_iter().enumerate() {
            assert!(intents(downs).contains(expected), "{}", intents(downs));
        }
    }
}
