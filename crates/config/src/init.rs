//! The file of settings that `codex init` makes: every key with its sentence and its default, none of them in force.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::edit::{Readers, SettingsFile, replace};
use crate::files::{DIR, real, refuse_home};
use crate::ignore::{self, ignore_local};
use crate::keys::{KEYS, Key, Kind, Status};
use crate::trust_store::{Hash, trust};
use crate::{ConfigError, Origin, schema};

/// Name of the schema beside it.
const SCHEMA: &str = "config.schema.json";

/// What the file says first.
const HEAD: &str = "#:schema ./config.schema.json\n\
    # Settings of this project, for everybody who works on it. A line that begins with `#` has no effect: take the `#` away\n\
    # to set it. Each shows the default, or an example. Your own settings of this project go to config.local.toml.\n\
    # `codex config explain` says what is in force, and why. `codex config schema > .codex/config.schema.json` renews the\n\
    # schema that editors check this file with.\n";

/// The text of the file.
pub(crate) fn init_text() -> String {
    let mut text = HEAD.to_owned();
    add(KEYS, "", &mut text);
    text
}

fn add(keys: &[Key], above: &str, text: &mut String) {
    for key in keys.iter().filter(|key| key.status == Status::Used) {
        let path = format!("{above}{}", key.name);
        if let Some(children) = key.kind.own_children() {
            *text += &format!("\n# ---- {}.\n", key.about);
            add(children, &format!("{path}."), text);
            continue;
        }
        match key.kind {
            Kind::Named(children) => {
                let name = if key.name == "projects" { "\"/path/of/project\"" } else { "NAME" };
                *text += &format!("\n# ---- {}.\n", key.about);
                add(children, &format!("{path}.{name}."), text);
            }
            Kind::Profiles => *text += &format!("\n# {}.\n#{path}.NAME.model = \"o4-mini\"\n", key.about),
            // Of itself it would not load: a profile of that name must be there.
            _ if key.name == "default_profile" => *text += &format!("\n# {}: {path} = \"NAME\"\n", key.about),
            // In place of a command.
            Kind::Endpoint => *text += &format!("\n# {}: {path}{}\n", key.about, value(key)),
            _ => *text += &format!("\n# {}.\n#{path}{}\n", key.about, value(key)),
        }
    }
}

/// The default of a key, or an example.
fn value(key: &Key) -> String {
    if !key.default.is_empty() {
        return format!(" = {}", key.default);
    }
    let text = match key.kind {
        Kind::Choice(names) | Kind::Suggested(names) | Kind::Known(names) => names.first().copied().unwrap_or_default(),
        Kind::FlagOrChoice(_) | Kind::FlagOrKnownTexts(_) | Kind::FlagOrTexts | Kind::Flag => return " = false".into(),
        Kind::Count(least, _) => return format!(" = {least}"),
        Kind::Amount => return " = 1.0".into(),
        Kind::Paths | Kind::ProjectPaths | Kind::Texts | Kind::Arguments | Kind::Variables | Kind::KnownTexts(_) => {
            return " = []".into();
        }
        Kind::Hooks => return " = [{ matcher = \"Bash\", hooks = [{ command = \"./check.sh\" }] }]".into(),
        Kind::Lists => return ".suspend = \"none\"".into(),
        Kind::TextMap => return ".NAME = \"value\"".into(),
        Kind::Headers => return ".X-Name = \"value\"".into(),
        Kind::VariableHeaders => return ".X-Name = \"VARIABLE\"".into(),
        Kind::Variable => "VARIABLE",
        Kind::Url | Kind::Endpoint => "http://localhost:8000/v1",
        _ => "text",
    };
    format!(" = \"{text}\"")
}

/// Makes the files of a project in `directory`, and trusts the first of them. The paths are those that were made.
///
/// # Errors
/// There is a file of settings already, `directory` is no project's, or something cannot be written.
pub fn init(codex_home: &Path, home: Option<&Path>, directory: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let fault = |path: &Path, message: &str| ConfigError::new(Origin::WholeFile(path.into()), message);
    let directory = real(directory);
    refuse_home(&directory, &real(home.unwrap_or(Path::new("/"))))?;
    let own = directory.join(DIR);
    let file = SettingsFile::project(codex_home, home, &directory, false);
    let failed = |error: io::Error| fault(&own, &format!("cannot be made: {error}"));
    for stub in [&own, file.path()] {
        if !make_way(stub).map_err(failed)? && stub == file.path() {
            return Err(fault(stub, "is there already, and stays as it is"));
        }
    }
    fs::create_dir_all(&own).map_err(failed)?;
    if real(&own) != own {
        return Err(fault(&own, "is a link: nothing is made where it leads"));
    }
    // What came with the project may lead to any file of the user's.
    for path in [SCHEMA, ignore::FILE].map(|name| own.join(name)) {
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(fault(&path, "is a link, or no file: nothing is made where it leads"));
        }
    }
    let text = init_text();
    replace(file.path(), &text, Readers::Everybody).map_err(failed)?;
    let schema_file = own.join(SCHEMA);
    replace(&schema_file, &format!("{:#}\n", schema()), Readers::Everybody).map_err(failed)?;
    let mut made = vec![file.path().to_path_buf(), schema_file];
    made.extend(ignore_local(&own).map_err(failed)?);
    let (root, relative) = file.within_project();
    trust(codex_home, &root, &[(relative, Hash::of(text.as_bytes()))])?;
    Ok(made)
}

/// Removes an empty file, or an empty directory, that only stood in the way. Whether the place is free.
fn make_way(path: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if found.is_file() && found.len() == 0 {
        return fs::remove_file(path).map(|()| true);
    }
    // One that is not empty is refused by the system.
    Ok(found.is_dir() && fs::remove_dir(path).is_ok())
}
