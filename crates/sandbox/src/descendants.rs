//! Ending a process tree without a PID namespace to hold it (unconfined commands).
//!
//! The caller is a subreaper, so every descendant stays below it whatever sessions it made. It must never touch a
//! process that is not a descendant.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

/// Sends `SIGKILL` to all descendants of the caller that exist now, and to the process group of `command`.
///
/// A process may fork between being seen and being killed; the caller therefore repeats this each time a child ends,
/// until it has none.
pub(crate) fn kill(command: Pid) {
    // Errors: it is gone already, or (a set-user-ID program) not ours to kill; then its end is waited for.
    let _ = kill_process_group(command, Signal::KILL);
    for pid in below(getpid().as_raw_nonzero().get(), &parents()) {
        if let Some(pid) = Pid::from_raw(pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Each process with its parent, from `/proc/*/stat` (`/proc/*/children` is not in every kernel).
fn parents() -> BTreeMap<i32, i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes
        .filter_map(|pid: i32| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect()
}

/// The fourth field. The second, the name, is in brackets and may itself hold brackets and spaces.
fn parent(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

fn below(root: i32, parents: &BTreeMap<i32, i32>) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    loop {
        let next: Vec<i32> = parents
            .iter()
            .filter(|(pid, parent)| (**parent == root || found.contains(*parent)) && !found.contains(*pid))
            .map(|(pid, _)| *pid)
            .collect();
        if next.is_empty() {
            return found;
        }
        found.extend(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_past_any_name() {
        let cases = [("12 (sh) S 7 12", Some(7)), ("12 (a) b (c) d) R 9 1", Some(9)), ("12", None), ("12 (x)", None)];
        for (stat, expected) in cases {
            assert_eq!(parent(stat), expected, "{stat}");
        }
    }

    #[test]
    fn only_descendants_are_found() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1), (9, 4), (10, 8)].into();
        assert_eq!(below(2, &parents), BTreeSet::from([3, 4, 9]));
        assert_eq!(below(5, &parents), BTreeSet::new());
    }
}
