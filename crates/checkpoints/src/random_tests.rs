//! Random courses of a session: the agent's edits, what its shell does, and what the user does meanwhile. Whatever the course,
//! going back brings back what the agent changed, byte, mode and link, redo brings it forth again, and the user's work stays.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, Permissions},
    os::unix::{
        ffi::OsStringExt,
        fs::{FileExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use crate::{
    Change, Limits, NotRestored,
    tests::{Bench, fingerprint},
    undo,
};

/// Names are few, so that deeds meet each other's traces.
const NAMES: [&[u8]; 5] = [b"a", b"b", b"odd \xff\n", b".git", b"kept"];

/// Something that changes the tree. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Deed {
    Write { place: u8, name: u8, content: u8 },
    Append { place: u8 },
    Large { place: u8, name: u8, content: u8 },
    Sparse { place: u8, name: u8, length: u8 },
    Directory { place: u8, name: u8, mode: u8 },
    Link { place: u8, name: u8, target: u8 },
    HardLink { place: u8, to: u8, name: u8 },
    Remove { place: u8 },
    Mode { place: u8, mode: u8 },
    Rename { place: u8, to: u8, name: u8 },
    Repository { place: u8 },
    Ignore { place: u8, name: u8 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let byte = any::<u8>;
    prop_oneof![
        6 => (byte(), byte(), byte()).prop_map(|(place, name, content)| Deed::Write { place, name, content }),
        3 => byte().prop_map(|place| Deed::Append { place }),
        1 => (byte(), byte(), byte()).prop_map(|(place, name, content)| Deed::Large { place, name, content }),
        1 => (byte(), byte(), 1_u8..20).prop_map(|(place, name, length)| Deed::Sparse { place, name, length }),
        4 => (byte(), byte(), byte()).prop_map(|(place, name, mode)| Deed::Directory { place, name, mode }),
        2 => (byte(), byte(), byte()).prop_map(|(place, name, target)| Deed::Link { place, name, target }),
        1 => (byte(), byte(), byte()).prop_map(|(place, to, name)| Deed::HardLink { place, to, name }),
        3 => byte().prop_map(|place| Deed::Remove { place }),
        2 => (byte(), byte()).prop_map(|(place, mode)| Deed::Mode { place, mode }),
        3 => (byte(), byte(), byte()).prop_map(|(place, to, name)| Deed::Rename { place, to, name }),
        1 => byte().prop_map(|place| Deed::Repository { place }),
        1 => (byte(), byte()).prop_map(|(place, name)| Deed::Ignore { place, name }),
    ]
}

/// What is there before, and spans of the agent, each with what the user does after it.
type Course = (Vec<Deed>, Vec<(Vec<Deed>, Vec<Deed>)>);

fn course() -> impl Strategy<Value = Course> {
    let deeds = |most: usize| prop::collection::vec(deed(), 0..most);
    (deeds(12), prop::collection::vec((deeds(6), deeds(3)), 1..4))
}

fn chosen<T>(all: &[T], number: u8) -> Option<&T> {
    all.get(usize::from(number) % all.len().max(1))
}

/// All directories below `root`, itself first, and all else.
fn entries(root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let kind = |path: &PathBuf| path.symlink_metadata().unwrap().is_dir();
    fingerprint(root).into_keys().partition(kind)
}

/// Does it, as far as that is possible where it is done.
fn act(root: &Path, deed: &Deed) {
    let (directories, others) = entries(root);
    let directory = |number: u8| chosen(&directories, number).cloned().unwrap();
    let name = |number: u8| OsString::from_vec(chosen(&NAMES, number).unwrap().to_vec());
    let other = |number: u8| chosen(&others, number).cloned();
    // What cannot be done is not: a directory stands where a file is to be, and so on.
    let _ = match deed {
        Deed::Write { place, name: into, content } => {
            fs::write(directory(*place).join(name(*into)), vec![*content; usize::from(*content) * 3])
        }
        Deed::Append { place } => other(*place).map_or(Ok(()), |path| {
            let length = if path.is_symlink() { return Ok(()) } else { path.metadata()?.len() };
            File::options().write(true).open(path)?.write_all_at(b"appended", length)
        }),
        Deed::Large { place, name: into, content } => {
            let bytes: Vec<u8> = (0..150_000_u32).map(|number| (number % 251) as u8 ^ content).collect();
            fs::write(directory(*place).join(name(*into)), bytes)
        }
        Deed::Sparse { place, name: into, length } => {
            let file = File::create(directory(*place).join(name(*into)));
            file.and_then(|file| {
                file.set_len(u64::from(*length) << 16)?;
                file.write_all_at(b"in the middle", u64::from(*length) << 15)
            })
        }
        Deed::Directory { place, name: into, mode } => {
            let path = directory(*place).join(name(*into));
            fs::create_dir(&path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode_of(*mode))))
        }
        Deed::Link { place, name: into, target } => {
            // Nothing can be made there: what is written to the link later must not end outside.
            let target = [b"/dev/null/t".as_slice(), &[target | 1]].concat();
            symlink(OsString::from_vec(target), directory(*place).join(name(*into)))
        }
        Deed::HardLink { place, to, name: into } => {
            other(*place).map_or(Ok(()), |path| fs::hard_link(path, directory(*to).join(name(*into))))
        }
        Deed::Remove { place } => match chosen(&[&directories[1..], &others].concat(), *place) {
            Some(path) if path.symlink_metadata().unwrap().is_dir() => fs::remove_dir_all(path),
            Some(path) => fs::remove_file(path),
            None => Ok(()),
        },
        Deed::Mode { place, mode } => match chosen(&[&directories[..], &others].concat(), *place) {
            Some(path) if !path.is_symlink() => fs::set_permissions(path, Permissions::from_mode(mode_of(*mode))),
            _ => Ok(()),
        },
        Deed::Rename { place, to, name: into } => {
            let from = chosen(&[&directories[1..], &others].concat(), *place).cloned();
            from.map_or(Ok(()), |from| fs::rename(from, directory(*to).join(name(*into))))
        }
        Deed::Repository { place } => {
            let git = directory(*place).join(".git");
            let objects = git.join("objects");
            fs::create_dir_all(&objects).and_then(|()| {
                fs::write(git.join("HEAD"), "ref: refs/heads/main\n")?;
                fs::write(objects.join("pack"), [0; 300])
            })
        }
        Deed::Ignore { place, name: what } => {
            let pattern = [chosen(&NAMES, *what).unwrap(), &b"/\n"[..]].concat();
            fs::write(directory(*place).join(".gitignore"), pattern)
        }
    };
}

/// Ones by which a directory can be gone into, whoever runs the test.
fn mode_of(number: u8) -> u32 {
    [0o700, 0o755, 0o1777, 0o2750, 0o744, 0o701][usize::from(number) % 6]
}

type Tree = BTreeMap<PathBuf, String>;

/// What each path was before the first of the spans in which it changed; each span is the tree before and after.
fn originals(spans: &[(Tree, Tree)]) -> BTreeMap<PathBuf, Option<String>> {
    let mut originals = BTreeMap::new();
    for (before, after) in spans {
        for path in before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)) {
            originals.entry(path.clone()).or_insert_with(|| before.get(path).cloned());
        }
    }
    originals
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_agents_work_is_undone_and_done_again(
        (before, spans) in course()
    ) {
        let bench = Bench::new();
        before.iter().for_each(|deed| act(&bench.root, deed));
        let first = fingerprint(&bench.root);
        let began = bench.capture();
        for (agent, _) in &spans {
            agent.iter().for_each(|deed| act(&bench.root, deed));
            bench.capture();
        }
        let (ended, last) = (bench.capture(), fingerprint(&bench.root));

        let undone = bench.undo(&[(began, ended)]);
        prop_assert!(undone.conflicts.is_empty() && undone.unsaved.is_empty(), "{undone:?}");
        let restored = bench.store.restore(&bench.scope, &undone.restore).unwrap();
        prop_assert!(restored.failed.is_empty(), "{restored:?}");
        prop_assert_eq!(fingerprint(&bench.root), first);
        prop_assert_eq!(bench.capture(), began);

        let again: Vec<Change> = undone.restore.into_iter().map(Change::reversed).collect();
        let restored = bench.store.restore(&bench.scope, &again).unwrap();
        prop_assert!(restored.failed.is_empty(), "{restored:?}");
        prop_assert_eq!(fingerprint(&bench.root), last);
        prop_assert_eq!(bench.capture(), ended);
    }

    #[test]
    fn the_users_work_stays(
        (before, spans) in course()
    ) {
        let mut bench = Bench::new();
        // Some of what is there is not saved.
        bench.scope.limits = Limits { file_bytes: 100_000, ignored_entries: 2, ..Limits::default() };
        before.iter().for_each(|deed| act(&bench.root, deed));
        let (mut changes, mut trees) = (Vec::new(), Vec::new());
        for (agent, user) in &spans {
            let (began, before) = (bench.capture(), fingerprint(&bench.root));
            agent.iter().for_each(|deed| act(&bench.root, deed));
            changes.push(bench.store.changes(&began, &bench.capture()).unwrap());
            trees.push((before, fingerprint(&bench.root)));
            user.iter().for_each(|deed| act(&bench.root, deed));
        }
        let originals = originals(&trees);
        let now_id = bench.capture();
        let paths = changes.iter().flatten().map(|change| change.path.as_path());
        let undone = undo(&changes, &bench.store.states(&now_id, paths).unwrap());
        let now = fingerprint(&bench.root);
        let restored = bench.store.restore(&bench.scope, &undone.restore).unwrap();
        let after = fingerprint(&bench.root);

        // Exactly what is said to be restored is as it was; all else is as the user left it.
        let mut expected = now.clone();
        for path in &restored.restored {
            match &originals[path] {
                Some(entry) => expected.insert(path.clone(), entry.clone()),
                None => expected.remove(path),
            };
        }
        prop_assert_eq!(&after, &expected, "{:?} {:?}", undone, restored);
        // Nothing that the agent changed is passed over in silence.
        for change in changes.iter().flatten() {
            let path = &change.path;
            let told = undone.conflicts.iter().any(|conflict| conflict.path == *path)
                || undone.unsaved.iter().any(|(unsaved, _)| unsaved == path)
                || restored.failed.iter().any(|(failed, _)| failed == path);
            let original = originals.get(path).cloned().flatten();
            prop_assert!(told || after.get(path) == original.as_ref(), "{}: {undone:?}", path.display());
        }
        let back: Vec<Change> = bench.store.changes(&now_id, &bench.capture()).unwrap();
        let again = bench.store.restore(&bench.scope, &back).unwrap();
        let unsaved = |failed: &[(PathBuf, NotRestored)]| {
            failed.first().is_some_and(|(_, why)| matches!(why, NotRestored::Unsaved(_)))
        };
        // What was not saved does not come again.
        prop_assert!(again.failed.is_empty() || unsaved(&again.failed), "{again:?}");
        if again.failed.is_empty() {
            prop_assert_eq!(fingerprint(&bench.root), now);
        }
    }
}
