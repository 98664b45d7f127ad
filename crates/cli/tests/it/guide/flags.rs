//! S13 to S26: the flags.

use std::fs;

use serde_json::json;

use super::{Ran, configure, exec, last_request, place_with, run};
use crate::{
    hooks::{hook, hooked},
    oss,
    search::Site,
    support::Place,
};

/// The names of the tools that the last request offers.
fn offered(place: &Place) -> Vec<String> {
    let request = last_request(place);
    request["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn s13_there_are_three_levels_and_workspace_write_is_the_default() {
    let place = Place::new(json!([]));
    let table: [(&[&str], &str); 4] = [
        (&[], "sandbox workspace-write"),
        (&["--sandbox", "read-only"], "sandbox read-only"),
        (&["-s", "workspace-write"], "sandbox workspace-write"),
        (&["-s", "danger-full-access"], "sandbox danger-full-access"),
    ];
    for (flags, shown) in table {
        let ran = exec(&place, flags);
        assert!(ran.stderr.contains(shown), "{flags:?}: {}", ran.stderr);
    }
    let ran = run(&place, &["exec", "-s", "workspace", "go"]);
    assert_eq!(ran.code, Some(2));
    let names = ["read-only", "workspace-write", "danger-full-access"];
    assert!(names.iter().all(|name| ran.stderr.contains(name)), "{}", ran.stderr);
}

#[test]
fn s14_read_only_reads_and_neither_writes_nor_runs() {
    let patch = "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch\n";
    let place = Place::new(json!([
        { "calls": [
            { "tool": "read_file", "arguments": { "path": "a.txt" } },
            { "tool": "search_files", "arguments": { "pattern": "t[w]o" } },
            { "tool": "list_dir", "arguments": {} },
            { "tool": "exec_command", "arguments": { "cmd": "touch ran" } },
            { "custom": "apply_patch", "input": patch },
        ]},
        { "text": "ok" },
    ]));
    fs::write(place.workspace.join("a.txt"), "one\ntwo\n").unwrap();
    exec(&place, &["-s", "read-only"]);
    let tools = offered(&place);
    assert!(!tools.iter().any(|tool| ["exec_command", "apply_patch"].contains(&tool.as_str())), "{tools:?}");
    let request = last_request(&place).to_string();
    for answer in ["1\\tone", "a.txt:2:two", "no commands run", "nothing can be written"] {
        assert!(request.contains(answer), "{answer} is missing: {request}");
    }
    assert!(place.workspace.join("a.txt").exists() && !place.workspace.join("ran").exists());
    // The walls exist in the kernel too, so that nothing rests on what the model is offered.
    let ran = run(&place, &["sandbox", "-s", "read-only", "--", "sh", "-c", "cat a.txt; touch ran; echo x > a.txt"]);
    assert_eq!(ran.stdout, "one\ntwo\n");
    assert!(!place.workspace.join("ran").exists());
    assert_eq!(fs::read_to_string(place.workspace.join("a.txt")).unwrap(), "one\ntwo\n");
}

#[test]
fn s14_what_users_plug_in_writes_nothing_either() {
    let line = "cat > /dev/null; touch hooked; echo the hook ran";
    let settings = hook("UserPromptSubmit", "", line);
    for (level, writes) in [("read-only", false), ("workspace-write", true)] {
        let place = hooked(json!([]), &settings);
        exec(&place, &["-s", level]);
        assert!(last_request(&place).to_string().contains("the hook ran"), "{level}");
        assert_eq!(place.workspace.join("hooked").exists(), writes, "{level}");
    }
}

#[test]
fn s15_workspace_write_writes_in_the_project_and_nowhere_else() {
    not_inside_another_sandbox!();
    let script = "touch made; touch ../outside ~/outside /usr/outside /etc/outside; \
        echo private > /tmp/shared; head -c 1 /etc/passwd > readable";
    let git = "git init -q . && git add made && \
        git -c user.name=T -c user.email=t@example.invalid commit -q -m one && git log --oneline | wc -l > commits";
    let attack = "echo x > .git/hooks/pre-commit; echo x >> .git/config; echo x > .codex/config.toml";
    let place = place_with(&[script, "cat /tmp/shared > from-tmp", git, attack]);
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), "").unwrap();
    exec(&place, &[]);
    let read = |path: &str| fs::read_to_string(place.workspace.join(path));
    assert!(read("made").is_ok() && read("../outside").is_err() && !place.home.join("outside").exists());
    assert_eq!(read("from-tmp").unwrap(), "private\n", "/tmp is the session's");
    assert!(!std::path::Path::new("/tmp/shared").exists(), "/tmp is the session's alone");
    assert_eq!(read("readable").unwrap().len(), 1);
    assert_eq!(read("commits").unwrap().trim(), "1", "git works");
    assert!(read(".git/hooks/pre-commit").is_err() && read(".codex/config.toml").unwrap().is_empty());
    assert!(!read(".git/config").unwrap().ends_with("x\n"));
}

/// Build caches are written in the session, for its later commands, and are afterwards as they were.
#[test]
fn s15_build_caches_are_written_for_the_session_only() {
    not_inside_another_sandbox!();
    let first = "echo changed > ~/.cache/tool/old; echo new > ~/.cache/tool/new; unlink ~/go/pkg/mod && rmdir ~/go/pkg; echo $? > first";
    let place = place_with(&[first, "cat ~/.cache/tool/* > second; ls ~/go >> second"]);
    for (file, content) in [(".cache/tool/old", "old\n"), ("go/pkg/mod", "")] {
        let path = place.home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    exec(&place, &[]);
    let read = |path: &str| fs::read_to_string(place.workspace.join(path)).unwrap();
    assert_eq!((read("first"), read("second")), ("0\n".into(), "new\nchanged\n".into()));
    let cached = |path: &str| fs::read_to_string(place.home.join(path)).ok();
    assert_eq!(cached(".cache/tool/old").as_deref(), Some("old\n"));
    assert!(cached(".cache/tool/new").is_none() && cached("go/pkg/mod").is_some());
    assert_eq!(fs::read_dir(place.home.join("tmp")).unwrap().count(), 0);
}

#[test]
fn s15_the_network_is_shut_unless_it_is_opened() {
    let command = "address=${MODEL#http://}; address=${address%/v1}; \
        if (exec 3<>/dev/tcp/${address%:*}/${address#*:}) 2>/dev/null; then echo reached; else echo shut; fi > network";
    for (opened, expected) in [(false, "shut\n"), (true, "reached\n")] {
        let place = place_with(&[command]);
        let flag = format!("sandbox_workspace_write.network_access={opened}");
        let output = place.codex(&["exec", "-c", &flag, "go"]).env("MODEL", place.server.base_url()).output().unwrap();
        let ran = Ran::from(output);
        let network = fs::read_to_string(place.workspace.join("network"));
        assert_eq!(network.unwrap(), expected, "{}", ran.stderr);
    }
}

#[test]
fn s16_danger_full_access_has_no_walls() {
    let patch = "*** Begin Patch\n*** Add File: ../by-patch\n+x\n*** End Patch\n";
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "touch ../by-command; mkdir .codex && touch .codex/config.toml" } },
        { "custom": "apply_patch", "input": patch },
    ]));
    exec(&place, &["-s", "danger-full-access"]);
    for made in ["../by-command", "../by-patch", ".codex/config.toml"] {
        assert!(place.workspace.join(made).exists(), "{made}");
    }
}

#[test]
fn s17_the_three_answers_to_when_are_known() {
    let place = Place::new(json!([]));
    for when in ["untrusted", "on-request", "never"] {
        exec(&place, &["-a", when]);
        exec(&place, &["--ask-for-approval", when]);
    }
    let ran = run(&place, &["exec", "-a", "always", "go"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("untrusted") && ran.stderr.contains("on-request"), "{}", ran.stderr);
}

#[test]
fn s20_never_runs_what_the_sandbox_holds_and_refuses_the_rest() {
    let escalated = json!({ "cmd": "touch ran", "sandbox_permissions": "require_escalated", "justification": "so" });
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "touch made" } },
        { "tool": "exec_command", "arguments": escalated },
    ]));
    exec(&place, &["-a", "never"]);
    assert!(place.workspace.join("made").exists() && !place.workspace.join("ran").exists());
    assert!(last_request(&place).to_string().contains("nobody can be asked"));
}

#[test]
fn s21_any_model_is_sent_as_it_is_typed() {
    let place = Place::new(json!([]));
    let table = [
        ("gpt-4.1", "gpt-4.1"),
        ("a model:of nobody@v9", "a model:of nobody@v9"),
        ("vendor/with-a-slash", "vendor/with-a-slash"),
        // The name of a provider in front selects it.
        ("mock/inner/name", "inner/name"),
    ];
    for (typed, sent) in table {
        for flag in ["-m", "--model"] {
            let ran = exec(&place, &[flag, typed]);
            assert_eq!(last_request(&place)["model"], sent);
            assert!(!ran.stderr.contains("warning"), "{typed}: {}", ran.stderr);
        }
    }
}

#[test]
fn s23_cd_is_where_work_is_done_and_must_be_there() {
    let place = place_with(&["pwd > where"]);
    fs::create_dir_all(place.workspace.join("sub/deep")).unwrap();
    exec(&place, &["--cd", "sub", "-o", "last.txt"]);
    let sub = place.workspace.join("sub");
    assert_eq!(fs::read_to_string(sub.join("where")).unwrap().trim(), sub.to_str().unwrap());
    assert!(sub.join("last.txt").exists(), "other paths are relative to it");
    exec(&place, &["-C", sub.join("deep").to_str().unwrap()]);
    assert!(sub.join("deep/where").exists());
    fs::write(place.workspace.join("file"), "").unwrap();
    // Said before anything else is: nothing is written, nobody is asked.
    let (requests, journals) = (place.server.requests().len(), place.journals().len());
    for wrong in ["missing", "file"] {
        let ran =
            run(&place, &["exec", "-C", wrong, "-s", "danger-full-access", "-o", "made.txt", "--full-auto", "go"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(&format!("--cd: {wrong}")), "{}", ran.stderr);
    }
    assert_eq!((place.server.requests().len(), place.journals().len()), (requests, journals));
    assert!(!place.workspace.join("made.txt").exists());
}

#[test]
fn s24_added_directories_are_written_and_must_be_there() {
    let place = place_with(&["touch ../one/made ../two/made ../three/made; cat ../one/read > seen"]);
    for name in ["one", "two", "three"] {
        fs::create_dir(place.workspace.join("..").join(name)).unwrap();
    }
    fs::write(place.workspace.join("../one/read"), "read").unwrap();
    exec(&place, &["--add-dir", "../one", "--add-dir", "../two"]);
    let there = |path: &str| place.workspace.join(path).exists();
    assert!(there("../one/made") && there("../two/made") && !there("../three/made"));
    assert_eq!(fs::read_to_string(place.workspace.join("seen")).unwrap(), "read");
    let ran = run(&place, &["exec", "--add-dir", "../missing", "go"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--add-dir") && ran.stderr.contains("missing"), "{}", ran.stderr);
    // In a file, which may serve several machines, it is a warning.
    configure(&place, "add_dir = [\"/missing-here\"]");
    let ran = exec(&place, &[]);
    assert!(ran.stderr.contains("`/missing-here` does not exist, so it is not added"), "{}", ran.stderr);
}

/// A flag that this version cannot obey is an error; nobody is asked then.
fn refuses(flag: &str, words: &str) {
    let place = Place::new(json!([]));
    let ran = run(&place, &["exec", flag, "go"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn s25_search_lets_the_model_search_the_web_or_says_what_to_set() {
    refuses("--search", "Set `search.provider` to `searxng`");
    let found = r#"{"results":[{"title":"Page","url":"https://a.example/","content":"About it"}]}"#;
    let site = Site::new(&[("/search", found)]);
    let place = Place::new(json!([
        { "tool": "web_search", "arguments": { "query": "it" } },
        { "text": "ok" },
    ]));
    let file = place.home.join("config.toml");
    let text = fs::read_to_string(&file).unwrap();
    let engine = format!("[search]\nprovider = \"searxng\"\nbase_url = \"http://127.0.0.1:{}\"\n", site.port);
    fs::write(&file, text + &engine).unwrap();
    let ran = exec(&place, &["--search"]);
    assert!(ran.stderr.contains("• searched for it\n    https://a.example/ Page\n"), "{}", ran.stderr);
    assert_eq!(site.asked(), ["GET /search?q=it&format=json HTTP/1.1"]);
    assert!(last_request(&place).to_string().contains("About it"));
    // Without the flag there is no such tool.
    exec(&place, &[]);
    assert!(!offered(&place).iter().any(|tool| tool.starts_with("web_")));
}

#[test]
fn s26_oss_asks_open_weight_models_and_nothing_else() {
    let place = oss::place(json!([]), oss::ollama(true, 40960));
    exec(&place, &["--oss"]);
    assert_eq!(last_request(&place)["model"], "qwen3:8b");
    let ran = run(&place, &["exec", "--oss", "-m", "mock/mock", "go"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("`mock` is not marked `open_weights = true`"), "{}", ran.stderr);
    assert_eq!(place.server.requests().len(), 1);
}

#[test]
fn s22_profile_selects_a_group_of_settings_or_names_those_there_are() {
    let place = Place::new(json!([]));
    let file = place.home.join("config.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{text}\n[profiles.work]\nmodel = \"work\"\n[profiles.home]\n")).unwrap();
    for flag in [&["--profile", "work"][..], &["-p", "work"], &["-c", "profile=work"]] {
        exec(&place, flag);
        assert_eq!(last_request(&place)["model"], "work", "{flag:?}");
    }
    let ran = run(&place, &["exec", "-p", "wrok", "go"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for part in ["--profile wrok", "known: home, work", "did you mean `work`?"] {
        assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
    }
}
