//! Runs one row once: plain or behind the walls of one mode, as one user, and says what could be seen afterwards.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    data::{Mode, PRELUDE, Row, Rung, Script, User},
    place::{ORDINARY, Place},
};
use crate::older_kernel::{Missing, without};

/// What the attack prints first: it did start.
const STARTED: &str = "ATTACK STARTED";

/// Seconds after which an attack is ended; none takes that long.
const LIMIT: &str = "30";

/// Becomes `codex`, or the shell of the attack itself. Gets the command as its arguments.
const LAUNCH: &str = "exec 2>&1\nexec timeout --foreground -s KILL \"$@\"";

/// The same for who sits at a terminal: afterwards its shell reads what was typed, and how the terminal is set.
const LAUNCH_AT_TERMINAL: &str = "(exec timeout --foreground -s KILL \"$@\" </dev/null 2>&1)
if read -t 0; then IFS= read -r -t 1 typed; echo \"$typed\" > $RESULTS/typed; fi
stty -a > $RESULTS/settings";

/// Before the launcher: a `/proc` of which something is covered, as containers do it, so that no fresh one may be
/// mounted. Starts as root and goes on as the user who is named.
const WITHOUT_FRESH_PROC: &str = "mount -t tmpfs none /proc/scsi 2> /dev/null || mount -t tmpfs none /proc/fs || exit
user=$1; shift; exec setpriv --reuid $user --regid $user --clear-groups -- \"$@\"";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The check holds: the attack got out, the control works.
    Holds,
    /// It ran, and the check does not hold.
    DoesNot,
    /// The sandbox did not run it.
    NotStarted,
}

/// The program, and the directories in which both users can be.
pub struct Ground {
    pub program: PathBuf,
    pub parent: PathBuf,
    /// The tests run as root, so that they can be another user as well.
    pub is_root: bool,
    /// What the program knows of the machine, for each user.
    pub remembered: BTreeMap<User, Vec<u8>>,
}

impl Ground {
    pub fn new(program: PathBuf, parent: PathBuf, is_root: bool) -> Self {
        let mut ground = Self { program, parent, is_root, remembered: BTreeMap::new() };
        for user in User::ALL.into_iter().filter(|user| is_root || *user == User::Ordinary) {
            let place = Place::new(&ground.parent, user, is_root, false);
            let mut codex = command(&place, &ground.program);
            codex.args(["sandbox", "-s", "read-only", "--", "true"]).stdin(Stdio::null());
            assert!(codex.status().unwrap().success(), "the sandbox does not work here");
            ground.remembered.extend(place.remembered().map(|remembered| (user, remembered)));
        }
        ground
    }
}

/// Runs `row`; without `walls` without any. What was printed comes with it. The rung without a fresh `/proc` needs root,
/// to be made; that of Landlock alone is made by a filter, as containers have it.
pub fn run(ground: &Ground, row: &Row, user: User, walls: Option<(Rung, Mode)>) -> (Outcome, String) {
    let mut place = Place::new(&ground.parent, user, ground.is_root, row.terminal);
    place.environment.extend(row.environment.clone());
    let setup = outside(&place, &row.setup);
    assert!(setup.0, "{}: its setup fails: {}", row.id, setup.1);
    if let Some(remembered) = ground.remembered.get(&user)
        && walls.is_some_and(|(rung, _)| rung == Rung::Full)
    {
        place.remember(remembered);
    }
    let missing: &[Missing] = match walls {
        Some((Rung::LandlockOnly, _)) => &[Missing::Namespaces],
        _ => &[],
    };
    without(missing, || launch(ground, row, &mut place, walls));
    place.note();
    let (holds, said) = outside(&place, &row.check);
    place.end_processes();
    let output = place.output();
    let outcome = match (output.contains(STARTED), holds) {
        (false, _) => Outcome::NotStarted,
        (true, true) => Outcome::Holds,
        (true, false) => Outcome::DoesNot,
    };
    (outcome, format!("{output}{said}"))
}

/// Whether a row can be proven here, for this user.
pub fn is_possible(ground: &Ground, row: &Row, user: User) -> bool {
    let Some(needs) = &row.needs else { return true };
    let mut place = Place::new(&ground.parent, user, ground.is_root, false);
    place.environment.extend(row.environment.clone());
    outside(&place, needs).0
}

#[allow(clippy::disallowed_methods, reason = "attacks are processes, and so is the program under test")]
fn command(place: &Place, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear().envs(&place.environment).current_dir(&place.workspace);
    if place.owner.is_some() {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    command
}

/// Runs a script of the test's own: whether it ends well, and what it says.
fn outside(place: &Place, script: &str) -> (bool, String) {
    if script.is_empty() {
        return (true, String::new());
    }
    let said = place.results.join("said");
    let output = File::create(&said).unwrap();
    let mut shell = command(place, "/bin/bash");
    shell.args(["-c", script]).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let status = shell.status().unwrap();
    (status.success(), fs::read_to_string(said).unwrap_or_default())
}

fn launch(ground: &Ground, row: &Row, place: &mut Place, walls: Option<(Rung, Mode)>) {
    let rung = walls.map_or(Rung::Full, |(rung, _)| rung);
    let owner = place.owner;
    // Covering something of /proc takes root.
    place.owner = owner.filter(|_| rung != Rung::WithoutFreshProc);
    let mut words: Vec<String> = Vec::new();
    let mut say = |list: &[&str]| words.extend(list.iter().map(|word| (*word).to_owned()));
    if place.terminal.is_some() {
        say(&["setsid", "-c", "-w"]);
    }
    let number = owner.unwrap_or_default().to_string();
    match rung {
        Rung::Full | Rung::LandlockOnly => {}
        Rung::WithoutFreshProc => say(&["unshare", "-m", "bash", "-c", WITHOUT_FRESH_PROC, "rung", &number]),
    }
    let launcher = if place.terminal.is_some() { LAUNCH_AT_TERMINAL } else { LAUNCH };
    say(&["bash", "-c", &format!("{}\n{launcher}", row.before), "launcher", LIMIT]);
    if let Some((rung, mode)) = walls {
        say(&[ground.program.to_str().unwrap(), "sandbox", "-s", mode.name()]);
        if rung == Rung::LandlockOnly {
            say(&["-c", "sandbox.allow_weak=true"]);
        }
        say(&["--"]);
    }
    say(&["bash", "-c", &script(row, place)]);
    let mut shell = command(place, "/usr/bin/env");
    shell.args(words).env_remove("BAIT");
    place.owner = owner;
    if let Some(directory) = &row.directory {
        let place = &place.environment;
        shell.current_dir(
            place.iter().fold(directory.clone(), |text, (name, value)| text.replace(&format!("${name}"), value)),
        );
    }
    let output = File::create(place.results.join("output")).unwrap();
    match &row.late {
        Some(late) => run_and_interrupt(shell, output, place, late),
        None => {
            let input = place.terminal.as_ref().map(|(_, shell)| shell.try_clone().unwrap().into());
            shell.stdin(input.unwrap_or_else(Stdio::null)).stdout(output);
            shell.status().unwrap();
        }
    }
}

/// What to run inside, as a script for a shell.
fn script(row: &Row, place: &Place) -> String {
    match &row.script {
        Script::Shell(script) => format!("echo {STARTED}\n{script}"),
        Script::Python(script) => {
            let file = place.results.join("attack.py");
            fs::write(&file, format!("{PRELUDE}{script}")).unwrap();
            format!("echo {STARTED}\nexec python3 -ISB {}", file.display())
        }
    }
}

/// Runs `late` while the command waits for the end of its input.
fn run_and_interrupt(mut shell: Command, mut output: File, place: &mut Place, late: &str) {
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim_end() != "READY" {
        line.clear();
        if from.read_line(&mut line).unwrap() == 0 {
            break;
        }
        output.write_all(line.as_bytes()).unwrap();
    }
    place.open_late();
    let (went_well, said) = outside(place, late);
    drop(input);
    let mut rest = Vec::new();
    from.read_to_end(&mut rest).unwrap();
    output.write_all(&rest).unwrap();
    child.wait().unwrap();
    assert!(went_well, "what happens meanwhile fails: {said}");
}
