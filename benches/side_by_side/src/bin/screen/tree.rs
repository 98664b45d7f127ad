//! The processes that this one has started, with all of theirs: what they hold in memory and how often they wake.

use std::{collections::HashMap, fs, process};

/// A thread, by the ids of its process and of itself.
type Thread = (u32, u32);

/// Ids of all processes below this one.
pub(crate) fn processes() -> Vec<u32> {
    let mut found = children(process::id());
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

/// Bytes of memory of all of them: what several processes share is divided among these (PSS).
pub(crate) fn memory() -> u64 {
    let of = |pid| field(&format!("/proc/{pid}/smaps_rollup"), "Pss:").unwrap_or_default() * 1024;
    processes().into_iter().map(of).sum()
}

/// The most that the largest of them ever had resident, in bytes.
pub(crate) fn peak() -> u64 {
    let of = |pid| field(&format!("/proc/{pid}/status"), "VmHWM:").unwrap_or_default() * 1024;
    processes().into_iter().map(of).max().unwrap_or_default()
}

/// How often each of their threads has waited for something until now. Each time, something wakes it.
pub(crate) fn waits() -> HashMap<Thread, u64> {
    let of = |(pid, tid): Thread| {
        Some(((pid, tid), field(&format!("/proc/{pid}/task/{tid}/status"), "voluntary_ctxt_switches:")?))
    };
    threads().into_iter().filter_map(of).collect()
}

/// How much more `later` is than `earlier`.
pub(crate) fn more_waits(earlier: &HashMap<Thread, u64>, later: &HashMap<Thread, u64>) -> u64 {
    later.iter().map(|(thread, count)| count - earlier.get(thread).unwrap_or(&0)).sum()
}

/// Microseconds of processor time of all threads that live: for where there is no control group.
pub(crate) fn living_cpu_us() -> i64 {
    let of = |(pid, tid): Thread| -> Option<i64> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
        Some(text.split(' ').next()?.parse::<i64>().ok()? / 1000)
    };
    threads().into_iter().filter_map(of).sum()
}

fn threads() -> Vec<Thread> {
    let of = |pid: u32| tasks(pid).into_iter().map(move |tid| (pid, tid));
    processes().into_iter().flat_map(of).collect()
}

fn children(pid: u32) -> Vec<u32> {
    let of = |tid: u32| fs::read_to_string(format!("/proc/{pid}/task/{tid}/children")).unwrap_or_default();
    let ids = |text: String| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>();
    tasks(pid).into_iter().map(of).flat_map(ids).collect()
}

/// Ids of the threads of a process: none if it has gone.
fn tasks(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The number behind `name` in a file of lines.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
