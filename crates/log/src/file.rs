//! The files of the log: one a day, readable by their owner alone, of limited size and number.

use std::{
    fmt::Arguments,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

use jiff::Timestamp;

use crate::Level;

/// Files that are kept, the newest.
const KEPT: usize = 14;
/// Most bytes of a file.
const MOST: u64 = 8 << 20;
/// Most bytes of a line's text.
const LINE: usize = 1000;
/// What the name of each file ends with, after its day.
const ENDING: &str = ".log";

/// The files in one directory, of which that of the day is written.
#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// As in `2026-11-30`, in UTC.
    day: String,
    file: File,
    length: u64,
}

impl Files {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, open: None }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a line: the time, the process, the level, the text.
    pub(crate) fn write(&mut self, at: Timestamp, level: Level, text: Arguments<'_>) {
        let time = format!("{at:.3}");
        let text = harmless(&text.to_string());
        let line = format!("{time} {} {} {text}\n", process::id(), level.name());
        // Where it cannot be written, it is not.
        let _ = self.append(&time[..time.find('T').unwrap_or_default()], &line);
    }

    fn append(&mut self, day: &str, line: &str) -> io::Result<()> {
        let open = match self.open.take().filter(|open| open.day == day) {
            Some(open) => open,
            None => Open::new(&self.directory, day)?,
        };
        let open = self.open.insert(open);
        if open.length > MOST {
            return Ok(());
        }
        open.length += line.len() as u64;
        if open.length > MOST {
            return open.file.write_all(b"this file is full: nothing more is written into it\n");
        }
        // At once: several processes may write it.
        open.file.write_all(line.as_bytes())
    }
}

impl Open {
    fn new(directory: &Path, day: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join(format!("{day}{ENDING}"));
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        if length == 0 {
            remove_old(directory);
        }
        Ok(Self { day: day.to_owned(), file, length })
    }
}

/// Removes all but the newest files.
fn remove_old(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut days: Vec<String> = names.filter(|name| is_ours(name)).collect();
    days.sort_unstable();
    for name in &days[..days.len().saturating_sub(KEPT)] {
        let _ = fs::remove_file(directory.join(name));
    }
}

/// Whether a file of the log may have this name.
fn is_ours(name: &str) -> bool {
    let day = name.strip_suffix(ENDING).unwrap_or_default();
    day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// `text` in one line that drives no terminal, cut if it is long.
fn harmless(text: &str) -> String {
    let cut = text.floor_char_boundary(LINE);
    let mut line: String = text[..cut].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_line_says_when_who_and_what_and_is_one() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("log");
        let mut files = Files::new(directory.clone());
        assert!(!directory.exists(), "nothing is made before there is a line");
        files.write(at("2026-11-30T23:59:59.5Z"), Level::Info, format_args!("one\ntwo \x1b[31m"));
        files.write(at("2026-12-01T00:00:00Z"), Level::Error, format_args!("{}", "ä".repeat(LINE)));
        assert_eq!(names(&directory), ["2026-11-30.log", "2026-12-01.log"]);
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        let pid = process::id();
        assert_eq!(read("2026-11-30.log"), format!("2026-11-30T23:59:59.500Z {pid} info one two  [31m\n"));
        let long = "ä".repeat(LINE / 2);
        assert_eq!(read("2026-12-01.log"), format!("2026-12-01T00:00:00.000Z {pid} error {long}…\n"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join("2026-11-30.log"))), (0o700, 0o600));
    }

    #[test]
    fn old_files_go_and_what_is_none_of_the_log_stays() {
        let home = tempfile::tempdir().unwrap();
        for day in 1..=20 {
            fs::write(home.path().join(format!("2026-10-{day:02}.log")), "x").unwrap();
        }
        fs::write(home.path().join("notes.log"), "mine").unwrap();
        Files::new(home.path().to_owned()).write(at("2026-11-30T12:00:00Z"), Level::Warn, format_args!("new"));
        let names = names(home.path());
        assert_eq!(names.len(), KEPT + 1);
        assert_eq!((names[0].as_str(), names[KEPT - 1].as_str()), ("2026-10-08.log", "2026-11-30.log"));
        assert_eq!(names[KEPT], "notes.log");
    }

    #[test]
    fn a_file_grows_no_larger_than_it_may() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("2026-11-30.log");
        File::create(&path).unwrap().set_len(MOST - 10).unwrap();
        // What another process wrote counts.
        for _ in 0..3 {
            let mut files = Files::new(home.path().to_owned());
            files.write(at("2026-11-30T12:00:00Z"), Level::Warn, format_args!("one more line"));
            files.write(at("2026-11-30T12:00:00Z"), Level::Warn, format_args!("one more line"));
        }
        let text = fs::read(&path).unwrap();
        let end = String::from_utf8_lossy(&text[MOST as usize - 10..]).into_owned();
        assert_eq!(end, "this file is full: nothing more is written into it\n");
    }

    #[test]
    fn where_nothing_can_be_written_nothing_fails() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("log"), "a file").unwrap();
        Files::new(home.path().join("log")).write(at("2026-11-30T12:00:00Z"), Level::Warn, format_args!("x"));
        assert_eq!(fs::read_to_string(home.path().join("log")).unwrap(), "a file");
    }

    #[test]
    fn levels_have_names() {
        for (name, level) in Level::NAMES {
            assert_eq!((Level::named(name), level.name()), (Some(level), name));
        }
        assert_eq!((Level::named("off"), Level::named("")), (None, None));
    }
}
