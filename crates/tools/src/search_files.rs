//! `search_files`: lines that match a regular expression, with ripgrep's engine.
//!
//! It must never hold a file in memory, and never open what `read_file` would not.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_workspace::{View, open_to_read};
use globset::{GlobBuilder, GlobMatcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder, Sink, SinkMatch};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments, output,
    plain_call::{Answer, PlainCall},
    walk::walk,
};

const DEFAULT_RESULTS: usize = 200;
const MOST_RESULTS: usize = 2000;
/// Most of one line that is shown, in bytes.
const LINE_BYTES: usize = 400;
/// Most that one call returns, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// Longest line that is searched, in bytes. A file with a longer one is left there.
const HEAP: usize = 16 << 20;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Regular expression (Rust regex syntax), matched line by line.
    pattern: String,
    /// File or directory; default: the workspace.
    path: Option<PathBuf>,
    /// Only files matching this, such as `*.rs` or `src/**/*.ts`; with `!` before it, only the others.
    glob: Option<String>,
    case_insensitive: Option<bool>,
    /// Default 200, at most 2000.
    max_results: Option<usize>,
}

/// Searches files.
#[derive(Debug)]
pub(crate) struct SearchFiles;

impl Tool for SearchFiles {
    fn name(&self) -> &str {
        "search_files"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("search_files.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let args: Args = arguments::parse(arguments)?;
        let matcher = RegexMatcherBuilder::new()
            .case_insensitive(args.case_insensitive.unwrap_or(false))
            .line_terminator(Some(b'\n'))
            .build(&args.pattern)
            .map_err(|error| ToolError(format!("`pattern` is not a regular expression for single lines: {error}")))?;
        let glob = args.glob.as_deref().map(Glob::new).transpose()?;
        let asked = args.path.unwrap_or_else(|| ".".into());
        let view = View::of(&context.roots);
        let top =
            view.real_path(&asked).map_err(|error| ToolError(format!("cannot search {}: {error}", asked.display())))?;
        let access = Access { reads: vec![top.clone()], ..Access::default() };
        let search = Search {
            matcher,
            glob,
            view,
            workspace: context.roots.workspace.clone(),
            most: args.max_results.unwrap_or(DEFAULT_RESULTS).clamp(1, MOST_RESULTS),
        };
        let call = PlainCall::new(self.name(), arguments, context);
        Ok(call.reading(access, context.cancel.clone(), move |cancel| {
            check(&top).map_err(|error| format!("cannot search {}: {error}", asked.display()))?;
            search.run(&top, cancel)
        }))
    }
}

/// Checks that there is something to search: a directory, or a file that may be read.
fn check(top: &Path) -> io::Result<()> {
    if top.metadata()?.is_dir() { Ok(()) } else { open_to_read(top).map(drop) }
}

/// A pattern of paths below the searched directory; without a slash, of file names.
struct Glob {
    matcher: GlobMatcher,
    /// Whether the files that do not match are wanted.
    others: bool,
    of_name: bool,
}

impl Glob {
    fn new(pattern: &str) -> Result<Self, ToolError> {
        let (pattern, others) = pattern.strip_prefix('!').map_or((pattern, false), |pattern| (pattern, true));
        let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob.map_err(|error| ToolError(format!("`glob` is not a file pattern: {error}")))?;
        Ok(Self { matcher: glob.compile_matcher(), others, of_name: !pattern.contains('/') })
    }

    fn takes(&self, top: &Path, path: &Path) -> bool {
        let matches = if self.of_name {
            path.file_name().is_some_and(|name| self.matcher.is_match(name))
        } else {
            path.strip_prefix(top).is_ok_and(|inside| self.matcher.is_match(inside))
        };
        matches != self.others
    }
}

struct Search {
    matcher: RegexMatcher,
    glob: Option<Glob>,
    view: View,
    workspace: PathBuf,
    most: usize,
}

impl Search {
    fn run(&self, top: &Path, cancel: &CancellationToken) -> Answer {
        let mut searcher = SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .heap_limit(Some(HEAP))
            .memory_map(MmapChoice::never())
            .line_number(true)
            .build();
        let mut hits = Hits { most: self.most, ..Hits::default() };
        let mut unread = 0_usize;
        for entry in walk(top, None, self.view.clone()) {
            if cancel.is_cancelled() {
                return Err("interrupted by the user".into());
            }
            let Ok(entry) = entry else {
                unread += 1;
                continue;
            };
            let taken = self.glob.as_ref().is_none_or(|glob| glob.takes(top, entry.path()));
            if !taken || !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let shown = entry.path().strip_prefix(&self.workspace).unwrap_or(entry.path());
            hits.path = shown.display().to_string();
            let searched = open_to_read(entry.path())
                .and_then(|file| searcher.search_reader(&self.matcher, Cancellable { file, cancel }, &mut hits));
            unread += usize::from(searched.is_err());
            // Asked for by its name, so that it is said; those met in a directory are passed over.
            hits.tell_binary = hits.binary && entry.depth() == 0;
            if hits.more {
                break;
            }
        }
        if cancel.is_cancelled() { Err("interrupted by the user".into()) } else { Ok(hits.report(unread)) }
    }
}

/// A file whose reading ends when the call does.
struct Cancellable<'call> {
    file: File,
    cancel: &'call CancellationToken,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("interrupted"));
        }
        self.file.read(buffer)
    }
}

/// What was found.
#[derive(Default)]
struct Hits {
    text: String,
    /// The file being searched, as it is shown.
    path: String,
    found: usize,
    most: usize,
    /// Whether there is a match beyond those that fit.
    more: bool,
    /// Whether the last file turned out to be binary.
    binary: bool,
    tell_binary: bool,
}

impl Hits {
    fn is_full(&self) -> bool {
        self.found >= self.most || self.text.len() >= MOST_BYTES
    }

    fn report(mut self, unread: usize) -> String {
        match (self.found, self.tell_binary) {
            (0, false) => self.text.push_str("No matches\n"),
            (0, true) => self.text.push_str("[binary, not searched]\n"),
            (_, true) => self.text.push_str("[binary from there on, not searched further]\n"),
            (_, false) => {}
        }
        if self.more {
            let found = self.found;
            let matches = if found == 1 { "match" } else { "matches" };
            self.text.push_str(&format!("[stopped after {found} {matches}: narrow the search for the rest]\n"));
        }
        if unread > 0 {
            self.text.push_str(&format!("[{unread} files or directories could not be searched]\n"));
        }
        self.text
    }
}

impl Sink for Hits {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, hit: &SinkMatch<'_>) -> Result<bool, io::Error> {
        if self.is_full() {
            self.more = true;
            return Ok(false);
        }
        let line = hit.bytes().trim_ascii_end();
        let shown = if line.len() > LINE_BYTES { output::whole_characters(&line[..LINE_BYTES]) } else { line };
        let shown = String::from_utf8_lossy(shown);
        let more = if line.len() > LINE_BYTES { " [...]" } else { "" };
        let number = hit.line_number().unwrap_or_default();
        self.text.push_str(&format!("{}:{number}:{shown}{more}\n", self.path));
        self.found += 1;
        Ok(true)
    }

    fn begin(&mut self, _: &Searcher) -> Result<bool, io::Error> {
        self.binary = false;
        Ok(true)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> Result<bool, io::Error> {
        self.binary = true;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{answer, context};

    #[tokio::test]
    async fn searches() {
        let scene = context();
        let long = format!("needle {}\n", "x".repeat(1000));
        let wide = format!("wide {}\n", "€".repeat(200));
        let files: &[(&str, &[u8])] = &[
            (".gitignore", b"ignored\n"),
            ("a.rs", b"one\nfind me\r\nthree\nfind me too\n"),
            ("sub/b.txt", b"Find ME\n"),
            ("ignored/c.rs", b"find me\n"),
            ("binary", b"find me\0\n"),
            ("long", long.as_bytes()),
            ("wide", wide.as_bytes()),
            ("utf-16", b"\xff\xfex\0\n\0f\0i\0n\0d\0e\0r\0 \0\xac\x20\r\0\n\0"),
            ("utf-16be", b"\xfe\xff\0f\0i\0n\0d\0e\0r\0\n"),
            ("bom", b"\xef\xbb\xbffirst\n"),
        ];
        for (name, content) in files {
            let path = scene.workspace().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        std::os::unix::fs::symlink("a.rs", scene.workspace().join("link")).unwrap();
        let all = "a.rs:2:find me\na.rs:4:find me too\n";
        let table: &[(&str, String)] = &[
            (r#"{"pattern":"find me"}"#, all.into()),
            (r#"{"pattern":"FIND m.","case_insensitive":true}"#, format!("{all}sub/b.txt:1:Find ME\n")),
            (r#"{"pattern":"(?i)find me","glob":"*.txt"}"#, "sub/b.txt:1:Find ME\n".into()),
            (r#"{"pattern":"(?i)find me","glob":"sub/**"}"#, "sub/b.txt:1:Find ME\n".into()),
            (r#"{"pattern":"(?i)find me","path":"sub"}"#, "sub/b.txt:1:Find ME\n".into()),
            (
                r#"{"pattern":"find","path":"a.rs","max_results":1}"#,
                "a.rs:2:find me\n[stopped after 1 match: narrow the search for the rest]\n".into(),
            ),
            (r#"{"pattern":"find","path":"a.rs","max_results":2.0}"#, all.into()),
            (r#"{"pattern":"Find ME","max_results":1}"#, "sub/b.txt:1:Find ME\n".into()),
            (r#"{"pattern":"(?i)find me","glob":"!*.rs"}"#, "sub/b.txt:1:Find ME\n".into()),
            (r#"{"pattern":"(?i)find me","glob":"!sub/**"}"#, all.into()),
            (r#"{"pattern":"find","path":"binary"}"#, "[binary, not searched]\n".into()),
            (r#"{"pattern":"finder"}"#, "utf-16:2:finder €\nutf-16be:1:finder\n".into()),
            (r#"{"pattern":"^finder €","path":"utf-16"}"#, "utf-16:2:finder €\n".into()),
            (r#"{"pattern":"^first"}"#, "bom:1:first\n".into()),
            (r#"{"pattern":"wide"}"#, format!("wide:1:wide {} [...]\n", "€".repeat(131))),
            (r#"{"pattern":"find","path":"ignored"}"#, "ignored/c.rs:1:find me\n".into()),
            (r#"{"pattern":"nowhere"}"#, "No matches\n".into()),
            (r#"{"pattern":"needle"}"#, format!("long:1:needle {} [...]\n", "x".repeat(393))),
        ];
        for (call, expected) in table {
            assert_eq!(answer(&SearchFiles, call, &scene).await.as_ref(), Ok(expected), "{call}");
        }
        let missing = answer(&SearchFiles, r#"{"pattern":"x","path":"none"}"#, &scene).await;
        assert!(missing.unwrap_err().starts_with("cannot search none"));
        for (special, what) in [("/dev/null", "a device"), ("socket", "a socket")] {
            let _socket = std::os::unix::net::UnixListener::bind(scene.workspace().join("socket"));
            let call = format!(r#"{{"pattern":"x","path":"{special}"}}"#);
            let expected = format!("cannot search {special}: it is {what}, not a regular file");
            assert_eq!(answer(&SearchFiles, &call, &scene).await, Err(expected));
        }
    }

    #[test]
    fn bad_patterns_are_sentences() {
        let scene = context();
        let table = [
            (r#"{"pattern":"("}"#, "`pattern`"),
            (r#"{"pattern":"a\\nb"}"#, "`pattern`"),
            (r#"{"pattern":"a","glob":"["}"#, "`glob`"),
        ];
        for (call, expected) in table {
            let error = SearchFiles.prepare(&crate::testing::json(call), &scene.context).unwrap_err();
            assert!(error.0.contains(expected), "{call}: {error}");
        }
    }
}
