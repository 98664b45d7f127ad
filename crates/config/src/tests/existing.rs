//! Files of the existing Codex CLI load: data in `existing/`, each with the warnings that it causes as lines `#> …`.
//! That keys are not used yet is told too, in one line, which they do not repeat.

use std::fs;
use std::path::Path;

use super::{USER, check_error, load_files};

/// The names and texts of the files.
pub(super) fn files() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/existing");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn they_load_with_warnings_at_most() {
    let files = files();
    assert_eq!(files.len(), 6);
    for (name, text) in files {
        let loaded = load_files(&[(USER, &text)], &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let told = loaded.warnings.iter().map(|warning| warning.message.as_str());
        let told: Vec<_> = told.filter(|it| !it.contains(": not used by this version: ")).collect();
        let expected = text.lines().filter_map(|line| line.strip_prefix("#> "));
        let expected: Vec<_> = expected.map(|warning| format!("~/{USER}:{warning}")).collect();
        assert_eq!(told, expected, "{name}");
    }
}

/// What forbids something there, and would not here, is no matter of a warning: (text, error).
#[test]
fn what_forbids_something_is_not_passed_over() {
    let named = "named permissions are not understood here; `[sandbox]` and the lists of `[permissions]` say the same";
    let table = [
        (
            "default_permissions = \":read-only\"",
            format!(
                "1:23: `default_permissions`: a rule that is not understood is not enforced either
  1 | default_permissions = \":read-only\"
    |                       ^^^^^^^^^^^^
  hint: {named}"
            ),
        ),
        (
            "[profiles.x.features]\nshell_tool = false",
            "2:14: `shell_tool`: a rule that is not understood is not enforced either
  2 | shell_tool = false
    |              ^^^^^
  hint: `sandbox = \"read-only\"` keeps commands from being run"
                .into(),
        ),
        (
            "[permissions.site.filesystem]\n\"/home/me/secret\" = \"deny\"",
            format!(
                "1:14: unknown key `site` in `[permissions]`: a rule that is not understood is not enforced either
  1 | [permissions.site.filesystem]
    |              ^^^^
  hint: {named}"
            ),
        ),
        (
            "approval_policy = { granular = { sandbox_approval = false } }",
            "1:19: `approval_policy` must be `untrusted`, `on-request` or `never`, not a table
  1 | approval_policy = { granular = { sandbox_approval = false } }
    |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  hint: single kinds of questions cannot be switched off here; `on-request` is the nearest"
                .into(),
        ),
    ];
    for (text, error) in table {
        check_error(&[(USER, text)], &[], &format!("~/{USER}:{error}"));
    }
}
