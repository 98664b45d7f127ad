//! A draft in a file, so that it outlives a crash.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use serde_json::{Value, json};

use crate::intent::Draft;

/// Puts `draft` into the file at `path`, whole or not at all. One that is empty is kept by no file.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, draft: &Draft) -> io::Result<()> {
    if draft.is_empty() {
        return forget(path);
    }
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let text = json!({ "text": draft.text, "pictures": draft.pictures }).to_string();
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The draft in the file at `path`, if there is one that can be read.
pub fn load(path: &Path) -> Option<Draft> {
    let value: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let text = value.get("text")?.as_str()?.to_owned();
    let pictures = value.get("pictures").and_then(Value::as_array).into_iter().flatten();
    let pictures = pictures.filter_map(Value::as_str).map(str::to_owned).collect();
    Some(Draft { text, pictures }).filter(|draft| !draft.is_empty())
}

/// Removes the file at `path`, which need not be there.
///
/// # Errors
/// It cannot be removed.
pub fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_draft_is_kept_and_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("drafts/x.json");
        assert_eq!(load(&path), None);
        let draft = Draft { text: "half a\nthought \u{1b}[2J".into(), pictures: vec!["/a b.png".into()] };
        save(&path, &draft).unwrap();
        assert_eq!(load(&path), Some(draft));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        save(&path, &Draft::default()).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        forget(&path).unwrap();
        fs::write(&path, "{\"text\":").unwrap();
        assert_eq!(load(&path), None);
    }
}
