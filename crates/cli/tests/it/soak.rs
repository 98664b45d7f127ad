//! A session that goes on for many turns while the world around it breaks by chance, and what must hold after each.
//!
//! `SOAK_ROUNDS=500 cargo test -p codex-cli --test it soak` runs longer; `SOAK_SEED=N` runs again what a failure names.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
};

use codex_testkit::ModelServer;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, waitid};
use serde_json::{Value, json};

use crate::{
    faults::every_call_has_its_answer,
    support::{Place, wait_for_exit},
};

/// Rounds of a run that is not told how many.
const ROUNDS: usize = 12;

/// Numbers by chance, always the same ones after a seed: SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % most as u64) as usize
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// What the model has the agent do; `round` makes it another thing each time.
fn step(chance: &mut Chance, round: usize) -> Value {
    let command = |line: String| json!({ "tool": "exec_command", "arguments": { "cmd": line } });
    match chance.below(12) {
        0 => command(format!("mkdir -p d && echo {round} >> d/log && chmod 750 d")),
        1 => command("rm -rf d kept-*; ln -sf nowhere link".into()),
        2 => command(format!("head -c 300000 /dev/zero | tr '\\0' x > large-{}", round % 3)),
        // What is left behind: a daemon, a zombie, one that hears no signal.
        3 => command(
            "setsid sleep 1000 >/dev/null 2>&1 & trap '' TERM HUP; (trap '' TERM; sleep 1000) & echo left".into(),
        ),
        4 => command("sh -c 'sleep 0 & exec sleep 0.01'; kill -9 $$".into()),
        5 => command("head -c 3000000 /dev/urandom | base64".into()),
        // More processes than there may be.
        6 => command(
            "ulimit -u 40 2>/dev/null; i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; echo many".into(),
        ),
        7 => command(format!(
            "git init -q . 2>/dev/null; printf '{round}' > tracked; git add -A; git -c user.name=a -c user.email=a@b commit -qm {round}"
        )),
        8 => {
            json!({ "custom": "apply_patch", "input": format!("*** Begin Patch\n*** Add File: kept-{round}\n+{round}\n*** End Patch\n") })
        }
        9 => {
            json!({ "custom": "apply_patch", "input": "*** Begin Patch\n*** Update File: not-there\n@@\n-a\n+b\n*** End Patch\n" })
        }
        10 => json!({ "tool": "no_such_tool", "arguments": "{\"a\":" }),
        _ => json!({ "text": "I look around.", "tool": "exec_command", "arguments": { "cmd": "ls -la; cat tracked" } }),
    }
}

/// What goes wrong with an answer of the model.
fn fault(chance: &mut Chance) -> Value {
    match chance.below(8) {
        0 => json!({ "text": "cut", "drop": { "after_events": chance.below(4) } }),
        1 => json!({ "http": 429, "headers": { "retry-after": "0" } }),
        2 => json!({ "http": 503 }),
        3 => json!({ "text": "half", "malformed": true }),
        4 => json!({ "text": "no end", "no_completion": true }),
        5 => json!({ "raw": "data: {\"type\":\"response.output_text.delta\",\"delta\":1}\n\n: \n\ndata: [" }),
        6 => json!({ "text": "slow", "chunk": 1 }),
        _ => json!({ "failed": { "code": "server_error", "message": "overloaded" } }),
    }
}

/// All that is below `root`, but what git keeps for itself, which no state holds.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if path.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            let content = match metadata.file_type() {
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                kind if kind.is_dir() => {
                    left.push(path.clone());
                    Vec::new()
                }
                _ => fs::read(&path).unwrap(),
            };
            let mode = if metadata.is_symlink() { 0 } else { metadata.permissions().mode() };
            found.insert(path, (mode, content));
        }
    }
    found
}

/// The processes whose environment names `home`, but this one.
fn left_over(home: &Path) -> Vec<Pid> {
    let marker = format!("CODEX_HOME={}", home.display()).into_bytes();
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let has_marker = |id: &i32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == marker)
    };
    ids.filter(has_marker).filter_map(Pid::from_raw).collect()
}

/// The helpers of a program that stands still. Their environment is empty: nothing else tells whose they are.
fn helpers(program: Pid) -> Vec<OwnedFd> {
    let tasks = fs::read_dir(format!("/proc/{}/task", program.as_raw_nonzero())).unwrap();
    let children = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
    let ids: Vec<i32> =
        children.flat_map(|ids| ids.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect();
    ids.into_iter().filter_map(Pid::from_raw).filter_map(|id| pidfd_open(id, PidfdFlags::empty()).ok()).collect()
}

/// Runs the program until it ends. Once it has told `after` lines it is stopped, hears the signal `blow`, and goes on.
fn run(place: &Place, arguments: &[&str], (blow, after): (Option<Signal>, usize)) -> (ExitStatus, Vec<String>) {
    let mut child: Child = place.codex(arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told: Vec<String> = if blow.is_none() { Vec::new() } else { lines.by_ref().take(after).collect() };
    if let Some(blow) = blow {
        let id = Pid::from_child(&child);
        // Whoever has ended by itself stands still as well, and has no children any more.
        kill_process(id, Signal::STOP).unwrap();
        waitid(WaitId::Pid(id), WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        let helpers = helpers(id);
        kill_process(id, blow).unwrap();
        kill_process(id, Signal::CONT).unwrap();
        told.extend(lines);
        let status = child.wait().unwrap();
        helpers.iter().for_each(|helper| wait_for_exit(helper, "a helper"));
        return (status, told);
    }
    told.extend(lines);
    (child.wait().unwrap(), told)
}

#[allow(clippy::disallowed_methods, reason = "a test has no settings: how long it runs is said from outside")]
fn told(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn a_session_outlives_whatever_happens() {
    let seed = told("SOAK_SEED").unwrap_or(1);
    let rounds = told("SOAK_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    let place = Place::new(json!({}));
    fs::write(place.workspace.join("tracked"), "begun").unwrap();
    fs::set_permissions(&place.workspace, Permissions::from_mode(0o755)).unwrap();
    let mut session: Option<String> = None;
    for round in 0..rounds {
        // Each round can be run by itself as the first one after its own seed.
        let mut chance = Chance(seed + round as u64);
        let steps: Vec<Value> = (0..1 + chance.below(4)).map(|_| step(&mut chance, round)).collect();
        let faults: Vec<Value> = (0..chance.below(3)).map(|_| fault(&mut chance)).collect();
        let blow =
            chance.one(&[None, None, Some(Signal::KILL), Some(Signal::TERM), Some(Signal::INT), Some(Signal::CONT)]);
        let after = 1 + chance.below(8);
        let what =
            format!("SOAK_SEED={} (round {round}): {steps:?} {faults:?} {blow:?} after {after}", seed + round as u64);
        let server = ModelServer::from_json(json!({ "faults": faults, "steps": steps }));
        let address = format!("model_providers.mock.base_url={:?}", server.base_url());
        let before = tree(&place.workspace);
        let mut arguments = vec!["exec", "--json", "-s", "workspace-write", "-c", &address];
        if let Some(id) = &session {
            arguments.extend(["resume", id]);
        }
        let prompt = format!("Round {round}.");
        arguments.push(&prompt);
        let (status, lines) = run(&place, &arguments, (blow, after));
        let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect(&what)).collect();
        assert_ne!(status.code(), Some(101), "{what}: it panicked");
        if session.is_none() {
            session = events.first().and_then(|event| Some(event["thread_id"].as_str()?.to_owned()));
        }
        if let Some(request) = server.requests().pop() {
            every_call_has_its_answer(&request.body);
        }
        // Nothing runs on. What was orphaned by a kill is on its way out, and is waited for.
        for id in left_over(&place.home) {
            if let Ok(process) = pidfd_open(id, PidfdFlags::empty()) {
                wait_for_exit(&process, &what);
            }
        }
        for journal in place.journals() {
            let mut lines = journal.lines().peekable();
            while let Some(line) = lines.next() {
                let whole = serde_json::from_str::<Value>(line).is_ok();
                // Of a kill, the last line may be half.
                assert!(whole || lines.peek().is_none(), "{what}: no line of a journal: {line}");
            }
        }
        let Some(id) = session.clone().filter(|_| chance.below(3) == 0 && !events.is_empty()) else { continue };
        let turn_began = events.iter().any(|event| event["type"] == "turn.started");
        if !turn_began {
            continue;
        }
        let (rewound, said) = run(&place, &["rewind", &id, "--last", "--files", "--json"], (None, 0));
        assert!(matches!(rewound.code(), Some(0 | 1)), "{what}: {rewound} {said:?}");
        if rewound.code() == Some(0) {
            assert_eq!(tree(&place.workspace), before, "{what}: {said:?}");
        }
    }
}
