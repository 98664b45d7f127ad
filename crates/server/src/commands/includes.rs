//! What commands of one message bring along: files that are shown, and command lines that run, up to a bound.
//!
//! It must never take memory or time without bound: the file of a command may be a stranger's.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use codex_agent::{Part, picture_title};
use codex_history::Content;
use codex_workspace::{Roots, View, open_to_read, read_picture};
use tokio_util::sync::CancellationToken;

/// Most bytes of a file.
const OF_A_FILE: usize = 64 << 10;
/// Most bytes of all text files.
const OF_ALL: usize = 256 << 10;
/// Most files.
const FILES: usize = 32;
/// Most pictures among them.
const PICTURE_FILES: usize = 4;
/// Most words that are looked up as files.
const LOOKS: usize = 1024;
/// Most command lines.
const RUNS: usize = 16;
/// What the name of a picture ends with.
const PICTURES: &[&str] = &["png", "jpg", "jpeg", "gif", "webp"];

/// What is left of the bounds of one message.
#[derive(Debug)]
pub struct Includes {
    /// Whether each path that was looked up is a file that is shown.
    seen: BTreeMap<String, bool>,
    files: usize,
    pictures: usize,
    bytes: usize,
    runs: usize,
    files_left_out: usize,
    runs_left_out: usize,
    /// Whether nobody waits any longer.
    stop: CancellationToken,
}

/// What becomes of a word that may name a file.
pub enum Shown {
    /// It is shown behind the text: these parts, or none where it is shown already.
    File(Vec<Part>),
    /// The word stays as it is, for this reason if there is one.
    Word(Option<String>),
}

impl Includes {
    /// For a message that nobody needs any longer when `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            seen: BTreeMap::new(),
            files: FILES,
            pictures: PICTURE_FILES,
            bytes: OF_ALL,
            runs: RUNS,
            files_left_out: 0,
            runs_left_out: 0,
            stop,
        }
    }

    /// Whether another command line may run.
    pub fn may_run(&mut self) -> bool {
        let may = self.runs > 0;
        self.runs = self.runs.saturating_sub(1);
        self.runs_left_out += usize::from(!may);
        may
    }

    /// What the word that names `path` comes to.
    pub fn file(&mut self, path: &str, roots: &Roots) -> Shown {
        match self.seen.get(path) {
            Some(true) => return Shown::File(Vec::new()),
            Some(false) => return Shown::Word(None),
            None => {}
        }
        if self.stop.is_cancelled() || self.files == 0 || self.bytes == 0 || self.seen.len() >= LOOKS {
            self.files_left_out += 1;
            return Shown::Word(None);
        }
        let read = self.read(path, roots);
        self.seen.insert(path.to_owned(), read.is_ok());
        // One that cannot be read was work too, and is worth a word of its own.
        self.files -= usize::from(!matches!(read, Err(None)));
        read.map_or_else(Shown::Word, Shown::File)
    }

    /// What was left out since this was asked last, a sentence each.
    pub fn left_out(&mut self) -> Vec<String> {
        let (files, runs) = (std::mem::take(&mut self.files_left_out), std::mem::take(&mut self.runs_left_out));
        let files = (files > 0).then(|| {
            format!(
                "{files} of its `@` are left as they are: a message shows at most {FILES} files, {} KiB",
                OF_ALL >> 10
            )
        });
        let runs = (runs > 0).then(|| format!("{runs} of its commands were not run: a message runs at most {RUNS}"));
        files.into_iter().chain(runs).collect()
    }

    /// What is in a file below the roots of the thread. Without one of this name, no reason.
    fn read(&mut self, path: &str, roots: &Roots) -> Result<Vec<Part>, Option<String>> {
        let sentence = |error: std::io::Error| Some(error.to_string());
        let real = View::of(roots).real_path(Path::new(path)).map_err(sentence)?;
        if !real.is_file() {
            return Err(None);
        }
        let within = roots.writable.iter().chain([&roots.workspace]).chain(&roots.temp);
        if !within.into_iter().any(|root| real.starts_with(root)) {
            return Err(Some("it is not in a directory that this session works in".into()));
        }
        let ending = real.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        if ending.is_some_and(|ending| PICTURES.contains(&ending.as_str())) {
            if self.pictures == 0 {
                return Err(Some(format!("a message shows at most {PICTURE_FILES} pictures")));
            }
            self.pictures -= 1;
            let picture = read_picture(&real).map_err(Some)?;
            let image = Content::Image { media_type: picture.media_type.to_owned(), data: picture.data };
            return Ok(vec![Part::text(format!("\n\n{}", picture_title(path))), Part::Content(image)]);
        }
        let most = OF_A_FILE.min(self.bytes);
        let mut bytes = Vec::new();
        let file = open_to_read(&real).map_err(sentence)?;
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(sentence)?;
        let is_cut = bytes.len() > most;
        bytes.truncate(most);
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if is_cut && error.utf8_error().error_len().is_none() => {
                String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned()
            }
            Err(_) => return Err(Some("it is not UTF-8 text".into())),
        };
        // Nothing more fits behind one that was cut for all of them.
        self.bytes -= if is_cut { most } else { text.len() };
        let whose = if most < OF_A_FILE { "all files of a message" } else { "a file" };
        let limit = if most < OF_A_FILE { OF_ALL } else { OF_A_FILE };
        let cut =
            if is_cut { format!("\n[cut here: {} KiB of {whose} are included]", limit >> 10) } else { String::new() };
        Ok(vec![Part::text(format!("\n\nWhat is in `{path}`:\n\n{}{cut}", text.trim_end()))])
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use codex_workspace::Ignored;

    use super::*;

    fn roots(workspace: PathBuf) -> Roots {
        Roots { workspace, writable: Vec::new(), hidden: Vec::new(), ignored: Ignored::default(), temp: None }
    }

    #[test]
    fn what_a_message_brings_along_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = fs::canonicalize(directory.path()).unwrap();
        for number in 0..40 {
            fs::write(workspace.join(format!("small{number}")), "small").unwrap();
            fs::write(workspace.join(format!("large{number}")), "x".repeat(OF_A_FILE + 1)).unwrap();
        }
        let roots = roots(workspace);
        let shown = |names: &mut dyn Iterator<Item = String>| {
            let mut includes = Includes::new(CancellationToken::new());
            let (mut files, mut bytes) = (0, 0);
            for name in names {
                if let Shown::File(parts) = includes.file(&name, &roots) {
                    files += parts.len();
                    bytes += parts.iter().map(|part| format!("{part:?}").len()).sum::<usize>();
                }
            }
            (files, bytes, includes.left_out())
        };
        let (files, bytes, left_out) = shown(&mut (0..21_000).map(|_| "large0".to_owned()));
        assert!(files == 1 && bytes < 2 * OF_A_FILE && left_out.is_empty(), "{files} {bytes} {left_out:?}");
        let (files, bytes, left_out) = shown(&mut (0..40).map(|number| format!("large{number}")));
        assert!(files == 4 && bytes < OF_ALL + 4096, "{files} {bytes}");
        assert!(left_out.len() == 1 && left_out[0].starts_with("36 of its `@`"), "{left_out:?}");
        let (files, _, left_out) = shown(&mut (0..40).map(|number| format!("small{number}")));
        assert!(files == FILES && left_out[0].starts_with("8 of its `@`"), "{files} {left_out:?}");
        let (files, _, left_out) = shown(&mut (0..2000).map(|number| format!("none{number}")));
        assert!(files == 0 && left_out[0].starts_with("976 of its `@`"), "{files} {left_out:?}");
    }

    #[test]
    fn few_command_lines_run_and_nothing_is_read_once_nobody_waits() {
        let stop = CancellationToken::new();
        let mut includes = Includes::new(stop.clone());
        assert_eq!((0..20).filter(|_| includes.may_run()).count(), RUNS);
        assert_eq!(includes.left_out(), ["4 of its commands were not run: a message runs at most 16"]);
        stop.cancel();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "x").unwrap();
        let roots = roots(fs::canonicalize(directory.path()).unwrap());
        assert!(matches!(includes.file("a", &roots), Shown::Word(None)));
    }
}
