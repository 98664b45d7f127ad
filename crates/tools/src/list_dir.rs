//! `list_dir`: the names in a directory.
//!
//! It must never follow symbolic links out of it.

use std::path::{Path, PathBuf};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_workspace::{View, check_directory};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments, output,
    plain_call::{Answer, PlainCall},
    walk::walk,
};

const MOST_ENTRIES: usize = 1000;
const MOST_DEPTH: usize = 4;
/// Most that one call returns, in bytes.
const MOST_BYTES: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Default: the workspace.
    path: Option<PathBuf>,
    /// Levels, 1 to 4; default 1.
    depth: Option<usize>,
}

/// Lists directories.
#[derive(Debug)]
pub(crate) struct ListDir;

impl Tool for ListDir {
    fn name(&self) -> &str {
        "list_dir"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("list_dir.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let args: Args = arguments::parse(arguments)?;
        let asked = args.path.unwrap_or_else(|| ".".into());
        let view = View::of(&context.roots);
        let path =
            view.real_path(&asked).map_err(|error| ToolError(format!("cannot list {}: {error}", asked.display())))?;
        let depth = args.depth.unwrap_or(1).clamp(1, MOST_DEPTH);
        let access = Access { reads: vec![path.clone()], ..Access::default() };
        let call = PlainCall::new(self.name(), arguments, context);
        Ok(call.reading(access, context.cancel.clone(), move |cancel| {
            check_directory(&path).map_err(|error| format!("cannot list {}: {error}", asked.display()))?;
            list(&path, depth, view, cancel)
        }))
    }
}

fn list(top: &Path, depth: usize, view: View, cancel: &CancellationToken) -> Answer {
    let mut text = String::new();
    let mut entries = walk(top, Some(depth), view).skip(1);
    for entry in entries.by_ref().take(MOST_ENTRIES) {
        if cancel.is_cancelled() {
            return Err("interrupted by the user".into());
        }
        match entry {
            Ok(entry) => {
                let name = entry.path().strip_prefix(top).unwrap_or(entry.path());
                let mark = match entry.file_type() {
                    Some(kind) if kind.is_dir() => "/",
                    Some(kind) if kind.is_symlink() => "@",
                    _ => "",
                };
                text.push_str(&format!("{}{mark}\n", name.display()));
            }
            Err(error) => text.push_str(&format!("[{error}]\n")),
        }
    }
    if entries.next().is_some() {
        text.push_str(&format!("[more than {MOST_ENTRIES} entries: list a directory below]\n"));
    }
    if text.is_empty() {
        text.push_str("[nothing that is not ignored]\n");
    }
    Ok(output::cut(text, MOST_BYTES))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{answer, context};

    #[tokio::test]
    async fn listings() {
        let scene = context();
        for path in [".git/config", ".gitignore", "b/inner/deep", "b/skipped", "a", ".hidden", "target/x"] {
            let path = scene.workspace().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(scene.workspace().join(".gitignore"), "target/\nskipped\n").unwrap();
        std::os::unix::fs::symlink("/etc", scene.workspace().join("link")).unwrap();
        let table: &[(&str, &str)] = &[
            ("{}", ".gitignore\n.hidden\na\nb/\nlink@\nsub/\n"),
            (r#"{"path":"b","depth":9}"#, "inner/\ninner/deep\n"),
            (r#"{"path":"target"}"#, "x\n"),
            (r#"{"path":"sub"}"#, "[nothing that is not ignored]\n"),
        ];
        for (call, expected) in table {
            assert_eq!(answer(&ListDir, call, &scene).await.as_deref(), Ok(*expected), "{call}");
        }
        for (call, expected) in [
            (r#"{"path":"none"}"#, "cannot list none"),
            (r#"{"path":"a"}"#, "cannot list a"),
            (r#"{"path":"/proc"}"#, "sandbox"),
        ] {
            assert!(answer(&ListDir, call, &scene).await.unwrap_err().contains(expected), "{call}");
        }
    }

    #[tokio::test]
    async fn many_entries_are_cut() {
        let scene = context();
        for index in 0..=MOST_ENTRIES {
            fs::write(scene.workspace().join("sub").join(index.to_string()), "").unwrap();
        }
        let text = answer(&ListDir, r#"{"path":"sub"}"#, &scene).await.unwrap();
        assert_eq!(text.lines().count(), MOST_ENTRIES + 1);
        assert!(text.ends_with("list a directory below]\n"));
    }
}
