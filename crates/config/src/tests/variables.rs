//! The tables of `docs/environment.md` are those of the code.
//!
//! `UPDATE=1 cargo test -p codex-config` renews them.

use std::fs;

use super::schema::{is_current, repository};
use crate::variables::{READ_BY_LIBRARIES, VARIABLES, Variable};

fn rows(table: &[Variable]) -> String {
    let mut text = "| variable | what it does |\n|---|---|\n".to_owned();
    for variable in table {
        let sets = variable.sets().map(|key| format!(": sets `{key}`")).unwrap_or_default();
        text += &format!("| `{}` | {}{sets} |\n", variable.name(), variable.about());
    }
    text
}

/// `text` with `rows` in place of what is between the marks `name`.
fn replaced(text: &str, name: &str, rows: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: written from the code -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end}"));
    format!("{before}{begin}{rows}{end}{after}")
}

#[test]
fn the_document_is_current() {
    let path = "docs/environment.md";
    let text = fs::read_to_string(repository(path)).unwrap();
    let expected = replaced(&text, "variables", &rows(VARIABLES));
    is_current(path, &replaced(&expected, "libraries", &rows(READ_BY_LIBRARIES)));
}
