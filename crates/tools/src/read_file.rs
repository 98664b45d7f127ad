//! `read_file`: numbered lines of a text file.
//!
//! It must never hold a file in memory nor read without end, whatever its size, and never read what is not a regular
//! file.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_workspace::{View, open_to_read};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments, output,
    plain_call::{Answer, PlainCall},
};

const DEFAULT_LINES: u64 = 2000;
/// Most of one line that is shown, in bytes.
const LINE_BYTES: usize = 2000;
/// Most that one call returns, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;
/// Where a NUL byte is looked for before anything is shown, in bytes from the beginning: text has none.
const SNIFFED: usize = 8 << 10;
/// Most that one call reads of a file, in bytes: what comes before the lines that are wanted, and those.
const MOST_READ: u64 = 256 << 20;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    path: PathBuf,
    /// First line, from 1.
    offset: Option<u64>,
    /// Most lines; default 2000.
    limit: Option<u64>,
}

/// Reads files.
#[derive(Debug)]
pub(crate) struct ReadFile;

impl Tool for ReadFile {
    fn name(&self) -> &'static str {
        "read_file"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name(),
            description: include_str!("read_file.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let args: Args = arguments::parse(arguments)?;
        let path = View::of(&context.roots)
            .real_path(&args.path)
            .map_err(|error| ToolError(format!("cannot read {}: {error}", args.path.display())))?;
        let access = Access { reads: vec![path.clone()], ..Access::default() };
        let call = PlainCall::new(self.name(), arguments, context);
        Ok(call.reading(access, context.cancel.clone(), move |cancel| {
            let file = open_to_read(&path).map_err(|error| format!("cannot read {}: {error}", args.path.display()))?;
            let first = args.offset.unwrap_or(1).max(1);
            Page::new(first, args.limit.unwrap_or(DEFAULT_LINES).max(1)).read(file, cancel)
        }))
    }
}

/// The part of a file that is shown, as it fills.
struct Page {
    text: String,
    first: u64,
    /// Lines still wanted.
    left: u64,
    /// Number of the line being read.
    line: u64,
    /// Its beginning.
    start: Vec<u8>,
    /// Bytes of it that are not shown.
    beyond: u64,
    /// Bytes that may still be read.
    readable: u64,
}

impl Page {
    fn new(first: u64, limit: u64) -> Self {
        Self { text: String::new(), first, left: limit, line: 1, start: Vec::new(), beyond: 0, readable: MOST_READ }
    }

    fn read(mut self, file: File, cancel: &CancellationToken) -> Answer {
        let size = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        let mut reader = BufReader::with_capacity(BUFFER, file);
        let sniffed = reader.fill_buf().map_err(|error| error.to_string())?;
        // Not UTF-32, whose little-endian mark begins like that of UTF-16.
        if matches!(sniffed, [0xfe, 0xff, ..] | [0xff, 0xfe, ..]) && !sniffed.starts_with(&[0xff, 0xfe, 0, 0]) {
            return Ok(format!("[UTF-16 text, {size} bytes: convert it with a command]"));
        }
        if sniffed.iter().take(SNIFFED).any(|byte| *byte == 0) {
            return Ok(format!("[binary file, {size} bytes]"));
        }
        if sniffed.is_empty() {
            return Ok("[empty file]".into());
        }
        self.fill(&mut reader, cancel)
    }

    fn fill(&mut self, reader: &mut BufReader<impl Read>, cancel: &CancellationToken) -> Answer {
        let mut partial = false;
        loop {
            if cancel.is_cancelled() {
                return Err("interrupted by the user".into());
            }
            let chunk = reader.fill_buf().map_err(|error| error.to_string())?;
            if chunk.is_empty() {
                break;
            }
            if self.left == 0 {
                let next = self.line;
                self.text.push_str(&format!("[more follows: go on with offset {next}]\n"));
                return Ok(std::mem::take(&mut self.text));
            }
            if self.readable == 0 {
                return self.unreadable();
            }
            let chunk = &chunk[..chunk.len().min(self.readable.try_into().unwrap_or(usize::MAX))];
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let piece = &chunk[..newline.unwrap_or(chunk.len())];
            if piece.contains(&0) {
                self.text.push_str(&format!("[binary from line {} on, not read further]\n", self.line));
                return Ok(std::mem::take(&mut self.text));
            }
            if self.line >= self.first {
                let room = LINE_BYTES - self.start.len();
                self.start.extend(&piece[..piece.len().min(room)]);
                self.beyond += piece.len().saturating_sub(room) as u64;
            }
            let used = piece.len() + usize::from(newline.is_some());
            reader.consume(used);
            self.readable -= used as u64;
            partial = newline.is_none();
            if !partial {
                self.end_line();
            }
        }
        if partial && self.left > 0 {
            self.end_line();
        }
        if self.line <= self.first {
            return Err(format!("the file has only {} lines", self.line - 1));
        }
        Ok(std::mem::take(&mut self.text))
    }

    /// The answer where no more of the file may be read.
    fn unreadable(&mut self) -> Answer {
        let (most, line) = (MOST_READ >> 20, self.line);
        if line < self.first {
            let first = self.first;
            return Err(format!(
                "line {first} is not among the first {most} MiB, which end in line {line}; use a command"
            ));
        }
        if !self.start.is_empty() {
            self.end_line();
        }
        self.text.push_str(&format!("[the first {most} MiB end in line {line}: read on with a command]\n"));
        Ok(std::mem::take(&mut self.text))
    }

    /// Shows the line that was read, or stops before it where there is no room left.
    fn end_line(&mut self) {
        if self.line >= self.first {
            if self.start.last() == Some(&b'\r') && self.beyond == 0 {
                self.start.pop();
            }
            if self.beyond > 0 {
                let whole = output::whole_characters(&self.start).len();
                self.beyond += (self.start.len() - whole) as u64;
                self.start.truncate(whole);
            }
            let mut shown = format!("{}\t{}", self.line, String::from_utf8_lossy(&self.start));
            if self.beyond > 0 {
                shown.push_str(&format!(" [... {} more bytes in this line]", self.beyond));
            }
            shown.push('\n');
            self.text.push_str(&shown);
            // Checked after the line, so that every call gets on; a line is short against the cap.
            self.left = if self.text.len() >= MOST_BYTES - LINE_BYTES { 0 } else { self.left - 1 };
            self.start.clear();
            self.beyond = 0;
        }
        self.line += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;
    use crate::testing::{answer, context};

    #[tokio::test]
    async fn pages() {
        let scene = context();
        let long = "x".repeat(5000);
        let wide = "€".repeat(700);
        let files: &[(&str, &[u8])] = &[
            ("plain", b"a\nb\n\nd"),
            ("crlf", b"a\r\nb\r\n"),
            ("bad", b"a\xff\n"),
            ("empty", b""),
            ("binary", b"\x7fELF\0\0"),
            ("long", long.as_bytes()),
            ("wide", wide.as_bytes()),
            ("utf-16", b"\xff\xfea\0\n\0"),
            ("utf-16be", b"\xfe\xff\0a"),
            ("utf-32", b"\xff\xfe\0\0a\0\0\0"),
        ];
        for (name, content) in files {
            fs::write(scene.workspace().join(name), content).unwrap();
        }
        let cut = format!("1\t{} [... 3000 more bytes in this line]\n", &long[..2000]);
        let table: &[(&str, Answer)] = &[
            (r#"{"path":"plain"}"#, Ok("1\ta\n2\tb\n3\t\n4\td\n".into())),
            (r#"{"path":"plain","offset":2.0,"limit":1}"#, Ok("2\tb\n[more follows: go on with offset 3]\n".into())),
            (r#"{"path":"plain","offset":4,"limit":1}"#, Ok("4\td\n".into())),
            (r#"{"path":"plain","offset":5}"#, Err("the file has only 4 lines".into())),
            (r#"{"path":"crlf","offset":0}"#, Ok("1\ta\n2\tb\n".into())),
            (r#"{"path":"crlf","offset":3}"#, Err("the file has only 2 lines".into())),
            (r#"{"path":"bad"}"#, Ok("1\ta\u{fffd}\n".into())),
            (r#"{"path":"empty"}"#, Ok("[empty file]".into())),
            (r#"{"path":"binary"}"#, Ok("[binary file, 6 bytes]".into())),
            (r#"{"path":"long"}"#, Ok(cut)),
            (r#"{"path":"wide"}"#, Ok(format!("1\t{} [... 102 more bytes in this line]\n", "€".repeat(666)))),
            (r#"{"path":"utf-16"}"#, Ok("[UTF-16 text, 6 bytes: convert it with a command]".into())),
            (r#"{"path":"utf-16be"}"#, Ok("[UTF-16 text, 4 bytes: convert it with a command]".into())),
            (r#"{"path":"utf-32"}"#, Ok("[binary file, 8 bytes]".into())),
            (r#"{"path":"none"}"#, Err("cannot read none: No such file or directory (os error 2)".into())),
            (r#"{"path":"."}"#, Err("cannot read .: is a directory".into())),
        ];
        for (call, expected) in table {
            assert_eq!(&answer(&ReadFile, call, &scene).await, expected, "{call}");
        }
    }

    #[tokio::test]
    async fn a_large_file_is_read_a_page_at_a_time() {
        let scene = context();
        let mut file = File::create(scene.workspace().join("large")).unwrap();
        for line in 1..=100_000 {
            writeln!(file, "this is line {line}").unwrap();
        }
        let (mut offset, mut lines) = (1, 0);
        while let Ok(text) =
            answer(&ReadFile, &format!(r#"{{"path":"large","offset":{offset},"limit":99999}}"#), &scene).await
        {
            assert!(text.len() <= MOST_BYTES + 100);
            lines += text.lines().filter(|line| line.contains("this is")).count();
            let Some((_, next)) = text.trim_end().rsplit_once("offset ") else { break };
            offset = next.trim_end_matches(']').parse().unwrap();
        }
        assert_eq!(lines, 100_000);
    }

    #[tokio::test]
    async fn a_file_is_binary_from_the_first_nul_byte_on() {
        let scene = context();
        let text = "line\n".repeat(4000);
        let mut file = File::create(scene.workspace().join("sparse")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_len(200 << 30).unwrap();
        let binary = "[binary from line 4001 on, not read further]\n";
        let table: &[(&str, String)] = &[
            (r#"{"path":"sparse","limit":1}"#, "1\tline\n[more follows: go on with offset 2]\n".into()),
            (r#"{"path":"sparse","offset":4000}"#, format!("4000\tline\n{binary}")),
            (r#"{"path":"sparse","offset":4001}"#, binary.into()),
            (r#"{"path":"sparse","offset":999999999}"#, binary.into()),
        ];
        for (call, expected) in table {
            assert_eq!(answer(&ReadFile, call, &scene).await.as_ref(), Ok(expected), "{call}");
        }
        scene.context.cancel.cancel();
        let interrupted = answer(&ReadFile, r#"{"path":"sparse","offset":4000}"#, &scene).await;
        assert_eq!(interrupted, Err("interrupted by the user".into()));
    }

    #[test]
    fn what_has_no_end_is_read_to_a_bound() {
        let table: &[(&[u8], u64, u64, Answer)] = &[
            (b"\n", 99, 1, Err("line 99 is not among the first 256 MiB, which end in line 11; use a command".into())),
            (b"x", 2, 1, Err("line 2 is not among the first 256 MiB, which end in line 1; use a command".into())),
            (b"x", 1, 1, Ok("1\txxxxxxxxxx\n[the first 256 MiB end in line 1: read on with a command]\n".into())),
            (b"abc\n", 2, 9, Ok("2\tabc\n3\tab\n[the first 256 MiB end in line 3: read on with a command]\n".into())),
            (b"\n", 10, 9, Ok("10\t\n[the first 256 MiB end in line 11: read on with a command]\n".into())),
            // What was wanted fits.
            (b"\n", 10, 1, Ok("10\t\n[more follows: go on with offset 11]\n".into())),
        ];
        for (content, first, limit, expected) in table {
            let page = || Page { readable: 10, ..Page::new(*first, *limit) };
            let endless = Endless { content, at: 0 };
            let read = page().fill(&mut BufReader::new(endless), &CancellationToken::new());
            assert_eq!(&read, expected, "{content:?} from {first}");
        }
        let text: &[u8] = b"0123456789";
        let page = || Page { readable: 10, ..Page::new(1, 9) };
        let whole = page().fill(&mut BufReader::new(text), &CancellationToken::new());
        assert_eq!(whole, Ok("1\t0123456789\n".into()), "a file that ends there");
    }

    /// The same again and again.
    struct Endless<'content> {
        content: &'content [u8],
        at: usize,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            for byte in &mut *buffer {
                *byte = self.content[self.at % self.content.len()];
                self.at += 1;
            }
            Ok(buffer.len())
        }
    }

    #[tokio::test]
    async fn what_is_declared_is_the_real_file() {
        let scene = context();
        std::os::unix::fs::symlink("/proc/self/environ", scene.workspace().join("link")).unwrap();
        let refused = answer(&ReadFile, r#"{"path":"link"}"#, &scene).await.unwrap_err();
        assert!(refused.contains("/proc"), "{refused}");
        let host = tempfile::NamedTempFile::new_in("/tmp").unwrap();
        std::os::unix::fs::symlink(host.path(), scene.workspace().join("host")).unwrap();
        let refused = ReadFile.prepare(&crate::testing::json(r#"{"path":"host"}"#), &scene.context).unwrap_err();
        assert!(refused.0.starts_with("cannot read host: it leads"), "{refused}");
    }
}
