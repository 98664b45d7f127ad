//! The rows of `attacks/*.toml` as plain data. Strict: a key that nobody knows, or a row that lacks something, is an
//! error, since a row that is read differently from how it was meant proves nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use toml::{Table, Value};

/// How the sandbox is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    ReadOnly,
    WorkspaceWrite,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::WorkspaceWrite];

    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::WorkspaceWrite => "workspace-write",
        }
    }
}

/// Who attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
    Root,
    /// Somebody without rights of his own.
    Ordinary,
}

impl User {
    pub const ALL: [Self; 2] = [Self::Root, Self::Ordinary];

    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ordinary => "user",
        }
    }
}

/// What the machine lets the sandbox have; see `codex_sandbox::Rung`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    Full,
    WithoutFreshProc,
    LandlockOnly,
}

impl Rung {
    pub const WEAKER: [Self; 2] = [Self::WithoutFreshProc, Self::LandlockOnly];

    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::WithoutFreshProc => "without a fresh /proc",
            Self::LandlockOnly => "Landlock only",
        }
    }
}

/// What the row is about: something that must not get out, or something that must go on working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Attack,
    Control,
}

/// What runs inside.
#[derive(Debug, Clone)]
pub enum Script {
    Shell(String),
    /// Behind [`PRELUDE`].
    Python(String),
}

/// What is not as it should be, and for whom: an attack that escapes, or a control that does not work.
#[derive(Debug, Clone)]
pub struct Known {
    pub modes: Vec<Mode>,
    pub users: Vec<User>,
    pub why: String,
    /// What holds the damage small, or what the user can do.
    pub mitigation: String,
}

/// One attack, or one control. All scripts but [`Row::script`] run outside.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: String,
    /// The file's name.
    pub class: String,
    /// One sentence.
    pub what: String,
    pub kind: Kind,
    pub modes: Vec<Mode>,
    pub users: Vec<User>,
    /// A shell condition: where it does not hold the row cannot be proven, and is reported as not run.
    pub needs: Option<String>,
    /// Lays out bait.
    pub setup: String,
    /// What the shell does that then becomes `codex`.
    pub before: String,
    pub script: Script,
    /// Runs while the attack waits: that has printed `READY`, and goes on when its standard input ends.
    pub late: Option<String>,
    /// The shell condition for "it got out" or "it works".
    pub check: String,
    /// The user has a terminal.
    pub terminal: bool,
    /// The sandbox may refuse to run anything at all here.
    pub may_refuse: bool,
    /// Not tried on the weaker rungs: other rows that run at the same time would be in its way.
    pub only_full: bool,
    /// Where `codex` starts, if not in the workspace; may say `$WORKSPACE` and the like.
    pub directory: Option<String>,
    /// More of the user's environment.
    pub environment: BTreeMap<String, String>,
    pub known: Vec<Known>,
}

impl Row {
    pub fn known(&self, mode: Mode, user: User) -> Option<&Known> {
        self.known.iter().find(|known| known.modes.contains(&mode) && known.users.contains(&user))
    }
}

/// What a weaker rung lets through that the full sandbox holds, or does not let work.
#[derive(Debug, Clone)]
pub struct Weaker {
    pub rung: Rung,
    pub modes: Vec<Mode>,
    pub users: Vec<User>,
    pub ids: Vec<String>,
    pub why: String,
    pub mitigation: String,
}

/// Classes in the order of the document.
pub const CLASSES: [&str; 12] = [
    "file-writes",
    "metadata",
    "kernel",
    "sockets",
    "processes",
    "descriptors",
    "environment",
    "secrets",
    "lookalikes",
    "persistence",
    "network",
    "terminal",
];

/// The file with the controls.
pub const CONTROLS: &str = "usability";

/// What every Python attack begins with: system calls by number and their errors.
pub const PRELUDE: &str = include_str!("prelude.py");

/// All rows, class by class.
pub fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/attacks");
    let mut rows = Vec::new();
    for class in CLASSES.into_iter().chain([CONTROLS]) {
        let path = folder.join(class).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (kind, entries) in file {
            let kind = match kind.as_str() {
                "attack" if class != CONTROLS => Kind::Attack,
                "control" if class == CONTROLS => Kind::Control,
                other => panic!("{class}: unknown table {other}"),
            };
            let Value::Array(entries) = entries else { panic!("{class}: not a list") };
            rows.extend(entries.into_iter().map(|entry| row(class, kind, entry)));
        }
    }
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "an id is used twice: {:?}", twice(&rows));
    rows
}

/// What `attacks/rungs.toml` says, whose ids are those of `rows`.
pub fn weaker(rows: &[Row]) -> Vec<Weaker> {
    let file: Table = include_str!("rungs.toml").parse().unwrap();
    let entries = file["weaker"].as_array().unwrap().iter();
    let read = |entry: &Value| {
        let mut entry = entry.as_table().unwrap().clone();
        let rung = text(&mut entry, "rung").unwrap();
        let ids = entry.remove("ids").unwrap();
        let weaker = Weaker {
            rung: Rung::WEAKER.into_iter().find(|one| one.name() == rung).unwrap(),
            modes: modes(&mut entry).unwrap_or_else(|| Mode::ALL.into()),
            users: users(&mut entry).unwrap_or_else(|| User::ALL.into()),
            ids: named(&ids, |id| rows.iter().any(|row| row.id == id).then(|| id.to_owned())),
            why: text(&mut entry, "why").unwrap(),
            mitigation: text(&mut entry, "mitigation").unwrap(),
        };
        assert!(entry.is_empty(), "unknown keys {:?}", entry.keys().collect::<Vec<_>>());
        weaker
    };
    entries.map(read).collect()
}

fn twice(rows: &[Row]) -> Vec<&str> {
    let ids = rows.iter().map(|row| row.id.as_str());
    ids.clone().filter(|id| ids.clone().filter(|other| other == id).count() > 1).collect()
}

fn row(class: &str, kind: Kind, entry: Value) -> Row {
    let Value::Table(mut entry) = entry else { panic!("{class}: not a table") };
    let id = text(&mut entry, "id").unwrap_or_else(|| panic!("{class}: a row without an id"));
    let mut take = |key: &str| text(&mut entry, key);
    let what = take("what").unwrap_or_else(|| panic!("{id}: it does not say what it is"));
    let (shell, python) = (take(if kind == Kind::Attack { "attack" } else { "run" }), take("python"));
    let check = take(if kind == Kind::Attack { "escaped" } else { "works" });
    let (needs, setup, before, late, directory) =
        (take("needs"), take("setup"), take("before"), take("late"), take("directory"));
    let script = match (shell, python) {
        (Some(shell), None) => Script::Shell(shell),
        (None, Some(python)) => Script::Python(python),
        _ => panic!("{id}: it needs one script"),
    };
    let modes = modes(&mut entry).unwrap_or_else(|| Mode::ALL.into());
    let users = users(&mut entry).unwrap_or_else(|| User::ALL.into());
    let mut flag = |key: &str| entry.remove(key).is_some_and(|value| value.as_bool().unwrap());
    let (terminal, may_refuse, only_full) = (flag("terminal"), flag("may_refuse"), flag("only_full"));
    let environment = entry.remove("environment").map(|value| value.try_into().unwrap()).unwrap_or_default();
    let known = match entry.remove("known") {
        None => Vec::new(),
        Some(list) => list.as_array().unwrap().iter().map(|entry| known(&id, entry, &modes, &users)).collect(),
    };
    assert!(entry.is_empty(), "{id}: unknown keys {:?}", entry.keys().collect::<Vec<_>>());
    Row {
        check: check.unwrap_or_else(|| panic!("{id}: it does not say how to see what happened")),
        class: class.to_owned(),
        setup: setup.unwrap_or_default(),
        before: before.unwrap_or_default(),
        environment,
        id,
        what,
        kind,
        modes,
        users,
        needs,
        script,
        late,
        terminal,
        may_refuse,
        only_full,
        directory,
        known,
    }
}

fn known(id: &str, entry: &Value, modes_: &[Mode], users_: &[User]) -> Known {
    let mut entry = entry.as_table().unwrap().clone();
    let known = Known {
        modes: modes(&mut entry).unwrap_or_else(|| modes_.into()),
        users: users(&mut entry).unwrap_or_else(|| users_.into()),
        why: text(&mut entry, "why").unwrap_or_else(|| panic!("{id}: known, but why?")),
        mitigation: text(&mut entry, "mitigation").unwrap_or_else(|| panic!("{id}: known, and what then?")),
    };
    assert!(entry.is_empty(), "{id}: unknown keys {:?}", entry.keys().collect::<Vec<_>>());
    known
}

fn text(entry: &mut Table, key: &str) -> Option<String> {
    entry.remove(key).map(|value| value.as_str().unwrap_or_else(|| panic!("{key} is no text")).to_owned())
}

fn modes(entry: &mut Table) -> Option<Vec<Mode>> {
    let list = entry.remove("modes")?;
    Some(named(&list, |name| Mode::ALL.into_iter().find(|mode| mode.name() == name)))
}

fn users(entry: &mut Table) -> Option<Vec<User>> {
    let list = entry.remove("users")?;
    Some(named(&list, |name| User::ALL.into_iter().find(|user| user.name() == name)))
}

fn named<T>(list: &Value, find: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let names = list.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    names.map(|name| find(name).unwrap_or_else(|| panic!("unknown name {name}"))).collect()
}
