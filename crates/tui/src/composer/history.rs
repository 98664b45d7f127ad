//! What was written before, in this session and in earlier ones: a file of one JSON object a line.
//!
//! Several programs append to it at once, each entry in one write. Lines that are broken are passed over. It is read
//! when it is first asked for, not at the start.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Value, json};

use crate::intent::Draft;

/// A file that is longer is cut to its newer half.
const MOST: u64 = 1 << 20;
/// A longer entry is not written, and is remembered until the next one comes.
const LONGEST: usize = 64 << 10;

/// What was written before.
#[derive(Debug, Default)]
pub struct History {
    /// Where it is kept. Without, it ends with the program.
    path: Option<PathBuf>,
    /// Oldest first.
    entries: Vec<Draft>,
    is_read: bool,
}

impl History {
    /// What is kept in the file at `path`, which need not exist. Nothing is read yet.
    pub fn open(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), ..Self::default() }
    }

    /// All entries, oldest first.
    pub fn entries(&mut self) -> &[Draft] {
        if !std::mem::replace(&mut self.is_read, true)
            && let Some(path) = &self.path
        {
            // A history that cannot be read is none; there is nothing to be done about it while one writes.
            self.entries.splice(0..0, read(path).unwrap_or_default());
        }
        &self.entries
    }

    /// Remembers `draft`, unless it begins with a space or was the last one too.
    pub fn add(&mut self, draft: &Draft) {
        let last = self.entries().last();
        if draft.is_empty() || draft.text.starts_with(' ') || last == Some(draft) {
            return;
        }
        self.entries.retain(|entry| entry.text.len() <= LONGEST);
        self.entries.push(draft.clone());
        if let Some(path) = self.path.as_deref().filter(|_| draft.text.len() <= LONGEST) {
            // As above.
            let _ = append(path, draft);
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<Draft>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(2 * MOST);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(2 * MOST).read_to_end(&mut bytes)?;
    let mut entries: Vec<Draft> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').skip(usize::from(skipped > 0)) {
        let entry = serde_json::from_slice(line).ok().and_then(|value: Value| parsed(&value));
        entries.extend(entry.filter(|entry| entries.last() != Some(entry)));
    }
    Ok(entries)
}

fn parsed(value: &Value) -> Option<Draft> {
    let text = value.get("text")?.as_str().filter(|text| !text.is_empty())?.to_owned();
    let pictures = value.get("pictures").and_then(Value::as_array).into_iter().flatten();
    Some(Draft { text, pictures: pictures.filter_map(Value::as_str).map(str::to_owned).collect() })
}

fn append(path: &Path, draft: &Draft) -> io::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut entry = json!({ "ts": now, "text": draft.text });
    if !draft.pictures.is_empty() {
        entry["pictures"] = json!(draft.pictures);
    }
    let mut file = lock(path)?;
    // What a program that was killed left unfinished must not spoil this line.
    let unfinished = file.seek(SeekFrom::End(-1)).is_ok() && {
        let mut last = [0];
        file.read_exact(&mut last).is_ok() && last != [b'\n']
    };
    let line = format!("{}{entry}\n", if unfinished { "\n" } else { "" });
    file.write_all(line.as_bytes())?;
    if file.metadata()?.len() > MOST { shorten(path, &mut file) } else { Ok(()) }
}

/// The file, which nobody else writes until it is dropped.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        // Whoever had it before may have put another in its place.
        if fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino())) {
            return Ok(file);
        }
    }
}

/// Puts the newer half of the file in its place.
fn shorten(path: &Path, file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST / 2)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let begin = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let written = new.write_all(&bytes[begin..]).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft { text: text.into(), pictures: Vec::new() }
    }

    fn texts(history: &mut History) -> Vec<String> {
        history.entries().iter().map(|entry| entry.text.clone()).collect()
    }

    #[test]
    fn entries_are_there_in_the_next_session() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        let mut history = History::open(&path);
        let picture = Draft { text: "[Image #1 a.png]".into(), pictures: vec!["/a.png".into()] };
        let entries =
            [draft("one"), draft("two\nlines"), draft("two\nlines"), draft(" secret"), draft("  \n"), picture];
        for entry in &entries {
            history.add(entry);
        }
        history.add(&draft("!ls"));
        let expected = ["one", "two\nlines", "[Image #1 a.png]", "!ls"];
        assert_eq!(texts(&mut history), expected);
        let mut again = History::open(&path);
        assert_eq!(texts(&mut again), expected);
        assert_eq!(again.entries()[2].pictures, ["/a.png"]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_broken_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        // The last line is that of a program that was killed while it wrote.
        let lines = b"{\"text\":\"one\"}\nnonsense\n{\"text\":1}\n\xff\xfe\n\n{\"session_id\":\"x\",\"ts\":1,\"text\":\"two\"}\n{\"te";
        fs::write(&path, lines).unwrap();
        let mut history = History::open(&path);
        assert_eq!(texts(&mut history), ["one", "two"]);
        history.add(&draft("three"));
        assert_eq!(texts(&mut History::open(&path)), ["one", "two", "three"]);
        // A directory in its place hurts nobody.
        let mut none = History::open(directory.path());
        none.add(&draft("four"));
        assert_eq!(texts(&mut none), ["four"]);
    }

    #[test]
    fn several_programs_lose_nothing_and_the_file_stays_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let mut history = History::open(&path);
                    (0..50).for_each(|entry| history.add(&draft(&format!("{writer} {entry}"))));
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(texts(&mut History::open(&path)).len(), 200);
        let mut history = History::open(&path);
        let long = "x".repeat(LONGEST - 10);
        (0..40).for_each(|entry| history.add(&draft(&format!("{entry} {long}"))));
        assert!(fs::metadata(&path).unwrap().len() <= MOST);
        let kept = texts(&mut History::open(&path));
        assert!(kept.len() >= 7 && kept.last().unwrap().starts_with("39 "), "{}", kept.len());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_very_long_entry_is_remembered_until_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        let mut history = History::open(&path);
        history.add(&draft("one"));
        history.add(&draft(&"x".repeat(LONGEST + 1)));
        assert_eq!(history.entries().len(), 2);
        history.add(&draft("two"));
        assert_eq!(texts(&mut history), ["one", "two"]);
        assert_eq!(texts(&mut History::open(&path)), ["one", "two"]);
    }
}
