//! A home that is full, cannot be written, or holds times that make no sense.

use std::{
    fs::{self, File, FileTimes},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use codex_testkit::Finished;
use serde_json::{Value, json};

use super::{answers, ended, every_call_has_its_answer, has_begun, is_recorded, resumed, run};
use crate::support::Place;

/// How a mount namespace of one's own is had: as any user, else as root.
const WAYS: [&str; 2] = ["-Urm", "-m"];

#[allow(clippy::disallowed_methods, reason = "a disk that is full is made by the test")]
fn unshare(way: &str, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([way, "sh", "-euc", script]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::null());
    command
}

/// How file systems can be mounted here, or none, which is said.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn way_to_mount() -> Option<&'static str> {
    let works = |way: &&str| {
        let tried = unshare(way, "mount -t tmpfs tmpfs /mnt").output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let way = WAYS.into_iter().find(works);
    if way.is_none() {
        eprintln!("skipped: `unshare {}` and `mount` are not allowed here", WAYS.join("` or `"));
    }
    way
}

/// Runs `script` in a mount namespace where `$HOME` is a small file system of its own with the place's settings in it.
fn on_small_disk(place: &Place, way: &str, script: &str) -> Finished {
    let script = format!(
        "cp $HOME/config.toml ../config.toml
        mount -t tmpfs -o size=1m tmpfs $HOME
        mv ../config.toml $HOME/config.toml
        {script}"
    );
    let mut command = unshare(way, &script);
    command.current_dir(&place.workspace).env("HOME", &place.home).env("CODEX_HOME", &place.home);
    ended(command.env("codex", env!("CARGO_BIN_EXE_codex")))
}

/// Eight commands that each leave a trace, with much said before each.
fn talkative() -> Value {
    let step = |number: usize| {
        let text = format!("This is step {number}. {}", "It takes many words. ".repeat(150));
        json!({ "text": text, "tool": "exec_command", "arguments": { "cmd": format!("echo {number} >> trace; cat trace") } })
    };
    let steps: Vec<Value> = (0..8).map(step).chain([json!({ "text": "All done." })]).collect();
    json!({ "pick": "results", "steps": steps })
}

#[test]
fn a_disk_that_becomes_full_loses_nothing_that_was_shown() {
    let Some(way) = way_to_mount() else { return };
    let mut sessions = 0;
    // KiB that are free.
    for free in [0, 4, 8, 12, 16, 24, 32, 48] {
        let place = Place::new(talkative());
        let finished = on_small_disk(
            &place,
            way,
            &format!(
                "head -c 2m /dev/zero > $HOME/filler 2> ../full || true
                truncate -s -{free}K $HOME/filler
                code=0
                $codex exec --json go > ../shown 2> ../errors || code=$?
                echo $code
                cp trace ../trace 2>> ../errors || touch ../trace
                find $HOME/sessions -name '*.jsonl' -exec cat {{}} + > ../journal
                rm $HOME/filler
                if [ -s ../journal ]; then again='resume --last'; else again=; fi
                $codex exec $again 'go on'"
            ),
        );
        let read = |name: &str| fs::read_to_string(place.workspace.join("..").join(name)).unwrap();
        let (shown, errors, journal) = (read("shown"), read("errors"), read("journal"));
        let what = format!("{free} KiB free\n{shown}\n{errors}\n{}", finished.stderr);
        // The first run fails and says why; there is room for the second.
        assert_eq!((finished.exit, finished.stdout.as_str()), (0, "1\nAll done.\n"), "{what}");
        let told = format!("{shown}{errors}");
        assert!(told.contains("No space left on device") && told.contains("/home/sessions/"), "{what}");
        assert!(!errors.contains("panicked"), "{what}");
        is_recorded(&shown, &journal);
        // What was begun was recorded before, so that going on knows of it.
        let begun = journal.lines().filter(|line| line.contains("\"type\":\"started\"")).count();
        assert_eq!(begun, read("trace").lines().count(), "{what}");
        assert!(journal.is_empty() || journal.ends_with('\n'), "{what}");
        let request = every_call_has_its_answer(&place.server.requests().pop().unwrap().body).to_string();
        for text in super::shown(&shown) {
            let escaped = Value::from(text).to_string();
            assert!(request.contains(escaped.trim_matches('"')), "the model does not know of {escaped}: {what}");
        }
        sessions += usize::from(!journal.is_empty());
    }
    assert!((1..8).contains(&sessions), "the disk was never full both before and within a session: {sessions}");
}

#[test]
fn a_home_that_cannot_be_written_is_named_and_no_model_is_asked() {
    // What is in the way, below the directory that holds `home`, and what must be named.
    let table = [("home", "home"), ("home/sessions", "home/sessions/"), ("home/tmp", "home/tmp")];
    for (in_the_way, named) in table {
        let place = Place::new(json!([]));
        let path = place.workspace.join("..").join(in_the_way);
        if in_the_way == "home" {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::write(&path, "a file").unwrap();
        refused(&run(&place, &["exec", "go"]), &place, named);
    }
    let Some(way) = way_to_mount() else { return };
    let place = Place::new(json!([]));
    let finished = on_small_disk(&place, way, "mount -t tmpfs -o ro tmpfs $HOME; exec $codex exec go");
    refused(&finished, &place, "home/");
    assert!(finished.stderr.contains("Read-only file system"), "{}", finished.stderr);
}

fn refused(finished: &Finished, place: &Place, named: &str) {
    assert_eq!((finished.exit, finished.stdout.as_str()), (1, ""), "{}", finished.stderr);
    assert!(finished.stderr.starts_with("codex: cannot ") && finished.stderr.contains(named), "{}", finished.stderr);
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn a_workspace_that_is_full_changes_nothing_by_halves() {
    let Some(way) = way_to_mount() else { return };
    let line = "x".repeat(99);
    let patch = format!(
        "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** Add File: big.txt\n{}*** End Patch\n",
        format!("+{line}\n").repeat(1000)
    );
    let place = Place::new(json!([
        { "custom": "apply_patch", "input": patch },
        { "tool": "exec_command", "arguments": { "cmd": "head -c 100000 /dev/zero > big.txt; rm big.txt; cat a.txt" } },
        { "text": "All done." },
    ]));
    let script = "mount -t tmpfs -o size=64k tmpfs $PWD
        cd $PWD
        echo one > a.txt
        $codex exec go
        ls -A";
    let mut command = unshare(way, script);
    command.current_dir(&place.workspace).env("HOME", &place.home).env("CODEX_HOME", &place.home);
    let finished = ended(command.env("codex", env!("CARGO_BIN_EXE_codex")));
    assert_eq!((finished.exit, finished.stdout.as_str()), (0, "All done.\na.txt\n"), "{}", finished.stderr);
    let request = every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
    let answers = answers(&request);
    assert!(answers[0].contains("big.txt") && answers[0].contains("No space left on device"), "{}", answers[0]);
    assert!(answers[1].contains("No space left on device") && answers[1].ends_with("one\n"), "{}", answers[1]);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a shell is what limits the size of files")]
fn a_limit_on_the_size_of_files_is_told() {
    for kib in [1, 8, 32] {
        let place = Place::new(talkative());
        let mut command = Command::new("bash");
        let script = format!("ulimit -f {kib} && exec \"$0\" exec --json go");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_codex")]).current_dir(&place.workspace).env_clear();
        command.env("HOME", &place.home).env("CODEX_HOME", &place.home).env("PATH", "/usr/bin:/bin");
        let finished = ended(&mut command);
        let told = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.exit, 1, "{kib} KiB: {told}");
        assert!(told.contains("File too large") && told.contains("/home/sessions/"), "{kib} KiB: {told}");
        if let Some(journal) = place.journals().iter().find(|journal| has_begun(journal)) {
            is_recorded(&finished.stdout, journal);
            resumed(&place);
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a shell is what limits a program's descriptors")]
fn with_too_few_descriptors_it_says_so_or_works() {
    let once = "model_providers.mock.stream_max_retries=0";
    let (mut failed, mut worked) = (0, 0);
    for descriptors in 10..=26 {
        let place = Place::new(json!([
            { "tool": "exec_command", "arguments": { "cmd": "echo hello" } },
            { "tool": "search_files", "arguments": { "pattern": "x" } },
            { "text": "ok" },
        ]));
        // What other tests have open at this moment is none of its business.
        let script = format!(
            "for open in /proc/self/fd/*; do open=${{open##*/}}; [ $open -le 2 ] || eval \"exec $open>&-\"; done
            ulimit -n {descriptors} && exec \"$0\" exec -c {once} go"
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_codex")]);
        command.current_dir(&place.workspace).env_clear().env("HOME", &place.home).env("CODEX_HOME", &place.home);
        let finished = ended(command.env("PATH", "/usr/bin:/bin"));
        match finished.exit {
            0 => worked += 1,
            1 | 2 => {
                failed += 1;
                assert!(finished.stderr.contains("Too many open files"), "{descriptors}: {}", finished.stderr);
            }
            other => panic!("{descriptors}: exit {other}: {}", finished.stderr),
        }
        // What it could record, it can go on with.
        if place.journals().iter().any(|journal| has_begun(journal)) {
            resumed(&place);
        }
    }
    assert!(failed > 0 && worked > 0, "{failed} failed, {worked} worked");
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    // Arguments, whether standard output is full as well, what is there of the answer, and words.
    let table: [(&[&str], bool, &str, &str); 4] = [
        (&["exec", "-o", "/dev/full", "go"], false, "ok\n", "--output-last-message: No space left on device"),
        (
            &["exec", "-o", "/dev/full", "--json", "go"],
            false,
            "\"ok\"",
            "--output-last-message: No space left on device",
        ),
        (&["exec", "go"], true, "", "cannot write to standard output: No space left on device"),
        (&["exec", "--json", "go"], true, "", "cannot write to standard output: No space left on device"),
    ];
    for (arguments, is_full, answer, words) in table {
        let place = Place::new(json!([{ "text": "ok" }]));
        let mut command = place.codex(arguments);
        if is_full {
            command.stdout(File::options().write(true).open("/dev/full").unwrap());
        }
        let output = command.output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words) && !stderr.contains("panicked"), "{arguments:?}: {stderr}");
        assert!(stdout.contains(answer), "{arguments:?}: the answer was lost: {stdout}");
        // The first of the JSON lines comes before the turn.
        let begun = place.journals().iter().any(|journal| has_begun(journal));
        assert_eq!(begun, !(is_full && arguments.contains(&"--json")));
        if begun {
            resumed(&place);
        }
    }
}

#[test]
fn an_answer_can_go_to_a_pipe() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let finished = run(&place, &["exec", "--json", "-o", "/dev/stderr", "go"]);
    assert_eq!((finished.exit, finished.stderr.as_str()), (0, "ok"), "{}", finished.stdout);
}

#[test]
fn a_clock_that_goes_back_changes_no_order() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }, { "text": "three" }, { "text": "four" }]));
    assert_eq!(run(&place, &["exec", "first"]).exit, 0);
    assert_eq!(run(&place, &["exec", "resume", "--last", "second"]).exit, 0);
    let journal = journals(&place.home.join("sessions")).pop().unwrap();
    let far = Duration::from_secs(4_000_000_000);
    for (first, step, written) in [
        // Milliseconds of the first line and from line to line, and when the file was last written.
        (4_000_000_000_000_i64, -1_000_000, SystemTime::UNIX_EPOCH + far),
        (-1, -1, SystemTime::UNIX_EPOCH),
        (i64::MAX, -1, SystemTime::UNIX_EPOCH - Duration::from_secs(1_000_000_000)),
        (i64::MIN, 0, SystemTime::UNIX_EPOCH + far),
    ] {
        let text = fs::read_to_string(&journal).unwrap();
        let changed: String = text
            .lines()
            .zip(0_i64..)
            .map(|(line, number)| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                line["at"] = first.saturating_add(step * number).into();
                line.to_string() + "\n"
            })
            .collect();
        fs::write(&journal, changed).unwrap();
        File::open(&journal).unwrap().set_times(FileTimes::new().set_modified(written)).unwrap();
        let request = resumed(&place).to_string();
        assert!(request.find("first").unwrap() < request.find("second").unwrap(), "{first}, {step}: {request}");
    }
}

fn journals(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { journals(&path) } else { vec![path] }).collect()
}
