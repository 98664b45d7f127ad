//! How long states of a tree of 100,000 files take: `cargo bench -p codex-checkpoints`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement says what it found, or ends")]

use std::{fs, path::Path, time::Instant};

use codex_checkpoints::{Checkpoints, Limits, Scope};

const FILES: usize = 100_000;
const IN_A_DIRECTORY: usize = 20;

/// Text of about 4 KB that is not the same in any two files.
fn content(number: usize) -> String {
    (0..64).map(|line| format!("line {line} of file {number}: let value = {};\n", number * 31 + line * 7)).collect()
}

/// Processor time of this process so far, in milliseconds (proc_pid_stat(5), fields 14 and 15; ticks of 10 ms).
fn processor_time() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, before) = (Instant::now(), processor_time());
    let done = work();
    let (wall, processor) = (start.elapsed().as_secs_f64() * 1e3, processor_time() - before);
    println!("{what:<30} {wall:>8.1} ms, {processor:>5} ms of processor time");
    done
}

fn path(root: &Path, number: usize) -> std::path::PathBuf {
    let directory = number / IN_A_DIRECTORY;
    root.join(format!("part-{}/module-{}/file-{number}.rs", directory % 50, directory / 50))
}

fn main() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().canonicalize().unwrap();
    let (root, home) = (base.join("w"), base.join("checkpoints"));
    for number in 0..FILES {
        let path = path(&root, number);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content(number)).unwrap();
    }
    let scope =
        Scope { roots: vec![root.clone()], excluded: vec![], stubs: vec![], whole: vec![], limits: Limits::default() };
    let store = Checkpoints::open(&home).unwrap();
    let first = timed("first snapshot", || store.capture(&scope).unwrap());
    println!("files read: {}", first.read);
    timed("unchanged, once more", || store.capture(&scope).unwrap());
    let id = timed("unchanged", || store.capture(&scope).unwrap()).id;
    let next = Checkpoints::open(&home).unwrap();
    timed("unchanged, by a new process", || next.capture(&scope).unwrap());
    for number in (0..FILES).step_by(10_000) {
        fs::write(path(&root, number), "changed\n").unwrap();
    }
    let changed = timed("ten files changed", || store.capture(&scope).unwrap()).id;
    let changes = timed("what differs", || store.changes(&id, &changed).unwrap());
    println!("changes: {}", changes.len());
    let restored = timed("ten files restored", || store.restore(&scope, &changes).unwrap());
    println!("restored: {}", restored.restored.len());
    for number in (0..FILES).step_by(100) {
        fs::write(path(&root, number), "changed again\n").unwrap();
    }
    timed("a thousand files changed", || store.capture(&scope).unwrap());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    println!(
        "{}",
        status
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let size: u64 = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    println!("store: {} KB", size / 1024);
}
