//! A state is taken, something happens, and the state is brought back: real files, by way of what the crate offers.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::{
        ffi::OsStringExt,
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use super::*;

/// A store, and a directory whose states it keeps.
pub(crate) struct Bench {
    /// Is removed at the end.
    _directory: tempfile::TempDir,
    pub(crate) store: Checkpoints,
    pub(crate) root: PathBuf,
    pub(crate) scope: Scope,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let root = base.join("w");
        fs::create_dir(&root).unwrap();
        let store = Checkpoints::open(&base.join("home/checkpoints")).unwrap();
        let scope = Scope {
            roots: vec![root.clone()],
            excluded: vec![],
            stubs: vec![],
            whole: vec![],
            limits: Limits::default(),
        };
        Self { _directory: directory, store, root, scope }
    }

    /// A directory of its own, whose states go into another's store.
    pub(crate) fn with(store: Checkpoints) -> Self {
        let mut bench = Self::new();
        bench.store = store;
        bench
    }

    pub(crate) fn put(&self, name: &str, content: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn capture(&self) -> SnapshotId {
        self.store.capture(&self.scope).unwrap().id
    }

    /// What undoing the changes between the pairs of `spans` means for what is there now.
    pub(crate) fn undo(&self, spans: &[(SnapshotId, SnapshotId)]) -> Undo {
        let spans: Vec<Vec<Change>> = spans.iter().map(|(from, to)| self.store.changes(from, to).unwrap()).collect();
        let now = self.capture();
        let paths = spans.iter().flatten().map(|change| change.path.as_path());
        undo(&spans, &self.store.states(&now, paths).unwrap())
    }

    /// The names of `paths` below the root.
    pub(crate) fn names<'path>(&self, paths: impl IntoIterator<Item = &'path PathBuf>) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(&self.root).unwrap().to_string_lossy().into_owned();
        paths.into_iter().map(name).collect()
    }
}

/// All that is below `root`: kind, mode, and the hash of the content or of where it leads.
pub(crate) fn fingerprint(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let kind = metadata.file_type();
        let content = if kind.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_vec()
        } else if kind.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if kind.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let mode = if kind.is_symlink() { 0 } else { metadata.permissions().mode() };
        found.insert(path, format!("{mode:o} {} {}", kind.is_symlink(), Hash::of(&content)));
    }
    found
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn whatever_was_done_is_undone_and_done_again() {
    let bench = Bench::new();
    let root = &bench.root;
    bench.put("kept", "kept");
    bench.put("changed", "before");
    bench.put("gone/deep/er/file", "gone");
    bench.put("mode", "#!/bin/sh");
    bench.put("was-file", "file");
    bench.put("was-directory/a", "a");
    bench.put("was-link-target", "t");
    symlink("was-link-target", root.join("was-link")).unwrap();
    symlink("/nowhere\u{e9}", root.join("dangling")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    chmod(&root.join("gone/deep"), 0o750);
    let odd = root.join(std::ffi::OsString::from_vec(b"odd \xff\n".to_vec()));
    fs::write(&odd, "odd").unwrap();
    let (first, began) = (fingerprint(root), bench.capture());
    assert_eq!(bench.capture(), began);

    fs::write(root.join("changed"), "after").unwrap();
    fs::remove_dir_all(root.join("gone")).unwrap();
    // Set-user-ID would do as well, where no sandbox is around the test.
    chmod(&root.join("mode"), 0o2755);
    fs::remove_file(root.join("was-file")).unwrap();
    bench.put("was-file/b", "b");
    fs::remove_dir_all(root.join("was-directory")).unwrap();
    fs::write(root.join("was-directory"), "file").unwrap();
    fs::remove_file(root.join("was-link")).unwrap();
    fs::write(root.join("was-link"), "no link").unwrap();
    fs::remove_file(root.join("dangling")).unwrap();
    symlink("/etc", root.join("dangling")).unwrap();
    fs::remove_dir(root.join("empty")).unwrap();
    fs::remove_file(&odd).unwrap();
    bench.put("new/er", "new");
    fs::File::create(root.join("sparse")).unwrap().set_len(20 << 20).unwrap();
    chmod(root, 0o700);
    let (second, ended) = (fingerprint(root), bench.capture());

    let undone = bench.undo(&[(began, ended)]);
    assert!(undone.conflicts.is_empty() && undone.unsaved.is_empty(), "{undone:?}");
    assert!(!bench.names(undone.restore.iter().map(|step| &step.path)).contains(&"kept".to_owned()));
    let restored = bench.store.restore(&bench.scope, &undone.restore).unwrap();
    assert!(restored.failed.is_empty(), "{restored:?}");
    assert_eq!(fingerprint(root), first);
    assert_eq!(bench.capture(), began);

    let again: Vec<Change> = bench.store.changes(&began, &ended).unwrap().into_iter().map(Change::reversed).collect();
    assert!(bench.store.restore(&bench.scope, &again).unwrap().failed.is_empty());
    assert_eq!(fingerprint(root), second);
    assert!(root.join("sparse").metadata().unwrap().blocks() < 64, "the holes are gone");
}

#[test]
fn what_the_user_changed_is_a_conflict_or_left_alone() {
    let bench = Bench::new();
    for name in ["both", "agent", "user", "between", "same", "d/agent"] {
        bench.put(name, "1");
    }
    let zero = bench.capture();
    for name in ["both", "agent", "between", "same"] {
        bench.put(name, "2");
    }
    fs::remove_dir_all(bench.root.join("d")).unwrap();
    bench.put("new/agent", "2");
    let one = bench.capture();
    bench.put("between", "user");
    let two = bench.capture();
    bench.put("between", "3");
    bench.put("agent", "3");
    let three = bench.capture();
    bench.put("both", "user");
    bench.put("user", "user");
    bench.put("same", "1");
    bench.put("d", "user");
    bench.put("new/user", "user");

    let undone = bench.undo(&[(zero, one), (two, three)]);
    let conflicts = bench.names(undone.conflicts.iter().map(|conflict| &conflict.path));
    assert_eq!(conflicts, ["between", "both", "d", "d/agent"]);
    assert_eq!(bench.names(undone.restore.iter().map(|step| &step.path)), ["agent", "new", "new/agent"]);
    let restored = bench.store.restore(&bench.scope, &undone.restore).unwrap();
    let failed: Vec<String> = restored.failed.iter().map(|(path, why)| format!("{} {why}", path.display())).collect();
    assert_eq!(failed, [format!("{}/new there is more in the directory", bench.root.display())]);
    let read = |name: &str| fs::read_to_string(bench.root.join(name)).unwrap();
    let expected = [("agent", "1"), ("between", "3"), ("both", "user"), ("d", "user"), ("new/user", "user")];
    assert_eq!(expected.map(|(name, _)| read(name)), expected.map(|(_, content)| content.to_owned()));
    // When asked to, all of it.
    let force: Vec<Change> = undone.conflicts.iter().map(Conflict::step).collect();
    assert!(bench.store.restore(&bench.scope, &force).unwrap().failed.is_empty());
    assert_eq!(["both", "between", "d/agent"].map(read), ["1", "1", "1"]);
}

#[test]
fn a_step_that_is_out_of_date_changes_nothing() {
    let bench = Bench::new();
    bench.put("file", "1");
    bench.put("removed", "1");
    symlink("one", bench.root.join("link")).unwrap();
    let before = bench.capture();
    bench.put("file", "2");
    fs::remove_file(bench.root.join("removed")).unwrap();
    fs::remove_file(bench.root.join("link")).unwrap();
    symlink("two", bench.root.join("link")).unwrap();
    bench.put("made", "1");
    let steps = bench.store.changes(&before, &bench.capture()).unwrap();
    bench.put("file", "3");
    bench.put("removed", "3");
    bench.put("made", "3");
    fs::remove_file(bench.root.join("link")).unwrap();
    symlink("three", bench.root.join("link")).unwrap();
    let there = fingerprint(&bench.root);
    let restored = bench.store.restore(&bench.scope, &steps).unwrap();
    let failed: Vec<String> = restored.failed.iter().map(|(_, why)| why.to_string()).collect();
    assert_eq!((failed, restored.restored.len()), (vec!["it was changed meanwhile".to_owned(); 4], 0));
    assert_eq!(fingerprint(&bench.root), there);
}

#[test]
fn nothing_is_restored_through_a_link_or_outside_the_roots() {
    let bench = Bench::new();
    bench.put("d/file", "1");
    let before = bench.capture();
    bench.put("d/file", "2");
    let mut steps = bench.store.changes(&before, &bench.capture()).unwrap();
    let outside = bench.root.parent().unwrap().join("outside");
    fs::rename(bench.root.join("d"), &outside).unwrap();
    symlink(&outside, bench.root.join("d")).unwrap();
    steps.push(Change { path: outside.join("file"), ..steps[0].clone() });
    steps.push(Change { path: bench.root.join("d/../../outside/file"), ..steps[0].clone() });
    let restored = bench.store.restore(&bench.scope, &steps).unwrap();
    assert_eq!((restored.failed.len(), restored.restored.len()), (3, 0), "{restored:?}");
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "2");
}

#[test]
fn what_is_not_saved_is_said_and_never_called_absent() {
    let mut bench = Bench::new();
    bench.scope.limits = Limits { file_bytes: 8192, ignored_entries: 3, ignored_bytes: 8192, ..Limits::default() };
    bench.scope.excluded = vec![bench.root.join("hidden"), bench.root.join(".git")];
    bench.put(".gitignore", "ignored/\n/small\n");
    bench.put(".git/HEAD", "ref");
    bench.put("hidden", "secret");
    for name in ["a", "b", "c", "d"] {
        bench.put(&format!("ignored/{name}"), "x");
        bench.put(&format!("nested/.git/{name}"), "x");
    }
    bench.put("small/file", "ignored and saved");
    bench.put("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    bench.put("cache/big", &"x".repeat(8193));
    bench.put("large", &"x".repeat(9000));
    let _socket = std::os::unix::net::UnixListener::bind(bench.root.join("socket")).unwrap();
    assert!(bench.root.join("socket").metadata().unwrap().file_type().is_socket());
    let captured = bench.store.capture(&bench.scope).unwrap();
    let omitted: Vec<String> = captured
        .omitted
        .iter()
        .map(|omitted| bench.names([&omitted.path]).concat() + ": " + &omitted.why.to_string())
        .collect();
    assert_eq!(
        omitted,
        [
            "cache: an ignored directory of 2 entries and 8237 bytes, or more, is too large",
            "ignored: an ignored directory of 4 entries and 4 bytes, or more, is too large",
            "large: a file of 9000 bytes is too large",
            "nested/.git: an ignored directory of 4 entries and 4 bytes, or more, is too large",
            "socket: it is a device, pipe or socket",
        ]
    );

    // What happens to these cannot be undone; what was saved can.
    fs::remove_dir_all(bench.root.join("ignored")).unwrap();
    fs::remove_dir_all(bench.root.join("small")).unwrap();
    fs::remove_file(bench.root.join("hidden")).unwrap();
    bench.put("large", "small now");
    bench.put("cache/big", "x");
    let undone = bench.undo(&[(captured.id, bench.capture())]);
    assert_eq!(bench.names(undone.unsaved.iter().map(|(path, _)| path)), ["ignored", "large"]);
    assert_eq!(bench.names(undone.restore.iter().map(|step| &step.path)), ["small", "small/file"]);
    assert!(undone.conflicts.is_empty());
}

#[test]
fn what_was_once_below_something_unsaved_is_not_taken_for_absent() {
    let mut bench = Bench::new();
    bench.scope.limits.ignored_entries = 2;
    bench.put(".gitignore", "cache/\n");
    for name in ["a", "b", "c"] {
        bench.put(&format!("cache/{name}"), name);
    }
    let captured = || bench.capture();
    let began = captured();
    // Another directory, which cannot have the number of the old one.
    bench.put("fresh/b", "b");
    fs::remove_dir_all(bench.root.join("cache")).unwrap();
    fs::rename(bench.root.join("fresh"), bench.root.join("cache")).unwrap();
    let between = captured();
    bench.put("cache/a", "another");
    bench.put("new", "new");
    let undone = bench.undo(&[(began, between), (between, captured())]);
    assert_eq!(bench.names(undone.unsaved.iter().map(|(path, _)| path)), ["cache", "cache/a"]);
    assert_eq!(bench.names(undone.restore.iter().map(|step| &step.path)), ["new"]);
}

#[test]
fn a_stub_is_there_only_with_something_in_it_and_is_never_removed() {
    let mut bench = Bench::new();
    bench.scope.stubs = vec![bench.root.join(".vscode")];
    let stub = bench.root.join(".vscode");
    let without = bench.capture();
    fs::create_dir(&stub).unwrap();
    fs::set_permissions(&stub, Permissions::from_mode(0o555)).unwrap();
    assert_eq!(bench.capture(), without, "an empty one is not there");
    fs::set_permissions(&stub, Permissions::from_mode(0o755)).unwrap();
    bench.put(".vscode/deep/settings.json", "{}");
    let with = bench.capture();
    let changes = bench.store.changes(&without, &with).unwrap();
    let paths: Vec<PathBuf> = changes.iter().map(|change| change.path.clone()).collect();
    assert_eq!(bench.names(&paths), [".vscode", ".vscode/deep", ".vscode/deep/settings.json"]);
    let restored = bench.store.restore(&bench.scope, &changes).unwrap();
    assert!(restored.failed.is_empty() && fs::read_dir(&stub).unwrap().next().is_none(), "{restored:?}");
    assert_eq!(bench.capture(), without);
    // And forth again, from the directory as it was made for commands.
    fs::set_permissions(&stub, Permissions::from_mode(0o555)).unwrap();
    let forth: Vec<Change> = changes.iter().cloned().map(Change::reversed).collect();
    let restored = bench.store.restore(&bench.scope, &forth).unwrap();
    assert!(restored.failed.is_empty(), "{restored:?}");
    assert_eq!(bench.capture(), with);
}

#[test]
fn what_is_written_down_of_states_is_in_their_order() {
    let bench = Bench::new();
    let (written, made) = (Mutex::new(Vec::new()), std::sync::atomic::AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    // Files only come, so that a later state has more of them.
                    let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    fs::create_dir(bench.root.join(number.to_string())).unwrap();
                    bench.store.capture_then(&bench.scope, |captured| {
                        // Whoever waits has its chance.
                        (0..20).for_each(|_| std::thread::yield_now());
                        written.lock().unwrap().push(captured.unwrap().id);
                    });
                }
            });
        }
    });
    for pair in written.into_inner().unwrap().windows(2) {
        let changes = bench.store.changes(&pair[0], &pair[1]).unwrap();
        assert!(changes.iter().all(|change| change.after.is_some()), "{changes:?}");
    }
}
