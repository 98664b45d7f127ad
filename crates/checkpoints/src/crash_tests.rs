//! The store when its writer ends at any of its writes, and when several use it at once.

use std::{collections::HashSet, fs, path::PathBuf};

use rustix::fs::FlockOperation;

use crate::{Change, Checkpoints, Hash, SnapshotId, State, tests::Bench};

impl Bench {
    /// What another process would have of the store.
    fn reopened(&self) -> Checkpoints {
        Checkpoints::open(&self.root.parent().unwrap().join("home/checkpoints")).unwrap()
    }

    /// Writes files, all with other content than in another `round`.
    fn fill(&self, round: usize) {
        for number in 0..12 {
            self.put(&format!("d{}/f{number}", number % 3), &format!("{round} {number} ").repeat(40));
        }
    }

    fn bytes(&self) -> u64 {
        let files = fs::read_dir(self.root.parent().unwrap().join("home/checkpoints")).unwrap();
        files.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }
}

/// Reads all of a state from the store: each path with its content.
fn whole(store: &Checkpoints, id: &SnapshotId) -> Vec<(PathBuf, Vec<u8>)> {
    let mut objects = store.objects();
    objects.refresh().unwrap();
    let manifest = crate::diff::manifest(&mut objects, id).unwrap();
    drop(objects);
    let mut found = Vec::new();
    for (root, node) in manifest {
        let mut left = vec![(root, node)];
        while let Some((path, node)) = left.pop() {
            let state = node.state().unwrap();
            found.push((path.clone(), store.content(&state).unwrap()));
            if let crate::tree::Node::Directory { tree, .. } = node {
                let entries = crate::diff::tree(&mut store.objects(), &tree).unwrap();
                left.extend(entries.into_iter().map(|(name, node)| (path.join(name), node)));
            }
        }
    }
    found.sort();
    found
}

/// Does `work` with a store whose writer ends after no write, after one, and so on until it need not end any more.
fn at_every_write(bench: &Bench, mut work: impl FnMut(&Checkpoints) -> bool, mut check: impl FnMut()) -> u64 {
    for writes in 0.. {
        let store = bench.reopened();
        store.objects().disk.left = Some(writes);
        let finished = work(&store);
        drop(store);
        check();
        if finished {
            return writes;
        }
    }
    unreachable!()
}

#[test]
fn a_capture_that_is_killed_at_any_write_leaves_all_states_and_the_next_is_whole() {
    let bench = Bench::new();
    bench.fill(0);
    let first = bench.capture();
    let expected = whole(&bench.store, &first);
    let mut round = 0;
    let ends = at_every_write(
        &bench,
        |store| {
            round += 1;
            bench.fill(round);
            store.capture(&bench.scope).is_ok()
        },
        || {
            let store = bench.reopened();
            assert_eq!(whole(&store, &first), expected);
            let now = store.capture(&bench.scope).unwrap().id;
            let back: Vec<Change> = store.changes(&first, &now).unwrap();
            assert!(store.restore(&bench.scope, &back).unwrap().failed.is_empty());
            assert_eq!(store.capture(&bench.scope).unwrap().id, first);
            assert_eq!(whole(&bench.reopened(), &now).len(), expected.len());
        },
    );
    assert!(ends > 20, "there are only {ends} writes");
}

#[test]
fn what_nobody_wants_is_given_back_and_a_kill_while_it_is_loses_nothing() {
    let bench = Bench::new();
    let mut states = Vec::new();
    for round in 0..6 {
        bench.fill(round);
        states.push(bench.capture());
    }
    let keep = [states[1], states[4]];
    let expected = keep.map(|id| whole(&bench.store, &id));
    let before = bench.bytes();
    let unknown = SnapshotId(Hash::of(b"nothing"));
    let ends = at_every_write(
        &bench,
        |store| store.collect_older(&[keep[0], unknown, keep[1]], 0).is_ok(),
        || {
            let store = bench.reopened();
            assert_eq!(keep.map(|id| whole(&store, &id)), expected);
            // What is left half removed is not taken for whole.
            let now = store.capture(&bench.scope).unwrap().id;
            assert_eq!(whole(&bench.reopened(), &now).len(), expected[0].len());
        },
    );
    assert!(ends > 5, "there are only {ends} writes");
    let collected = bench.reopened().collect_older(&keep, 0).unwrap();
    assert!(bench.bytes() < before / 2, "{before} {}", bench.bytes());
    assert!(collected.after <= bench.bytes());
    // The process that had them before sees that they are gone, and captures them again.
    assert!(bench.store.capture(&bench.scope).is_ok());
    assert!(bench.store.changes(&states[0], &states[1]).is_err());
    bench.fill(0);
    let again = bench.capture();
    assert_eq!(again, states[0]);
    assert_eq!(whole(&bench.reopened(), &again).len(), expected[0].len());
}

#[test]
fn states_of_the_last_hour_are_kept_unasked() {
    let bench = Bench::new();
    bench.fill(0);
    let id = bench.capture();
    bench.fill(1);
    bench.capture();
    bench.store.collect(&[]).unwrap();
    assert!(whole(&bench.reopened(), &id).len() > 12);
}

#[test]
fn the_store_is_tidied_once_a_day_and_never_beside_its_use() {
    let bench = Bench::new();
    bench.fill(0);
    let id = bench.capture();
    let mark = bench.root.parent().unwrap().join("home/checkpoints/tidied");
    let long_ago = || {
        let file = fs::File::options().write(true).open(&mark).unwrap();
        file.set_times(fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH)).unwrap();
    };
    assert!(bench.store.tidy(30).unwrap().is_some());
    assert_eq!(bench.store.tidy(30).unwrap(), None);
    long_ago();
    let in_use = bench.reopened().objects().lock("use", FlockOperation::LockShared).unwrap();
    assert_eq!(bench.store.tidy(30).unwrap(), None);
    drop(in_use);
    long_ago();
    assert!(bench.store.tidy(30).unwrap().is_some());
    assert!(whole(&bench.store, &id).len() > 12, "it is younger than 30 days");
}

#[test]
fn branches_that_were_saved_go_when_they_are_older_than_states_may_be() {
    let bench = Bench::new();
    let bundle = bench.root.parent().unwrap().join("home/checkpoints/1.bundle");
    let mark = bundle.with_file_name("tidied");
    fs::write(&bundle, "").unwrap();
    let two_days_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    fs::File::open(&bundle).unwrap().set_modified(two_days_ago).unwrap();
    for (days, is_there) in [(3, true), (1, false)] {
        bench.store.tidy(days).unwrap().unwrap();
        assert_eq!(bundle.exists(), is_there, "{days}");
        fs::remove_file(&mark).unwrap();
    }
}

#[test]
fn many_use_one_store_at_once() {
    let bench = Bench::new();
    bench.fill(0);
    let kept = bench.capture();
    let expected = whole(&bench.store, &kept);
    let benches: Vec<Bench> = (0..4).map(|_| Bench::with(bench.reopened())).collect();
    let work = &|number: usize, own: &Bench| -> Vec<SnapshotId> {
        let state = |round: usize| {
            own.fill(number * 100 + round);
            let id = own.capture();
            if round % 4 == number {
                own.store.collect(&[kept]).unwrap();
            }
            id
        };
        (0..12).map(state).collect()
    };
    let all: Vec<SnapshotId> = std::thread::scope(|scope| {
        let start = |(number, own)| scope.spawn(move || work(number, own));
        let threads: Vec<_> = benches.iter().enumerate().map(start).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let store = bench.reopened();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 48);
    for id in all {
        assert_eq!(whole(&store, &id).len(), expected.len());
    }
    assert_eq!(whole(&store, &kept), expected);
}

#[test]
fn what_was_damaged_is_never_handed_out() {
    let bench = Bench::new();
    bench.put("file", &"some content\n".repeat(100));
    let id = bench.capture();
    let path = bench.root.join("file");
    let state = bench.store.states(&id, [path.as_path()]).unwrap().remove(&path).unwrap();
    let content = bench.store.content(&state).unwrap();
    let home = bench.root.parent().unwrap().join("home/checkpoints");
    let packs = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path());
    for pack in packs.filter(|path| path.extension().is_some_and(|extension| extension == "pack")) {
        let bytes = fs::read(&pack).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            fs::write(&pack, damaged).unwrap();
            // Another object may be the one that was hit.
            if let Ok(read) = bench.reopened().objects().read(&hash(&state)) {
                assert_eq!(read, content, "{at}");
            }
        }
        // As after a power failure, which an index may survive.
        fs::write(&pack, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(bench.reopened().capture(&bench.scope).unwrap().id, id);
        assert!(whole(&bench.reopened(), &id).iter().any(|(_, read)| *read == content));
    }
}

fn hash(state: &State) -> Hash {
    match state {
        State::File { hash, .. } => *hash,
        _ => unreachable!(),
    }
}
