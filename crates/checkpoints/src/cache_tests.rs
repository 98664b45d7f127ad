//! What is not read again, and what is.

use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::MetadataExt,
    time::SystemTime,
};

use crate::{
    Checkpoints, Limits, State, Why,
    tests::{Bench, fingerprint},
};

/// Makes all files old enough to be taken for unchanged, without waiting: time of change cannot be set, so that they are
/// captured until the clock has gone on.
fn settle(bench: &Bench) {
    while bench.store.capture(&bench.scope).unwrap().read > 0 {}
}

#[test]
fn what_did_not_change_is_not_read_again_by_this_process_or_the_next() {
    let bench = Bench::new();
    for number in 0..50 {
        bench.put(&format!("d{}/{number}", number % 7), &number.to_string());
    }
    settle(&bench);
    let id = bench.capture();
    let next = Checkpoints::open(&bench.root.parent().unwrap().join("home/checkpoints")).unwrap();
    let captured = next.capture(&bench.scope).unwrap();
    assert_eq!((captured.id, captured.read), (id, 0));
    bench.put("d3/3", "x");
    let changed = bench.store.capture(&bench.scope).unwrap();
    assert_eq!((changed.read, changed.id == id), (1, false));
    bench.put("d3/3", "3");
    assert_eq!(bench.capture(), id);
}

#[test]
fn a_change_that_leaves_length_and_time_of_writing_is_seen() {
    let bench = Bench::new();
    let path = bench.root.join("file");
    let time = SystemTime::UNIX_EPOCH;
    let mut last = None;
    for number in 100..400 {
        bench.put("file", &number.to_string());
        File::options().write(true).open(&path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
        let id = bench.capture();
        let state = bench.store.states(&id, [path.as_path()]).unwrap().remove(&path);
        let content = bench.store.content(&state.unwrap()).unwrap();
        assert_eq!(String::from_utf8(content).unwrap(), number.to_string());
        assert_ne!(last.replace(id), Some(id), "{number}");
    }
}

#[test]
fn another_file_by_the_same_name_is_read() {
    let bench = Bench::new();
    bench.put("one", "1");
    bench.put("two", "2");
    settle(&bench);
    let path = |name: &str| bench.root.join(name);
    fs::rename(path("one"), path("three")).unwrap();
    fs::rename(path("two"), path("one")).unwrap();
    let id = bench.capture();
    let states = bench.store.states(&id, [path("one").as_path()]).unwrap();
    assert_eq!(bench.store.content(&states[&path("one")]).unwrap(), b"2");
}

#[test]
fn a_cache_that_is_damaged_or_of_lost_objects_is_not_believed() {
    let bench = Bench::new();
    bench.put("d/file", "content");
    let home = bench.root.parent().unwrap().join("home/checkpoints");
    let files = |extension: &str| -> Vec<_> {
        let all = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
    };
    settle(&bench);
    let id = bench.capture();
    let cache = files("stat").remove(0);
    assert_eq!((files("stat").len(), cache.metadata().unwrap().mode() & 0o777), (1, 0o600));
    let whole = fs::read(&cache).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        for bytes in [&damaged[..], &whole[..at]] {
            fs::write(&cache, bytes).unwrap();
            assert_eq!(Checkpoints::open(&home).unwrap().capture(&bench.scope).unwrap().id, id, "{at}");
        }
    }
    fs::write(&cache, &whole).unwrap();
    for file in [files("pack"), files("index")].concat() {
        fs::remove_file(file).unwrap();
    }
    for store in [&bench.store, &Checkpoints::open(&home).unwrap()] {
        assert_eq!(store.capture(&bench.scope).unwrap().id, id);
        let path = bench.root.join("d/file");
        let state = store.states(&id, [path.as_path()]).unwrap().remove(&path).unwrap();
        assert_eq!(store.content(&state).unwrap(), b"content");
    }
}

#[test]
fn a_directory_that_was_too_large_is_not_gone_through_again_until_it_is_another() {
    let mut bench = Bench::new();
    bench.scope.limits = Limits { ignored_entries: 2, ..Limits::default() };
    bench.put(".gitignore", "out\n");
    for name in ["a", "b", "c"] {
        bench.put(&format!("out/{name}"), "x");
    }
    let path = bench.root.join("out");
    let is_saved = |bench: &Bench| {
        let id = bench.capture();
        bench.store.states(&id, [path.as_path()]).unwrap()[&path].is_saved()
    };
    assert!(!is_saved(&bench));
    fs::remove_file(path.join("a")).unwrap();
    assert!(!is_saved(&bench), "it was small for a moment");
    let aside = bench.root.join("aside");
    fs::rename(&path, &aside).unwrap();
    bench.put("out/b", "x");
    assert!(is_saved(&bench));
    // No rule ignores it any more.
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    fs::remove_file(bench.root.join(".gitignore")).unwrap();
    assert!(is_saved(&bench));
    let mode = State::Directory { mode: path.metadata().unwrap().mode() & 0o7777 };
    assert_eq!(bench.store.states(&bench.capture(), [path.as_path()]).unwrap()[&path], mode);
}

#[test]
fn a_large_directory_that_is_about_to_go_is_saved_whole() {
    let mut bench = Bench::new();
    bench.scope.limits = Limits { ignored_entries: 2, whole_entries: 4, ..Limits::default() };
    bench.put(".gitignore", "out\nhuge\n");
    for name in ["a", "b", "c", "d", "e"] {
        bench.put(&format!("out/{name}"), name);
        bench.put(&format!("huge/{name}"), name);
    }
    fs::remove_file(bench.root.join("out/e")).unwrap();
    let (out, huge) = (bench.root.join("out"), bench.root.join("huge"));
    let usual = bench.store.capture(&bench.scope).unwrap();
    assert_eq!(bench.names(usual.omitted.iter().map(|omitted| &omitted.path)), ["huge", "out"]);
    let refused = Some(Why::IgnoredDirectory { entries: 5, bytes: 5 });
    assert_eq!([&out, &huge].map(|path| bench.scope.why_not_whole(path)), [None, refused]);
    assert_eq!(bench.scope.why_not_whole(&bench.root.join("gone")), None);

    bench.scope.whole = vec![out.clone(), huge.clone()];
    let first = fingerprint(&bench.root);
    let before = bench.store.capture(&bench.scope).unwrap();
    assert_eq!(bench.names(before.omitted.iter().map(|omitted| &omitted.path)), ["huge"]);
    fs::remove_dir_all(&out).unwrap();
    let undone = bench.undo(&[(before.id, bench.capture())]);
    assert!(bench.store.restore(&bench.scope, &undone.restore).unwrap().failed.is_empty());
    assert_eq!(fingerprint(&bench.root), first);
}
