//! The tables of `docs/configuration.md` are those of the program. `UPDATE=1 cargo test -p codex-config` renews them.

use std::fmt::Write as _;
use std::fs;

use super::schema::{is_current, repository};
use crate::keys::{KEYS, Key, Kind, Project, Status};
use crate::value::expected;

/// What stands around the tables.
const BEGIN: &str = "<!-- written by `UPDATE=1 cargo test -p codex-config` from the table of keys -->\n";
const END: &str = "<!-- the end of what is written by it -->\n";

#[test]
fn its_tables_are_those_of_the_program() {
    let path = "docs/configuration.md";
    let text = fs::read_to_string(repository(path)).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut tables = String::new();
    table(&mut tables, "Top level", KEYS);
    list(&mut tables, "Known, and not used yet", Status::Later);
    list(&mut tables, "Known, and without effect", Status::Ignored);
    is_current(path, &format!("{before}{BEGIN}{tables}{END}{after}"));
}

/// The keys of a table that have an effect, and after them the tables in it.
fn table(text: &mut String, title: &str, keys: &'static [Key]) {
    let used = || keys.iter().filter(|key| key.status == Status::Used);
    let path = title.trim_matches('`').trim_matches(['[', ']']);
    let inner = |key: &Key| match (key.kind, path) {
        (Kind::Profiles, _) => "`[profiles.NAME]`".to_owned(),
        (Kind::Named(_), "Top level") => format!("`[{}.NAME]`", key.name),
        (Kind::Named(_), "permissions") => format!("`[{path}.{}.\"/PATH\"]`", key.name),
        (Kind::Named(_), path) => format!("`[{path}.{}.NAME]`", key.name),
        (_, "Top level") => format!("`[{}]`", key.name),
        (_, path) => format!("`[{path}.{}]`", key.name),
    };
    writeln!(text, "\n### {title}\n\n| key | value | default | in a project | what it does |\n|---|---|---|---|---|")
        .unwrap();
    for key in used() {
        let names = std::iter::once(&key.name).chain(key.aliases).map(|name| format!("`{name}`"));
        let names: Vec<_> = names.collect();
        let value = match key.kind {
            Kind::StrictOrFirst(_) => format!("{}; or the table {}", expected(key.kind), inner(key)),
            Kind::Table(_) | Kind::Strict(_) => format!("the table {}", inner(key)),
            Kind::Named(_) | Kind::Profiles => format!("tables {}", inner(key)),
            Kind::Known(names) => expected(Kind::Choice(names)),
            Kind::KnownTexts(names) => format!("a list of {}", expected(Kind::Choice(names)).replace(" or ", ", ")),
            Kind::FlagOrKnownTexts(names) => {
                format!("`true`, `false` or a list of {}", expected(Kind::Choice(names)).replace(" or ", ", "))
            }
            Kind::Suggested(names) => format!("{}, or another string", expected(Kind::Choice(names))),
            other => expected(other),
        };
        let default = if key.default.is_empty() { "–".to_owned() } else { format!("`{}`", key.default) };
        let project = match (key.kind.children(), key.project) {
            (Some(_), _) => "by key",
            (None, Project::Held) => "–",
            (None, Project::Harmless) => "yes",
            (None, Project::Stricter) => "stricter",
            (None, Project::OwnProvider) => "same provider",
        };
        let more = if key.appends { "; *adds up*" } else { "" };
        let (names, about) = (names.join(", "), key.about);
        writeln!(text, "| {names} | {value} | {default} | {project} | {about}{more} |").unwrap();
    }
    for key in used().filter(|key| key.kind != Kind::Profiles) {
        let Some(children) = key.kind.children() else { continue };
        let same = children.iter().all(|child| keys.contains(child));
        if same {
            let names: Vec<_> = children.iter().map(|child| format!("`{}`", child.name)).collect();
            writeln!(text, "\n### {}\n\nThe keys {}, as above.", inner(key), names.join(", ")).unwrap();
        } else {
            table(text, &inner(key), children);
        }
    }
}

/// The keys of a status, of all tables, each in a line.
fn list(text: &mut String, title: &str, status: Status) {
    fn lines(text: &mut String, prefix: &str, keys: &'static [Key], status: Status) {
        for key in keys.iter().filter(|key| key.kind != Kind::Profiles) {
            let path = format!("{prefix}{}", key.name);
            if key.status == status {
                writeln!(text, "- `{path}`: {}", key.about).unwrap();
            }
            let name = if matches!(key.kind, Kind::Named(_)) { "NAME." } else { "" };
            if let Some(children) = key.kind.children() {
                lines(text, &format!("{path}.{name}"), children, status);
            }
        }
    }
    writeln!(text, "\n### {title}\n").unwrap();
    lines(text, "", KEYS, status);
}
