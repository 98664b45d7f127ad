//! `read_file`: numbered lines of a text file.
//!
//! It must never hold a file in memory nor read without end, whatever its size, and never read what is not a regular
//! file.

mod nearest;
mod page;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_workspace::{View, open_to_read};
use encoding_rs_io::DecodeReaderBytesBuilder;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments,
    encoding::{Beginning, Detector, Ending, Format},
    plain_call::{Answer, PlainCall},
};
use page::Page;

const DEFAULT_LINES: u64 = 2000;
/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;
/// How much of a file tells its encoding and line endings, in bytes: as much as `apply_patch` changes, so that the two
/// agree.
const INSPECTED: u64 = 16 << 20;

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
    fn name(&self) -> &str {
        "read_file"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
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
        let roots = context.roots.clone();
        Ok(call.reading(access, context.cancel.clone(), move |cancel| {
            let mut file = open_to_read(&path).map_err(|error| {
                let nearest = || nearest::nearest(&roots.resolve(&args.path), &roots);
                format!("cannot read {}: {}", args.path.display(), reason(&error, nearest))
            })?;
            let (first, limit) = (args.offset.unwrap_or(1).max(1), args.limit.unwrap_or(DEFAULT_LINES).max(1));
            read(&mut file, first, limit, cancel)
        }))
    }
}

/// Why a file is not read, in words for the model.
fn reason(error: &io::Error, nearest: impl FnOnce() -> Option<PathBuf>) -> String {
    match error.kind() {
        io::ErrorKind::IsADirectory => "it is a directory; list_dir lists it".to_owned(),
        io::ErrorKind::NotFound => match nearest() {
            Some(path) => format!("there is no such file; is it {}?", path.display()),
            None => "there is no such file".to_owned(),
        },
        _ => error.to_string(),
    }
}

/// At most `limit` lines from line `first` on, counted from 1, after a note on the file if it is not plain.
fn read(file: &mut File, first: u64, limit: u64, cancel: &CancellationToken) -> Answer {
    let size = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    let mut reader = BufReader::with_capacity(BUFFER, &*file);
    let head = reader.fill_buf().map_err(|error| error.to_string())?;
    if head.is_empty() {
        return Ok("[empty file]".into());
    }
    let detector = Detector::new(head);
    let beginning = Beginning::of(head);
    let format = inspect(&mut reader, detector, beginning, cancel)?;
    if beginning.is_binary(&format) {
        return Ok(match beginning.kind {
            Some(kind) if kind.picture => {
                format!("[binary file: {}, {size} bytes; view_image shows it]", kind.name)
            }
            Some(kind) => format!("[binary file: {}, {size} bytes]", kind.name),
            None => format!("[binary file, {size} bytes]"),
        });
    }
    let start = format.mark().len() as u64;
    file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let mut page = Page::new(first, limit, if format.ending() == Ending::Cr { b'\r' } else { b'\n' });
    let text = match format.encoding.foreign() {
        None => page.fill(&mut BufReader::with_capacity(BUFFER, &*file), cancel)?,
        Some(encoding) => {
            let decoded = DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_sniffing(false).build(&*file);
            page.fill(&mut BufReader::with_capacity(BUFFER, decoded), cancel)?
        }
    };
    Ok(format.note().map_or(String::new(), |note| format!("[{note}]\n")) + &text)
}

/// Finds the format of a file by its first [`INSPECTED`] bytes; looks at none if `beginning` says that it is no text.
fn inspect(
    reader: &mut impl BufRead,
    mut detector: Detector,
    beginning: Beginning,
    cancel: &CancellationToken,
) -> Result<Format, String> {
    reader.consume(detector.mark().len());
    let mut left = if beginning.nul { 0 } else { INSPECTED };
    loop {
        if cancel.is_cancelled() {
            return Err("interrupted by the user".into());
        }
        let piece = reader.fill_buf().map_err(|error| error.to_string())?;
        if piece.is_empty() || left == 0 {
            let whole = piece.is_empty();
            return Ok(detector.finish(whole));
        }
        let piece = &piece[..piece.len().min(left.try_into().unwrap_or(usize::MAX))];
        detector.push(piece);
        let used = piece.len();
        left -= used as u64;
        reader.consume(used);
    }
}

#[cfg(test)]
mod tests;
