//! S40 to S43: rules for commands, and what says what they come to.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use codex_protocol::{ApprovalDecision, ApprovalPolicy, ServerRequest};
use serde_json::{Value, json};

use super::{Ran, configure, exec, last_request, place_with, run};
use crate::{
    session::{Session, answer, command, no, yes},
    support::Place,
};

/// The example that is passed around.
const EXAMPLE: &str = r#"model = "o4-mini"
sandbox = "workspace-write"
ask_for_approval = "untrusted"

[profiles.work]
model = "gpt-4.1"
api_key_env = "OPENAI_WORK_API_KEY"
add_dir = ["/shared-libs", "/company-docs"]

[profiles.fast]
model = "o4-mini"
sandbox = "read-only"

[permissions]
allow = ["git diff", "git log", "git status", "npm test"]
deny = ["destructive-commands", "privilege-escalation", "disk-operations"]
"#;

/// A rule of each kind, a line each.
const RULES: &str = "permissions.allow = [\"make\"]\npermissions.ask = [\"git push\"]\npermissions.deny = [\"curl\"]\n";

/// What the model was told about its calls, in their order.
fn told(place: &Place) -> Vec<String> {
    let request = last_request(place);
    let items = request["input"].as_array().unwrap().iter();
    let outputs = items.filter(|item| item["type"] == "function_call_output");
    outputs.map(|item| item["output"].to_string()).collect()
}

#[tokio::test]
async fn s40_what_is_allowed_is_not_asked_about_and_stays_in_the_sandbox() {
    let asked_about =
        ["touch b", "touch a && touch b", "touch a > c", "touch a $(touch b)", "env touch a", "./touch a"];
    let allowed = ["touch a", "touch a b2", "touch 'a' && touch a", "touch a ../outside"];
    let place = place_with(&[&asked_about[..], &allowed].concat());
    configure(&place, "permissions.allow = [\"touch a\"]");
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&asked_about.map(|_| no())).await;
    let asked: Vec<String> =
        seen.asked.iter().map(|request: &ServerRequest| command(request).command.clone()).collect();
    assert_eq!(asked, asked_about);
    let there = |name: &str| place.workspace.join(name).exists();
    assert!(there("a") && there("b2") && !there("b") && !there("c"));
    assert!(!there("../outside"), "an allowed command left the sandbox");
}

/// A workspace whose repository names programs that git runs, each of which leaves a mark; see [`marks`].
#[allow(clippy::disallowed_methods, reason = "a test lays out a repository")]
fn armed(commands: &[&str]) -> Place {
    let place = place_with(commands);
    let work = &place.workspace;
    let write = || fs::write(work.join("file"), "1").unwrap();
    write();
    let commit = ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "first"];
    for arguments in [&["init", "-q", "."][..], &["add", "file"], &commit] {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(work).env("HOME", &place.home);
        assert!(git.status().unwrap().success(), "{arguments:?}");
    }
    for (path, mark) in [(".git/hooks/post-index-change", "hook-ran"), ("monitor", "monitor-ran")] {
        let path = work.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {mark}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let config = work.join(".git/config");
    let settings = fs::read_to_string(&config).unwrap();
    let more = "[core]\n\tfsmonitor = ./monitor\n[user]\n\tname = n\n\temail = e\n";
    fs::write(config, settings + more).unwrap();
    // So that git writes its index anew.
    write();
    configure(&place, "permissions.allow = [\"git status\", \"git commit\"]");
    place
}

/// Whether the hook ran, and the monitor.
fn marks(place: &Place) -> [bool; 2] {
    ["hook-ran", "monitor-ran"].map(|mark| place.workspace.join(mark).exists())
}

/// What git runs is named by the repository, and nobody was asked about that.
#[tokio::test]
async fn s40_git_that_only_looks_runs_nothing_that_a_repository_names() {
    let place = armed(&["git status --short", "git log -1 --format=%s && git status --short"]);
    assert!(Session::start(&place, ApprovalPolicy::Untrusted).await.turn(&[]).await.asked.is_empty());
    assert_eq!(marks(&place), [false; 2]);
    assert!(told(&place)[1].contains("first\\n?? monitor"), "{:?}", told(&place));
    // What a person says yes to is what runs, and the hooks of a commit are a part of what was allowed.
    for (command, answers) in [("git status > status", &[yes()][..]), ("git commit -qm second --allow-empty", &[])] {
        let place = armed(&[command]);
        assert_eq!(
            Session::start(&place, ApprovalPolicy::Untrusted).await.turn(answers).await.asked.len(),
            answers.len()
        );
        assert_eq!(marks(&place), [true; 2], "{command}: {:?}", told(&place));
    }
}

#[test]
fn s41_what_is_denied_runs_in_no_mode() {
    let ways =
        ["touch made", "true; /usr/bin/touch made", "'tou'ch made", "bash -c 'touch made'", "echo made | xargs touch"];
    let modes: [&[&str]; 5] = [
        &[],
        &["--full-auto"],
        &["-a", "never"],
        &["-s", "danger-full-access"],
        &["-s", "danger-full-access", "-a", "never", "-c", "permissions.allow=[\"touch\"]"],
    ];
    for mode in modes {
        let place = place_with(&ways);
        exec(&place, &[mode, &["-c", "permissions.deny=[\"touch\"]"]].concat());
        assert!(!place.workspace.join("made").exists(), "{mode:?}");
        let told = told(&place);
        assert_eq!(told.len(), ways.len());
        for (way, told) in ways.iter().zip(&told) {
            assert!(told.contains("denied by the rule `touch` (-c permissions.deny=…)"), "{mode:?} {way}: {told}");
        }
    }
    // Where it stands in a file, the model and the user are told; a lower layer's is not lost.
    let place = place_with(&["touch made", "mkdir made"]);
    configure(&place, "permissions.deny = [\"ls\",\n  \"touch\"]");
    exec(&place, &["-c", "permissions.deny=[\"mkdir\"]"]);
    let told = told(&place);
    let origin = format!("{}:2:3", place.home.join("config.toml").display());
    assert!(told[0].contains(&origin) && told[1].contains("-c permissions.deny=…"), "{told:?}");
}

#[test]
fn s41_what_cannot_be_resolved_is_refused_while_something_is_denied() {
    let place = place_with(&["X=$(printf tou)ch; $X made"]);
    exec(&place, &[]);
    assert!(place.workspace.join("made").exists());
    for flags in [&[][..], &["--full-auto"]] {
        let place = place_with(&["X=$(printf tou)ch; $X made"]);
        exec(&place, &[flags, &["-c", "permissions.deny=[\"touch\"]"]].concat());
        assert!(!place.workspace.join("made").exists(), "{flags:?}");
    }
}

/// Starting without a rule that was meant to hold would be worse than not starting.
#[test]
fn s41_a_rule_that_means_nothing_is_an_error_that_shows_its_line() {
    let table = [
        ("permissions.deny = [\"ls\", \"destructive-comands\"]", "1:27", "destructive-comands"),
        ("permissions.ask = [\"rm 'x\"]", "1:20", "rm 'x"),
        ("permissions.allow = [\"bash\"]", "1:22", "bash"),
    ];
    for (settings, position, part) in table {
        let place = Place::new(json!([]));
        configure(&place, settings);
        let ran = run(&place, &["exec", "go"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let place_of_error = format!("config.toml:{position}: ");
        for part in [&*place_of_error, part, "^^^", settings] {
            assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        }
        assert!(place.server.requests().is_empty());
    }
}

#[test]
fn s42_the_classes_are_denied_by_name_and_ask_otherwise() {
    let one_of_each = ["rm -rf made", "sudo true", "mkfs.ext4 /dev/null"];
    let table: [(&[&str], bool, &str); 4] = [
        // flags, whether the first runs, what is told
        (&[], false, "always asks (rule `destructive-commands`, built-in), and nobody can be asked"),
        (&["-c", "permissions.allow=[\"rm\"]"], false, "always asks"),
        (&["--full-auto"], true, ""),
        (
            &[
                "--full-auto",
                "-c",
                "permissions.deny=[\"destructive-commands\", \"privilege-escalation\", \"disk-operations\"]",
            ],
            false,
            "denied by the rule `destructive-commands`",
        ),
    ];
    for (flags, runs, words) in table {
        let place = place_with(&one_of_each);
        fs::create_dir(place.workspace.join("made")).unwrap();
        exec(&place, flags);
        assert_eq!(place.workspace.join("made").exists(), !runs, "{flags:?}");
        let told = told(&place);
        assert!(told[0].contains(words), "{flags:?}: {told:?}");
        if !runs {
            let names = ["destructive-commands", "privilege-escalation", "disk-operations"];
            assert!(told.iter().zip(names).all(|(told, name)| told.contains(name)), "{flags:?}: {told:?}");
        }
    }
    // A rule of one's own that asks behaves as a class does, and decides before one that allows.
    let place = place_with(&["touch made"]);
    exec(&place, &["-c", "permissions.ask=[\"touch\"]", "-c", "permissions.allow=[\"touch\"]"]);
    assert!(!place.workspace.join("made").exists());
    assert!(told(&place)[0].contains("nobody can be asked"));
}

/// By a rule alone, whoever runs a program of his own making runs what the rules cannot read: the mask holds him too.
#[test]
fn s42_programs_of_a_denied_class_are_not_run_by_other_programs_either() {
    not_inside_another_sandbox!();
    let script = "import os, shutil\n\
        for name in ['su', 'mkswap']:\n  \
          try: os.execv(shutil.which(name, os.F_OK, '/usr/bin:/usr/sbin:/bin:/sbin'), [name, '--version'])\n  \
          except PermissionError: print(name, 'EACCES', flush=True)\n\
        os.execvp('true', ['true'])\n";
    let denied = |classes: &str| {
        let place = place_with(&["python3 program"]);
        fs::write(place.workspace.join("program"), script).unwrap();
        let ran = run(&place, &["sandbox", "-c", &format!("permissions.deny=[{classes}]"), "--", "python3", "program"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        exec(&place, &["-c", &format!("permissions.deny=[{classes}]")]);
        let told = told(&place).concat();
        // The same in a session.
        assert!(ran.stdout.lines().all(|line| told.contains(line)), "{told}");
        ran.stdout
    };
    assert_eq!(denied(r#""privilege-escalation","disk-operations""#), "su EACCES\nmkswap EACCES\n");
    assert!(denied(r#""privilege-escalation""#).starts_with("su EACCES\nmkswap from"));
    assert!(denied("").starts_with("su from"));
    let place = Place::new(json!([]));
    let deny = ["-c", "permissions.deny=[\"privilege-escalation\"]", "ls"];
    let programs = |arguments: &[&str]| why(&place, arguments)["confinement"]["deniedPrograms"].clone();
    assert!(programs(&deny).as_array().unwrap().iter().any(|path| path == "/usr/bin/su"));
    assert_eq!(programs(&["ls"]), json!([]));
}

fn why(place: &Place, arguments: &[&str]) -> Value {
    let ran = run(place, &[&["permissions", "why", "--json"], arguments].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn s42_permissions_why_says_which_rule_decides_and_where_it_stands() {
    let place = Place::new(json!([]));
    configure(&place, RULES);
    let file = |position: &str| json!(format!("{}:{position}", place.home.join("config.toml").display()));
    let table: [(&[&str], &str, Value, Value); 7] = [
        (&["bash -c 'curl x'"], "deny", json!("curl"), file("3:21")),
        (&["git push -n"], "ask", json!("git push"), file("2:20")),
        (&["make all"], "allow", json!("make"), file("1:22")),
        (&["touch x"], "ask", Value::Null, Value::Null),
        (&["-a", "on-request", "touch x"], "allow", Value::Null, Value::Null),
        (&["rm -rf x"], "ask", json!("destructive-commands"), json!("built-in")),
        (&["-c", "permissions.deny=[\"touch\"]", "touch x"], "deny", json!("touch"), json!("-c permissions.deny=…")),
    ];
    for (arguments, verdict, rule, origin) in table {
        let found = why(&place, arguments);
        assert_eq!(
            (&found["verdict"], &found["rule"], &found["origin"]),
            (&json!(verdict), &rule, &origin),
            "{arguments:?}"
        );
        let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["verdict", "rule", "origin", "commands", "confinement"]);
    }
    let found = why(&place, &["cd sub && timeout 5 curl -s x | tee y"]);
    let curl = json!(["curl", "-s", "x"]);
    assert!(found["commands"].as_array().unwrap().contains(&curl), "{found}");
    let walls = &why(&place, &["make"])["confinement"];
    assert_eq!((&walls["sandbox"], &walls["writable"]), (&json!("workspace-write"), &json!([place.workspace])));
    assert_eq!(
        why(&place, &["-s", "danger-full-access", "make"])["confinement"],
        json!({ "sandbox": "danger-full-access" })
    );
    // In a repository too, each path is told once.
    fs::create_dir_all(place.workspace.join(".git/objects")).unwrap();
    let walls = &why(&place, &["make"])["confinement"];
    let mut told: Vec<&str> = walls["readOnly"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    told.sort_unstable();
    let count = told.len();
    told.dedup();
    assert!(told.len() == count && told.iter().any(|path| path.ends_with("/.git/hooks")), "{walls}");
    // Caches that exist, where they can be written.
    fs::create_dir(place.home.join(".m2")).unwrap();
    for (level, caches) in [("workspace-write", json!([place.home.join(".m2")])), ("read-only", json!([]))] {
        assert_eq!(why(&place, &["-s", level, "make"])["confinement"]["caches"], caches, "{level}");
    }
    // For people too; and a broken rule is an error here as anywhere.
    let ran = run(&place, &["permissions", "why", "git push"]);
    assert!(ran.stdout.starts_with("ask: ") && ran.stdout.contains("config.toml:2:20"), "{}", ran.stdout);
    assert_eq!(run(&place, &["permissions", "why", "-c", "permissions.deny=[\"rm 'x\"]", "ls"]).code, Some(2));
}

#[test]
fn s42_permissions_list_and_show_what_there_is() {
    let place = Place::new(json!([]));
    configure(&place, RULES);
    let ran = run(&place, &["permissions", "list", "--json", "-c", "permissions.deny=[\"wget\"]"]);
    let listed: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    let listed: Vec<(&str, &str)> =
        listed.iter().map(|rule| (rule["kind"].as_str().unwrap(), rule["rule"].as_str().unwrap())).collect();
    let expected = [
        ("deny", "curl"),
        ("deny", "wget"),
        ("ask", "git push"),
        ("ask", "destructive-commands"),
        ("ask", "disk-operations"),
        ("ask", "privilege-escalation"),
        ("allow", "make"),
        ("allow", "read-only"),
    ];
    assert_eq!(listed, expected);
    let text = run(&place, &["permissions", "list"]).stdout;
    assert!(text.contains("config.toml:3:21") && text.contains("built-in"), "{text}");
    for (class, part) in [("destructive-commands", "rm"), ("disk-operations", "mkfs"), ("privilege-escalation", "sudo")]
    {
        assert!(run(&place, &["permissions", "show", class]).stdout.contains(part), "{class}");
    }
    let ran = run(&place, &["permissions", "show", "destructive"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("disk-operations"), "{}", ran.stderr);
}

#[tokio::test]
async fn s40_what_was_allowed_for_good_is_not_asked_about_in_the_next_session() {
    let place = place_with(&["touch made"]);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let execpolicy_amendment = vec!["touch".to_owned(), "made".to_owned()];
    let always = answer(ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment });
    session.turn(&[always]).await;
    drop(session);
    let file = fs::read_to_string(place.home.join("config.toml")).unwrap();
    let project = fs::canonicalize(&place.workspace).unwrap();
    let header = format!("[permissions.projects.\"{}\"]\nallow = [\"=touch made\"]\n", project.display());
    assert!(file.ends_with(&header) && file.starts_with("model = "), "{file}");
    fs::remove_file(place.workspace.join("made")).unwrap();
    Session::start(&place, ApprovalPolicy::Untrusted).await.turn(&[]).await;
    assert!(place.workspace.join("made").exists());
}

#[test]
fn s40_a_remembered_rule_is_listed_and_removed() {
    let place = Place::new(json!([]));
    let project = fs::canonicalize(&place.workspace).unwrap();
    codex_config::remember(&place.home, Some(&project), "=touch made").unwrap();
    assert_eq!(why(&place, &["touch made"])["verdict"], "allow");
    let elsewhere = place.workspace.join("../elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    assert_eq!(why(&place, &["-C", "../elsewhere", "touch made"])["verdict"], "ask");
    assert!(run(&place, &["permissions", "list"]).stdout.contains("=touch made"));
    let ran = run(&place, &["permissions", "remove", "-C", "../elsewhere", "=touch made"]);
    assert!(ran.code == Some(2) && ran.stderr.contains(project.to_str().unwrap()), "{}", ran.stderr);
    let ran = run(&place, &["permissions", "remove", "=touch made"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "removed `=touch made`\n"), "{}", ran.stderr);
    assert_eq!(why(&place, &["touch made"])["verdict"], "ask");
    assert_eq!(run(&place, &["permissions", "remove", "=touch made"]).code, Some(2));
}

#[test]
fn s43_the_example_loads_unless_its_line_breaks_are_lost() {
    let place = place_with(&["git status", "touch made", "rm -rf made"]);
    let path = place.home.join("config.toml");
    let url = place.server.base_url();
    let with_example = |settings: &str| -> Ran {
        fs::write(&path, settings).unwrap();
        let provider = format!("openai_base_url={url}");
        place.codex(&["exec", "-c", &provider, "go"]).env("OPENAI_API_KEY", "k").output().unwrap().into()
    };
    let ran = with_example(EXAMPLE);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_eq!(last_request(&place)["model"], "o4-mini");
    assert!(place.workspace.join("made").exists(), "it was removed, or never made");
    assert!(told(&place)[2].contains("denied by the rule `destructive-commands`"));
    // Its profiles: another key and two directories, which are not there; another level.
    for (profile, model, told) in [
        ("work", "gpt-4.1", "`/company-docs` does not exist, so it is not added"),
        ("fast", "o4-mini", "sandbox read-only"),
    ] {
        let provider = format!("openai_base_url={url}");
        let mut codex = place.codex(&["exec", "-p", profile, "-c", &provider, "go"]);
        let ran: Ran = codex.env("OPENAI_API_KEY", "k").env("OPENAI_WORK_API_KEY", "w").output().unwrap().into();
        assert!(ran.code == Some(0) && ran.stderr.contains(told), "{}", ran.stderr);
        assert_eq!(last_request(&place)["model"], model);
        let key = if profile == "work" { "Bearer w" } else { "Bearer k" };
        assert_eq!(place.server.requests().pop().unwrap().header("authorization"), key);
    }
    let ran = with_example(&EXAMPLE.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains(":1:19: a line break is missing before `sandbox` (column 19)"), "{}", ran.stderr);
}
