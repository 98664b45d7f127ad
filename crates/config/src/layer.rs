//! One layer: a text, checked against the table of keys, as a flat list of values with their places.
//!
//! It is flat because then merging, holding back and explaining are each a loop over leaves. Nothing is dropped here
//! without a warning, save what the table marks as ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use crate::keys::{self, KEYS, Key, Kind, Status};
use crate::mcp;
use crate::origin::dotted;
use crate::source::{Name, Site, Source};
use crate::suggest::{did_you_mean, nearest};
use crate::value::{Base, Fault, check, check_entry, mismatch};
use crate::walls::{self, Misplaced, Wall};
use crate::{ConfigError, Origin, Warning};

/// The table of tables of settings.
const PROFILES: &str = "profiles";
/// Why a key that seems to forbid something is an error.
const NOT_ENFORCED: &str = "a rule that is not understood is not enforced either";

/// What to write in place of them.
const NAMED_PERMISSIONS: &str =
    "named permissions are not understood here; `[sandbox]` and the lists of `[permissions]` say the same";

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    /// Canonical names from the top.
    pub(crate) path: Vec<String>,
    /// Its line of the table.
    pub(crate) key: &'static Key,
    /// Checked; paths are absolute.
    pub(crate) value: Value,
    /// Where it is written; `None` for defaults.
    pub(crate) site: Option<Site>,
    /// Of a list, where each item is written.
    pub(crate) items: Vec<Site>,
}

impl Leaf {
    /// The texts of a list, with their places.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &Site)> {
        let entries = self.value.as_array().into_iter().flatten().zip(&self.items);
        entries.filter_map(|(value, site)| Some((value.as_str()?, site)))
    }

    /// Takes the items out of the list that are meant, with their places.
    pub(crate) fn take_entries(&mut self, is_meant: impl Fn(&Value) -> bool) -> Vec<(Value, Site)> {
        let Value::Array(values) = &mut self.value else { return Vec::new() };
        let entries = std::mem::take(values).into_iter().zip(std::mem::take(&mut self.items));
        let (taken, stays) = entries.partition(|(value, _)| is_meant(value));
        self.extend_entries(stays);
        taken
    }

    /// Appends these items to the list.
    pub(crate) fn extend_entries(&mut self, entries: Vec<(Value, Site)>) {
        let (values, items): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        if let Value::Array(own) = &mut self.value {
            own.extend(values);
            self.items.extend(items);
        }
    }
}

/// One layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) warnings: Vec<Warning>,
    /// Names of profiles that set nothing.
    empty_profiles: Vec<String>,
}

impl Layer {
    /// Parses and checks a text.
    pub(crate) fn parse(source: Source, base: Base<'_>) -> Result<Self, ConfigError> {
        let source = Arc::new(source);
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        // The first in the text: those after it are mostly its consequences.
        if let Some(error) = errors.iter().min_by_key(|error| error.span().map(|span| span.start)) {
            return Err(syntax_error(&source, error));
        }
        let mut walk = Walk {
            source: &source,
            base,
            layer: Self::default(),
            unused: Vec::new(),
            path: Vec::new(),
            seen: BTreeMap::new(),
        };
        if let Err(error) = walk.table(table.get_ref(), KEYS, false) {
            return Err(error.after(walk.layer.warnings));
        }
        let Walk { mut layer, unused, .. } = walk;
        if matches!(source.name, Name::File(_)) && is_one_comment(&source.text) {
            let message = "the whole file is one comment, so nothing in it has an effect; were its line breaks lost?";
            layer.warnings.push(Warning::new(source.whole(), message));
        }
        if !unused.is_empty() {
            let message = format!("not used by this version: {}", unused.join(", "));
            layer.warnings.push(Warning::new(source.whole(), message));
        }
        Ok(layer)
    }

    /// The layer of built-in defaults.
    pub(crate) fn defaults() -> Self {
        let mut layer = Self::default();
        add_defaults(KEYS, &mut Vec::new(), &mut layer.leaves);
        layer
    }

    /// The first leaf of a dotted path.
    pub(crate) fn get(&self, path: &str) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| dotted(&leaf.path) == path)
    }

    /// The names of its profiles, each once, in the order of the text.
    pub(crate) fn profiles(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let of_profile = self.leaves.iter().filter_map(|leaf| profile_of(leaf));
        of_profile.chain(self.empty_profiles.iter().map(String::as_str)).filter(|name| seen.insert(*name)).collect()
    }

    /// All its profiles that set something, each as a layer of its own: in one go, for a stranger's file may have many.
    pub(crate) fn all_profiles(&self) -> Vec<(&str, Self)> {
        let (mut all, mut numbers) = (Vec::<(&str, Self)>::new(), BTreeMap::new());
        for leaf in &self.leaves {
            let Some(name) = profile_of(leaf) else { continue };
            let number = *numbers.entry(name).or_insert_with(|| {
                all.push((name, Self::default()));
                all.len() - 1
            });
            all[number].1.leaves.push(Leaf { path: leaf.path[2..].to_vec(), ..leaf.clone() });
        }
        all
    }

    /// One of its profiles as a layer of its own.
    pub(crate) fn profile(&self, name: &str) -> Self {
        let inner = |leaf: &Leaf| {
            let is_of = profile_of(leaf) == Some(name);
            is_of.then(|| Leaf { path: leaf.path[2..].to_vec(), ..leaf.clone() })
        };
        Self { leaves: self.leaves.iter().filter_map(inner).collect(), ..Self::default() }
    }
}

/// The profile that a leaf belongs to.
fn profile_of(leaf: &Leaf) -> Option<&str> {
    match &leaf.path[..] {
        [first, name, _, ..] if first == PROFILES => Some(name),
        _ => None,
    }
}

fn add_defaults(keys: &'static [Key], path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for key in keys {
        path.push(key.name.into());
        if let Some(children) = key.kind.own_children() {
            add_defaults(children, path, leaves);
        }
        if let Some(value) = key.default_value() {
            leaves.push(Leaf { path: path.clone(), key, value, site: None, items: Vec::new() });
        }
        path.pop();
    }
}

struct Walk<'a> {
    source: &'a Arc<Source>,
    base: Base<'a>,
    layer: Layer,
    unused: Vec<String>,
    path: Vec<String>,
    /// What each setting was called.
    seen: BTreeMap<Vec<String>, String>,
}

type Named<'a, 'i> = (&'a Spanned<toml::de::DeString<'i>>, &'a Spanned<DeValue<'i>>);

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>, keys: &'static [Key], strict: bool) -> Result<(), ConfigError> {
        for (name, value) in table {
            let typed: &str = name.get_ref();
            let nested = !self.path.is_empty() && matches!(typed, "profiles" | "default_profile" | "profile");
            let Some(key) = keys::find(keys, typed).filter(|_| !nested) else {
                self.unknown((name, value), keys, strict)?;
                continue;
            };
            self.path.push(key.name.into());
            self.value(key, (name, value), strict)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Takes the value of a key; `strict` says of which kind the table around it is.
    fn value(&mut self, key: &'static Key, (name, value): Named<'_, '_>, strict: bool) -> Result<(), ConfigError> {
        match key.status {
            Status::Used => {}
            Status::Later => {
                self.no_wall_of_the_existing_cli(key, value)?;
                self.unused.push(dotted(&self.path));
                return self.no_wall_within(walls::misplaced(value.get_ref(), self.base));
            }
            Status::Ignored => return self.no_wall_within(walls::misplaced(value.get_ref(), self.base)),
        }
        match (key.kind, value.get_ref()) {
            (Kind::Table(keys), DeValue::Table(table)) => self.table(table, keys, false),
            (Kind::Strict(keys) | Kind::StrictOrFirst(keys), DeValue::Table(table)) => self.table(table, keys, true),
            (Kind::StrictOrFirst([first, ..]), _) => {
                self.path.push(first.name.into());
                self.value(first, (name, value), strict)?;
                self.path.pop();
                Ok(())
            }
            (Kind::Named(keys), DeValue::Table(table)) => self.named(key, table, keys, strict),
            (Kind::Profiles, DeValue::Table(table)) => self.named(key, table, KEYS, strict),
            (kind, DeValue::Table(table)) if kind.is_map() => self.text_map(key, table),
            (kind, other) if kind.children().is_some() || kind.is_map() => {
                Err(self.fault(mismatch(name.get_ref(), kind, value.span(), other)))
            }
            (Kind::Text, DeValue::Table(table)) if key.name == "model_provider" => {
                let mut fault = mismatch(name.get_ref(), key.kind, value.span(), value.get_ref());
                fault.hint = table.iter().next().map(|(id, _)| meant_providers(id.get_ref()));
                Err(self.fault(fault))
            }
            _ => {
                let checked = match self.other_value(key, value) {
                    Some(here) => here.into(),
                    None => check(name.get_ref(), key.kind, value, self.base).map_err(|it| self.fault_of(key, it))?,
                };
                if let (Kind::Suggested(names), Some(text)) = (key.kind, checked.as_str())
                    && !names.contains(&text)
                {
                    self.unusual(value.span(), name.get_ref(), text, names);
                }
                if let Some(other) = self.seen.insert(self.path.clone(), name.get_ref().to_string()) {
                    let typed = name.get_ref();
                    let message = format!("`{other}` and `{typed}` are two names of one setting; keep one of them");
                    return Err(self.source.error(name.span(), message));
                }
                let items = self.items(value);
                match key.kind.known() {
                    Some(names) => self.known(key, (name, value), (checked, items), names),
                    None => self.leaf(key, checked, value.span(), items),
                }
                Ok(())
            }
        }
    }

    /// Where each item of a list is written.
    fn items(&self, value: &Spanned<DeValue<'_>>) -> Vec<Site> {
        let items = value.get_ref().as_array().map(|items| items.iter().map(|item| self.site(item.span())));
        items.into_iter().flatten().collect()
    }

    /// Takes of a value what is among `names`; the rest is passed over with a warning. If nothing is left it is as if
    /// nothing had been written.
    fn known(
        &mut self,
        key: &'static Key,
        (name, value): Named<'_, '_>,
        (checked, items): (Value, Vec<Site>),
        names: &'static [&'static str],
    ) {
        let is_known = |value: &Value| value.as_str().is_some_and(|text| names.contains(&text));
        let (kept, others) = match checked {
            Value::Array(values) => {
                let (kept, others): (Vec<_>, Vec<_>) = values.into_iter().zip(items).partition(|(it, _)| is_known(it));
                let is_left = !kept.is_empty() || others.is_empty();
                let (values, sites) = kept.into_iter().unzip();
                let others: Vec<Value> = others.into_iter().map(|(value, _)| value).collect();
                (is_left.then_some((Value::Array(values), sites)), others)
            }
            Value::String(_) if !is_known(&checked) => (None, vec![checked]),
            other => (Some((other, items)), Vec::new()),
        };
        if !others.is_empty() {
            let others: Vec<_> = others.iter().filter_map(Value::as_str).map(|text| format!("`{text}`")).collect();
            let known = names.join(", ");
            let message = format!("passed over, since `{}` knows only {known}: {}", name.get_ref(), others.join(", "));
            self.layer.warnings.push(self.source.warning(value.span(), message));
        }
        if let Some((checked, items)) = kept {
            self.leaf(key, checked, value.span(), items);
        }
    }

    /// What a value of the existing CLI is called here, with a warning.
    fn other_value(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) -> Option<&'static str> {
        let typed = value.get_ref().as_str()?;
        let here = keys::other_value(key, typed)?;
        self.layer.warnings.push(self.source.warning(value.span(), format!("`{typed}` is called `{here}` here")));
        Some(here)
    }

    /// Refuses what forbids something in the existing CLI, and would not here: named permissions, unless they forbid no
    /// more than the defaults do, and no commands at all.
    fn no_wall_of_the_existing_cli(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let shell = || value.get_ref().get("shell_tool").filter(|it| it.get_ref().as_bool() == Some(false));
        let harmless = || matches!(value.get_ref().as_str(), Some(":workspace" | ":danger-full-access"));
        let (span, name, hint) = match key.name {
            "default_permissions" if !harmless() => (value.span(), key.name, NAMED_PERMISSIONS),
            "features" => match shell() {
                Some(shell) => (shell.span(), "shell_tool", "`sandbox = \"read-only\"` keeps commands from being run"),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        Err(self.source.error(span, format!("`{name}`: {NOT_ENFORCED}")).hint(Some(hint.into())))
    }

    /// Tables with names of the user's choice.
    fn named(&mut self, key: &Key, table: &DeTable<'_>, keys: &'static [Key], strict: bool) -> Result<(), ConfigError> {
        for (name, value) in table {
            let DeValue::Table(inner) = value.get_ref() else {
                let label = format!("{}.{}", key.name, name.get_ref());
                let fault = mismatch(&label, Kind::Table(keys), value.span(), value.get_ref());
                return Err(self.fault(fault));
            };
            if key.name == PROFILES && inner.is_empty() {
                self.layer.empty_profiles.push(name.get_ref().to_string());
            }
            self.path.push(name.get_ref().to_string());
            self.table(inner, keys, strict)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Texts with names of the user's choice, each a leaf, so that layers merge by name.
    fn text_map(&mut self, key: &'static Key, table: &DeTable<'_>) -> Result<(), ConfigError> {
        self.no_wall_within(walls::in_table(table, self.base))?;
        for (name, value) in table {
            let label = format!("{}.{}", key.name, name.get_ref());
            if key.kind == Kind::Lists {
                self.list(key, &label, (name, value))?;
                continue;
            }
            let DeValue::String(text) = value.get_ref() else {
                return Err(self.fault(mismatch(&label, Kind::Text, value.span(), value.get_ref())));
            };
            if let Err(message) = check_entry(key.kind, (&label, name.get_ref()), text) {
                let named = message.starts_with(&format!("`{label}`: "));
                let span = if named { name.span() } else { value.span() };
                return Err(self.fault_of(key, Fault::new(span, message)));
            }
            self.path.push(name.get_ref().to_string());
            self.leaf(key, Value::String(text.to_string()), value.span(), Vec::new());
            self.path.pop();
        }
        Ok(())
    }

    /// One list, or one text in place of it, of a table of lists.
    fn list(&mut self, key: &'static Key, label: &str, (name, value): Named<'_, '_>) -> Result<(), ConfigError> {
        if value.get_ref().is_table() {
            let message = format!("`{label}` is passed over: it must be a string or a list of strings");
            self.layer.warnings.push(self.source.warning(name.span(), message));
            return Ok(());
        }
        let kind = if value.get_ref().is_str() { Kind::Text } else { Kind::Texts };
        let checked = match check(label, kind, value, self.base).map_err(|fault| self.fault(fault))? {
            text @ Value::String(_) => Value::Array(vec![text]),
            list => list,
        };
        let items = self.items(value);
        self.path.push(name.get_ref().to_string());
        self.leaf(key, checked, value.span(), items);
        self.path.pop();
        Ok(())
    }

    fn leaf(&mut self, key: &'static Key, value: Value, span: Range<usize>, items: Vec<Site>) {
        let leaf = Leaf { path: self.path.clone(), key, value, site: Some(self.site(span)), items };
        self.layer.leaves.push(leaf);
    }

    fn unknown(&mut self, (name, value): Named<'_, '_>, keys: &'static [Key], strict: bool) -> Result<(), ConfigError> {
        let typed: &str = name.get_ref();
        if let Some(wall) = walls::meant(typed, keys) {
            return Err(self.not_enforced(name.span(), typed, &wall, &self.path));
        }
        let table = within(&self.path);
        let near = did_you_mean(typed, keys::names(keys).filter(|name| *name != typed));
        let named = self.path == ["permissions"] && value.get_ref().is_table();
        let hint = elsewhere(typed, &self.path).or(near).or(named.then(|| NAMED_PERMISSIONS.into()));
        let of_server = self.path.iter().any(|name| name == mcp::TABLE);
        let forbids = || nearest(typed, keys::names(keys)).is_some_and(|name| keys::FORBIDS_TOOLS.contains(&name));
        if strict || (of_server && forbids()) {
            let message = format!("unknown key `{typed}`{table}: {NOT_ENFORCED}");
            return Err(self.source.error(name.span(), message).hint(hint));
        }
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let role = self.path == ["agents"] && value.get_ref().is_table();
        let message = match role {
            true => format!("not used by this version: `agents.{typed}`: `agents/{typed}.md` describes a sub-agent"),
            false => format!("unknown key `{typed}`{table}{hint}"),
        };
        self.layer.warnings.push(self.source.warning(name.span(), message));
        self.path.push(typed.into());
        self.no_wall_within(walls::misplaced(value.get_ref(), self.base))?;
        self.path.pop();
        Ok(())
    }

    /// A key that seems to forbid something, and would not.
    fn not_enforced(&self, span: Range<usize>, typed: &str, wall: &Wall, path: &[String]) -> ConfigError {
        let message = format!("unknown key `{typed}`{}: {NOT_ENFORCED}", within(path));
        let file = matches!(self.source.name, Name::File(_));
        self.source.error(span, message).hint(Some(wall.advice(typed, path, file)))
    }

    /// Takes what was found in a table, the current one, whose keys are not looked at.
    fn no_wall_within(&self, found: Option<Misplaced>) -> Result<(), ConfigError> {
        let Some(found) = found else { return Ok(()) };
        let path = [&self.path[..], &found.path].concat();
        Err(self.not_enforced(found.span, &found.typed, &found.wall, &path))
    }

    /// A value that a server may know, but that this program does not.
    fn unusual(&mut self, span: Range<usize>, name: &str, text: &str, names: &'static [&'static str]) {
        let hint = did_you_mean(text, names.iter().copied()).map(|hint| format!("; {hint}")).unwrap_or_default();
        let message = format!("`{text}` is not a usual value of `{name}`; it is sent as it is{hint}");
        self.layer.warnings.push(self.source.warning(span, message));
    }

    fn site(&self, span: Range<usize>) -> Site {
        Site { source: Arc::clone(self.source), span }
    }

    /// A fault of a value; with its provider, and without the line if that may show a secret.
    fn fault_of(&self, key: &Key, mut fault: Fault) -> ConfigError {
        let variable = matches!(key.kind, Kind::Variable | Kind::Variables | Kind::VariableHeaders);
        if (variable || matches!(key.kind, Kind::Url | Kind::Headers))
            && let [table, id, ..] = &self.path[..]
            && table == "model_providers"
        {
            fault.message = format!("{} (provider `{id}`)", fault.message);
        }
        let mut error = self.fault(fault);
        if variable {
            error.snippet = None;
        }
        error
    }

    fn fault(&self, fault: Fault) -> ConfigError {
        self.source.error(fault.span, fault.message).hint(fault.hint)
    }
}

/// Names the table of an unknown key.
pub(crate) fn within(path: &[String]) -> String {
    if path.is_empty() { String::new() } else { format!(" in `[{}]`", dotted(path)) }
}

/// A hint for a known key in the wrong table: a top-level key below a header, or the other way round.
pub(crate) fn elsewhere(typed: &str, path: &[String]) -> Option<String> {
    if !path.is_empty() && keys::find(KEYS, typed).is_some() {
        return Some(format!("`{typed}` is a top-level key: move it above the first `[table]`"));
    }
    let tables = KEYS.iter().filter_map(|key| Some((key.name, key.kind.own_children()?)));
    let mut found = tables.filter(|(_, children)| nearest(typed, keys::names(children)) == Some(typed));
    found.next().map(|(table, _)| format!("did you mean `{table}.{typed}`?"))
}

/// Whether a file is one line that is a comment, though it holds what looks like settings.
fn is_one_comment(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let table = line.split_once('[').is_some_and(|(_, rest)| rest.contains(']'));
    line.starts_with('#') && (line.contains(" = ") || table)
}

/// An error of the TOML parser, in its words unless a line break is missing.
fn syntax_error(source: &Source, error: &toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or_default();
    let text = &source.text;
    let at = span.start.min(text.len());
    if let (Some(rest), Some(before)) = (text.get(at..), text.get(..at))
        && !error.message().contains("comma")
        && let Some(next) = joined_statement(before, rest)
    {
        let skipped = rest.len() - rest.trim_start().len();
        let span = at + skipped..at + skipped + next.len();
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        let hint = if lines == 1 && matches!(source.name, Name::File(_)) {
            "the whole file is one line: its line breaks were lost; begin a new line before each `key =` and each \
             `[table]`"
        } else {
            "each `key = value` and each `[table]` begins on a line of its own"
        };
        let column = match source.origin(span.start) {
            Origin::File { column, .. } => format!(" (column {column})"),
            _ => String::new(),
        };
        let message = format!("a line break is missing before `{next}`{column}");
        return source.error(span, message).hint(Some(hint.into()));
    }
    let part = text.get(span.clone()).unwrap_or_default();
    let header = header_around(text, at);
    let message = match (error.message(), header) {
        ("duplicate key", Some(header)) => format!("`{header}` is set twice"),
        ("duplicate key", None) if !part.is_empty() => format!("`{part}` is set twice"),
        _ if is_null(part) => format!("`{part}` is not a value of TOML"),
        (other, _) => format!("this is not TOML: {other}"),
    };
    let provider = header.and_then(|header| header.strip_prefix("[model_provider.")?.strip_suffix(']'));
    let is_value = text.get(..at).is_some_and(|before| before.trim_end().ends_with(['=', '[', ',']));
    let hint = match provider {
        Some(id) => Some(meant_providers(id)),
        None if is_value => unquoted(part),
        None => None,
    };
    source.error(span, message).hint(hint)
}

/// The hint for `[model_provider.mock]`.
fn meant_providers(id: &str) -> String {
    format!("did you mean the table [model_providers.{id}]?")
}

/// The header of a table on the line of a byte.
fn header_around(text: &str, at: usize) -> Option<&str> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next()?.trim();
    let line = if line.ends_with(']') { line } else { line.split('#').next()?.trim() };
    (line.starts_with('[') && line.ends_with(']')).then_some(line)
}

fn is_null(part: &str) -> bool {
    ["null", "nil", "none", "undefined"].iter().any(|word| part.eq_ignore_ascii_case(word))
}

/// The repair of a value that is a bare word.
fn unquoted(part: &str) -> Option<String> {
    match part {
        _ if !part.starts_with(|c: char| c.is_alphabetic()) => None,
        _ if is_null(part) => Some("TOML has no null; to set nothing, leave the key out".into()),
        _ if part.eq_ignore_ascii_case("true") || part.eq_ignore_ascii_case("false") => {
            Some(format!("write it in small letters: `{}`", part.to_ascii_lowercase()))
        }
        _ => Some("texts need quotes: `\"…\"`".into()),
    }
}

/// The key or header that begins where the parser gave up, if a whole statement stands before it on its line.
fn joined_statement<'a>(before: &str, rest: &'a str) -> Option<&'a str> {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    let whole = line.contains('=') || (line.starts_with('[') && line.ends_with(']'));
    if !whole {
        return None;
    }
    let rest = rest.split('\n').next().unwrap_or_default().trim();
    if rest.starts_with('[') {
        return rest.find(']').map(|end| &rest[..=end]);
    }
    let (key, _) = rest.split_once('=')?;
    let key = key.trim();
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_.\"'".contains(c);
    (!key.is_empty() && key.chars().all(bare)).then_some(key)
}
