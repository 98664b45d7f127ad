//! Attacks on the sandbox, and what must go on working in it: `attacks/*.toml`, a row each.
//!
//! Every attack is first proven to get out without the sandbox; one that does not proves nothing, and is an error. Then
//! it runs behind `codex sandbox`, which gives it the walls that the agent's commands have. `docs/sandbox-attacks.md`
//! carries the table and every escape that is known; one that no longer escapes must leave that list.
//!
//! `ATTACKS=ID,ID` runs these rows alone.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]
#![allow(clippy::print_stdout, reason = "the table of what was seen is the point")]

mod data;
mod document;
mod place;
mod run;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use data::{CLASSES, CONTROLS, Kind, Mode, Row, Rung, User, Weaker, rows, weaker};
use run::{Ground, Outcome, is_possible, run};

/// Programs without which the controls would say little: where one of them is missing, that is an error.
const EXPECTED: [&str; 3] = ["bash", "git", "python3"];

/// What became of one row for one user.
struct Report {
    row: usize,
    user: User,
    result: Result<Vec<(Mode, bool)>, &'static str>,
    problems: Vec<String>,
}

/// Where to work: a directory that is seen in the sandbox and that both users can reach, with the program in reach too.
/// For root it lies outside the checkout, whose directories would otherwise be looked through for each attack.
fn ground(directory: &mut Option<tempfile::TempDir>) -> Ground {
    let is_root = rustix::process::geteuid().is_root();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_codex"));
    if !is_root {
        let made = directory.insert(tempfile::tempdir_in(super::sandbox::visible_directory()).unwrap());
        open(made.path());
        return Ground::new(program, made.path().into(), is_root);
    }
    let made = directory.insert(tempfile::tempdir_in("/opt").unwrap());
    open(made.path());
    let copy = made.path().join("codex");
    fs::hard_link(&program, &copy).or_else(|_| fs::copy(&program, &copy).map(drop)).unwrap();
    Ground::new(copy, made.path().into(), is_root)
}

fn open(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

fn is_as_it_should(row: &Row, outcome: &Outcome) -> bool {
    match (row.kind, outcome) {
        (_, Outcome::NotStarted) => row.may_refuse,
        (Kind::Attack, outcome) => *outcome == Outcome::DoesNot,
        (Kind::Control, outcome) => *outcome == Outcome::Holds,
    }
}

/// One row, as one user: without walls, then in each mode.
fn attempt(ground: &Ground, number: usize, row: &Row, user: User) -> Report {
    let mut report = Report { row: number, user, result: Ok(Vec::new()), problems: Vec::new() };
    if !is_possible(ground, row, user) {
        report.result = Err("not possible here");
        return report;
    }
    let name = |mode: &str| format!("{} as {} ({mode}): ", row.id, user.name());
    let (plain, output) = run(ground, row, user, None);
    if plain != Outcome::Holds {
        report.problems.push(format!("{}it proves nothing, {plain:?} without walls: {output}", name("plain")));
        return report;
    }
    for mode in &row.modes {
        let (outcome, output) = run(ground, row, user, Some((Rung::Full, *mode)));
        let as_it_should = is_as_it_should(row, &outcome);
        let name = name(mode.name());
        match (as_it_should, row.known(*mode, user), row.kind) {
            (true, Some(_), _) => {
                report.problems.push(format!("{name}no longer so: take it off the list of the known"))
            }
            (false, None, Kind::Attack) => report.problems.push(format!("{name}{outcome:?}, it escaped: {output}")),
            (false, None, Kind::Control) => {
                report.problems.push(format!("{name}{outcome:?}, it does not work: {output}"))
            }
            _ => {}
        }
        if let Ok(results) = &mut report.result {
            results.push((*mode, as_it_should));
        }
    }
    report
}

#[allow(clippy::disallowed_methods, reason = "which rows to run is for who runs the test to say")]
fn is_chosen(row: &Row) -> bool {
    let chosen = std::env::var("ATTACKS");
    chosen.map_or(true, |chosen| chosen.split(',').any(|word| word == row.id || word == row.class))
}

/// How many attacks run at a time for each processor. They wait for the kernel, which makes and removes namespaces, more
/// than they work.
const HANDS: usize = 4;

/// Does every job, by [`HANDS`] for each processor.
fn all<Job: Sync, Done: Send>(jobs: &[Job], work: impl Fn(&Job) -> Done + Sync) -> Vec<Done> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..HANDS * thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(job);
                    done.lock().unwrap().push(result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

fn attempt_all(ground: &Ground, rows: &[Row], kind: Kind) -> Vec<Report> {
    let users = if ground.is_root { &User::ALL[..] } else { &[User::Ordinary] };
    let chosen = rows.iter().enumerate().filter(|(_, row)| row.kind == kind && is_chosen(row));
    let jobs: Vec<(usize, &Row, User)> = chosen
        .flat_map(|(number, row)| users.iter().map(move |user| (number, row, *user)))
        .filter(|(_, row, user)| row.users.contains(user))
        .collect();
    let mut reports = all(&jobs, |(number, row, user)| attempt(ground, *number, row, *user));
    reports.sort_by_key(|report| (report.row, report.user));
    reports
}

/// Prints what was seen and fails if it is not what the data say.
fn conclude(rows: &[Row], reports: &[Report]) {
    let mut table: BTreeMap<(usize, Mode, User), (u32, u32)> = BTreeMap::new();
    for report in reports {
        let row = &rows[report.row];
        match &report.result {
            Err(why) => println!("{} as {}: {why}", row.id, report.user.name()),
            Ok(results) => {
                let class = CLASSES.iter().position(|class| *class == row.class).unwrap_or(CLASSES.len());
                for (mode, as_it_should) in results {
                    let (good, all) = table.entry((class, *mode, report.user)).or_default();
                    *good += u32::from(*as_it_should);
                    *all += 1;
                }
            }
        }
    }
    for ((class, mode, user), (good, all)) in table {
        let class = CLASSES.get(class).copied().unwrap_or(CONTROLS);
        println!("{class}, {}, {}: {good}/{all}", mode.name(), user.name());
    }
    let problems: Vec<&str> = reports.iter().flat_map(|report| &report.problems).map(String::as_str).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn attacks_are_contained_but_for_those_that_are_known() {
    not_inside_another_sandbox!();
    let (rows, mut directory) = (rows(), None);
    let ground = ground(&mut directory);
    conclude(&rows, &attempt_all(&ground, &rows, Kind::Attack));
}

#[test]
fn what_people_do_works_inside() {
    not_inside_another_sandbox!();
    let (rows, mut directory) = (rows(), None);
    let ground = ground(&mut directory);
    for program in EXPECTED {
        let found = place::PATH.split(':').any(|folder| Path::new(folder).join(program).exists());
        assert!(found, "{program} is not installed: the controls need it");
    }
    conclude(&rows, &attempt_all(&ground, &rows, Kind::Control));
}

/// The two weaker rungs, made here as containers make them, in both modes, as root and as an ordinary user.
#[test]
fn weaker_rungs_let_through_what_they_are_known_for() {
    not_inside_another_sandbox!();
    let (rows, mut directory) = (rows(), None);
    let ground = ground(&mut directory);
    let (rungs, users) = if ground.is_root {
        (&Rung::WEAKER[..], &User::ALL[..])
    } else {
        println!("not run: the rung without a fresh /proc is made by root");
        (&[Rung::LandlockOnly][..], &[User::Ordinary][..])
    };
    let list = weaker(&rows);
    let jobs: Vec<(&Row, User)> = rows
        .iter()
        .filter(|row| !row.only_full && is_chosen(row))
        .flat_map(|row| users.iter().map(move |user| (row, *user)))
        .filter(|(row, user)| row.users.contains(user))
        .collect();
    let problems = all(&jobs, |(row, user)| {
        if !is_possible(&ground, row, *user) {
            return Vec::new();
        }
        let walls = rungs.iter().flat_map(|rung| row.modes.iter().map(move |mode| (*rung, *mode)));
        walls.filter_map(|walls| weakness(&ground, row, *user, walls, &list)).collect()
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// What is not as `list` and the row's own say.
fn weakness(ground: &Ground, row: &Row, user: User, (rung, mode): (Rung, Mode), list: &[Weaker]) -> Option<String> {
    let (outcome, output) = run(ground, row, user, Some((rung, mode)));
    let is_it = |weaker: &Weaker| {
        let there = weaker.rung == rung && weaker.modes.contains(&mode) && weaker.users.contains(&user);
        there && weaker.ids.contains(&row.id)
    };
    let listed = list.iter().any(is_it);
    let expected = row.known(mode, user).is_none() && !listed;
    let name = format!("{} as {} on the rung \"{}\" ({})", row.id, user.name(), rung.name(), mode.name());
    match (is_as_it_should(row, &outcome), expected) {
        (true, false) if listed => Some(format!("{name}: no longer so, take it off the list")),
        (false, true) => Some(format!("{name}: {outcome:?}: {output}")),
        _ => None,
    }
}
