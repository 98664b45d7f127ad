//! The rules for commands as they were written, each with its place. What they mean is not known here.

use std::path::Path;

use crate::layer::Leaf;
use crate::merge::Merged;
use crate::origin::dotted;
use crate::source::Site;
use crate::{ConfigError, Origin};

/// What a rule says of the commands it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionKind {
    /// They never run.
    Deny,
    /// A person is asked, each time.
    Ask,
    /// They run without a question, inside the sandbox.
    Allow,
}

/// One rule of `[permissions]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionEntry {
    /// What it says.
    pub kind: PermissionKind,
    /// The rule as it was written.
    pub text: String,
    /// Where.
    pub origin: Origin,
    site: Site,
}

impl PermissionEntry {
    /// An error about this rule, shown where it is written.
    pub fn error(&self, message: &str) -> ConfigError {
        self.site.error(message)
    }
}

/// The lists, by the names of their keys.
const LISTS: [(&str, PermissionKind); 3] =
    [("deny", PermissionKind::Deny), ("ask", PermissionKind::Ask), ("allow", PermissionKind::Allow)];

/// The rules that hold in a project: those for all, then its own. What is forbidden in a project is so in all that lies
/// below it: a command can make any directory of it a repository, and so a project of its own.
pub(crate) fn entries(
    merged: &Merged,
    project: &Path,
    home: Option<&Path>,
) -> Result<Vec<PermissionEntry>, ConfigError> {
    let (mut tables, mut above) = (vec![String::from("permissions")], Vec::new());
    for path in merged.paths() {
        let [first, second, name, _] = path else { continue };
        if first != "permissions" || second != "projects" {
            continue;
        }
        let table = dotted(&path[..3]);
        let meant = match (name.strip_prefix("~/").or((name == "~").then_some("")), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => name.into(),
        };
        if !meant.is_absolute() {
            let message = format!("`{name}` is not a project: its rules need its absolute path");
            return Err(merged.error(&dotted(path), message));
        }
        if tables.contains(&table) || above.contains(&table) {
            continue;
        }
        if is_same(&meant, project) {
            tables.push(table);
        } else if is_below(project, &meant) {
            above.push(table);
        }
    }
    let lists = LISTS.iter().flat_map(|(list, kind)| {
        let above = above.iter().filter(|_| *kind != PermissionKind::Allow);
        tables.iter().chain(above).map(move |table| (format!("{table}.{list}"), *kind))
    });
    Ok(lists.flat_map(|(path, kind)| list(merged, &path, kind)).collect())
}

/// The rules of one list.
fn list(merged: &Merged, path: &str, kind: PermissionKind) -> Vec<PermissionEntry> {
    let texts = merged.get(path).into_iter().flat_map(Leaf::texts);
    texts
        .map(|(text, site)| PermissionEntry { kind, text: text.into(), origin: site.origin(), site: site.clone() })
        .collect()
}

/// Whether two paths name one directory: as texts, or by links.
fn is_same(named: &Path, project: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    named == project || real(named).is_some_and(|named| real(project) == Some(named))
}

/// Whether one directory lies below another, by whatever links that is named.
fn is_below(path: &Path, named: &Path) -> bool {
    named.canonicalize().is_ok_and(|named| path.canonicalize().is_ok_and(|path| path.starts_with(named)))
}
