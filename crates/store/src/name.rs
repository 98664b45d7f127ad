//! The names sessions have on disk. Every path made of a thread's id is made of one that was checked here: an id must
//! never lead out of the directory it is used in.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::StoreError;

/// How long an id may be, in bytes.
const LONGEST: usize = 64;

/// Whether `id` is a plain component of a file name: `[0-9a-zA-Z-]{1,64}`.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Refuses an id that must not become part of a path below `codex_home`.
pub(crate) fn check_id(codex_home: &Path, id: &str) -> Result<(), StoreError> {
    if is_id(id) {
        return Ok(());
    }
    let reason = format!("its id `{}` is not 1 to {LONGEST} letters, digits and hyphens", id.escape_debug());
    Err(StoreError::io("name a session in", codex_home)(io::Error::new(io::ErrorKind::InvalidInput, reason)))
}

/// The name of the journal of `id`, begun at `now` (UTC): `YYYY-MM-DDTHH-MM-SS-ID.jsonl`.
pub(crate) fn journal(now: &jiff::Zoned, id: &str) -> String {
    format!("{}-{id}.jsonl", now.strftime("%Y-%m-%dT%H-%M-%S"))
}

/// What the name of a session's file begins with that the Codex CLI kept.
const ROLLOUT: &str = "rollout-";

/// Whether a file is named as the Codex CLI names those of its sessions; but for the beginning it is as ours.
pub(crate) fn is_rollout(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(ROLLOUT))
}

/// Where the journal lies that is made of the file `rollout`: beside it, named as ours are.
pub(crate) fn journal_of(rollout: &Path) -> Option<PathBuf> {
    Some(rollout.with_file_name(rollout.file_name()?.to_str()?.strip_prefix(ROLLOUT)?))
}

/// The day in a journal's name: `YYYY-MM-DD`.
pub(crate) fn day_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(ROLLOUT).unwrap_or(name).get(..10)
}

/// The id in a journal's name; `None` if it is not named as journals are.
pub(crate) fn id_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    let name = name.strip_prefix(ROLLOUT).unwrap_or(name);
    let id = name.get(20..)?;
    (name.as_bytes().get(19) == Some(&b'-') && name.starts_with("20") && is_id(id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_ids() {
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        let table = [
            ("0198c5f2-7a6e-7000-8000-0123456789ab", true),
            ("A", true),
            (&longest, true),
            (&longer, false),
            ("", false),
            (".", false),
            ("..", false),
            ("../x", false),
            ("/x", false),
            ("a.b", false),
            ("a_b", false),
            ("a b", false),
            ("a\0", false),
            ("a\n", false),
            ("ä", false),
        ];
        for (id, expected) in table {
            assert_eq!(is_id(id), expected, "{id:?}");
            assert_eq!(check_id(Path::new("/home"), id).is_ok(), expected, "{id:?}");
        }
    }

    #[test]
    fn the_id_is_read_out_of_the_name() {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let made = journal(&now, "aa-1");
        let table = [
            (made.as_str(), Some("aa-1")),
            ("/x/2026-01-02T03-04-05-aa-1.jsonl", Some("aa-1")),
            ("rollout-2026-01-02T03-04-05-aa-1.jsonl", Some("aa-1")),
            ("rollup-2026-01-02T03-04-05-aa-1.jsonl", None),
            ("2026-01-02T03-04-05-...jsonl", None),
            ("2026-01-02T03-04-05-.jsonl", None),
            ("2026-01-02T03-04-05.jsonl", None),
            ("2026-notes.jsonl", None),
            ("2026-01-02T03-04-05-aa.json", None),
        ];
        for (path, expected) in table {
            assert_eq!(id_of(Path::new(path)), expected, "{path}");
        }
    }
}
