//! A plugin to begin with.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::is_name;

/// The files of one, each with its text; those in `bin` may be run. `NAME` stands for its name.
const FILES: &[(&str, &str)] = &[
    ("plugin.toml", include_str!("skeleton/plugin.toml")),
    ("bin/count", include_str!("skeleton/count.sh")),
    ("commands/explain.md", include_str!("skeleton/explain.md")),
    ("README.md", include_str!("skeleton/README.md")),
];

/// Writes a plugin that works into `directory`, which is new or empty, and is named as that is. Returns its name.
///
/// # Errors
/// A sentence: there is something in it, its name is none for a plugin, or it cannot be written.
pub fn write_skeleton(directory: &Path) -> Result<String, String> {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if !is_name(&name) {
        return Err(format!("`{name}` is no name of a plugin: use a-z, 0-9, `-` and `_`, at most 40"));
    }
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty", directory.display()));
    }
    for (file, text) in FILES {
        let path = directory.join(file);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mode = if file.starts_with("bin/") { 0o755 } else { 0o644 };
        let new = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        new.and_then(|mut new| new.write_all(text.replace("NAME", &name).as_bytes())).map_err(failed)?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::{Plugin, powers};

    #[test]
    fn what_is_written_is_a_plugin() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().canonicalize().unwrap().join("greet");
        assert_eq!(write_skeleton(&directory), Ok("greet".into()));
        let plugin = Plugin::read(&directory, None).unwrap();
        assert_eq!((plugin.name.as_str(), plugin.warnings.len()), ("greet", 0));
        assert_eq!(powers(&plugin).iter().map(|power| power.kind).collect::<Vec<_>>(), ["tool", "command"]);
        assert!(write_skeleton(&directory).unwrap_err().contains("is not empty"));
        assert!(write_skeleton(&scratch.path().join("No Name")).unwrap_err().contains("no name"));
    }
}
