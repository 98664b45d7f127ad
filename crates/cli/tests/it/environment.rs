//! What commands see of the environment, by `[shell_environment_policy]`; and that no `.env` file is ever read.

use std::fs;

use serde_json::json;

use crate::support::Place;

/// What the program is started with, beside `HOME`, `CODEX_HOME` and `PATH`.
const GIVEN: [(&str, &str); 7] = [
    ("AWS_REGION", "eu"),
    ("GITHUB_TOKEN", "t0ken"),
    ("LC_ALL", "C"),
    ("LD_PRELOAD", ""),
    ("MY_LLM", "sk-1"),
    ("SSH_AUTH_SOCK", "/run/agent"),
    ("USER", "me"),
];

/// A provider whose key is in a variable that does not look like it.
const PROVIDER: &str = "[model_providers.other]\nbase_url = \"http://127.0.0.1:1\"\nenv_key = \"MY_LLM\"\n";

const PATH: &str = "PATH=/usr/local/bin:/usr/bin:/bin";

/// What `env` prints, less `HOME`'s value, and `TMPDIR` and `XDG_CACHE_HOME`, which the walls make.
fn printed(place: &Place, flags: &[&str]) -> Vec<String> {
    let mut command = place.codex(&[&["sandbox"], flags, &["--", "env"]].concat());
    let output = command.envs(GIVEN).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{flags:?}: {error}");
    let home = format!("HOME={}", place.home.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let is_ours = |line: &&str| ["TMPDIR=", "XDG_CACHE_HOME="].iter().any(|name| line.starts_with(name));
    let mut lines: Vec<String> =
        text.lines().filter(|line| !is_ours(line)).map(|line| line.replace(&home, "HOME")).collect();
    lines.sort();
    lines
}

/// A policy, and what commands see by it, in alphabetical order.
const POLICIES: &[(&str, &[&str])] = &[
    ("", &["AWS_REGION=eu", "HOME", "LC_ALL=C", PATH, "USER=me"]),
    ("inherit = \"core\"", &["HOME", "LC_ALL=C", PATH, "USER=me"]),
    ("inherit = \"none\"", &[PATH]),
    ("inherit = \"none\"\nset = { CI = \"1\", EMPTY = \"\" }", &["CI=1", "EMPTY=", PATH]),
    ("ignore_default_excludes = true", &["AWS_REGION=eu", "GITHUB_TOKEN=t0ken", "HOME", "LC_ALL=C", PATH, "USER=me"]),
    ("exclude = [\"aws_*\", \"US?R\"]", &["HOME", "LC_ALL=C", PATH]),
    ("exclude = [\"*\"]\nset.GITHUB_TOKEN = \"other\"", &["GITHUB_TOKEN=other", PATH]),
    ("include_only = [\"path\", \"LC_*\", \"*TOKEN*\", \"LD_*\", \"SSH_*\", \"MY_*\"]", &["LC_ALL=C", PATH]),
    ("ignore_default_excludes = true\ninclude_only = [\"LD_*\", \"SSH_*\", \"MY_*\", \"CODEX_*\"]", &[PATH]),
];

#[test]
fn commands_see_what_the_policy_leaves() {
    let place = Place::new(json!([]));
    for (policy, expected) in POLICIES {
        let text = format!("{PROVIDER}[shell_environment_policy]\n{policy}\n");
        fs::write(place.home.join("config.toml"), text).unwrap();
        for level in ["read-only", "workspace-write", "danger-full-access"] {
            assert_eq!(printed(&place, &["-s", level]), *expected, "{level}: {policy}");
        }
    }
}

/// What does not begin without a cache has one: the user's, in a view of the command's own, or one that is temporary.
#[test]
fn there_is_a_cache_to_write() {
    let place = Place::new(json!([]));
    let script = "mkdir \"${XDG_CACHE_HOME:=$HOME/.cache}\"/x && echo $XDG_CACHE_HOME";
    let run = |set: Option<&str>| {
        let script = format!("mkdir -p \"$XDG_CACHE_HOME\"; {script}");
        let mut command = place.codex(&["sandbox", "-s", "workspace-write", "--", "sh", "-c", &script]);
        let output =
            command.env_remove("XDG_CACHE_HOME").envs(set.map(|set| ("XDG_CACHE_HOME", set))).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(run(None), "/tmp/.cache");
    let own = place.workspace.join("cache").display().to_string();
    assert_eq!(run(Some(&own)), own);
    let cache = place.home.join(".cache");
    fs::create_dir(&cache).unwrap();
    assert_eq!(run(None), cache.display().to_string());
    assert!(!cache.join("x").exists());
}

#[test]
fn commands_of_the_agent_see_no_more() {
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "env | sort" } },
        { "text": "ok" },
    ]));
    let config = place.home.join("config.toml");
    let policy = "[shell_environment_policy]\nexclude = [\"AWS_*\"]\nset = { CI = \"1\" }\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + PROVIDER + policy).unwrap();
    let output = place.codex(&["exec", "--full-auto", "go"]).envs(GIVEN).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let requests = place.server.requests();
    let told = requests[1].body["input"].as_array().unwrap().last().unwrap()["output"].to_string();
    for (variable, seen) in [
        ("CI=1", true),
        ("USER=me", true),
        ("AWS_REGION", false),
        ("GITHUB_TOKEN", false),
        ("MY_LLM", false),
        ("SSH_AUTH_SOCK", false),
        ("CODEX_HOME", false),
    ] {
        assert_eq!(told.contains(variable), seen, "{variable}: {told}");
    }
}

#[test]
fn a_project_that_nobody_trusts_does_not_choose_it() {
    let place = Place::new(json!([]));
    fs::create_dir_all(place.workspace.join(".codex")).unwrap();
    let policy = "[shell_environment_policy]\nignore_default_excludes = true\nset = { CI = \"1\" }\n";
    fs::write(place.workspace.join(".codex/config.toml"), policy).unwrap();
    let held = printed(&place, &[]);
    assert!(!held.iter().any(|line| line.starts_with("CI=") || line.starts_with("GITHUB_TOKEN=")), "{held:?}");
    let trusted = printed(&place, &["--trust"]);
    assert!(trusted.contains(&"CI=1".into()) && trusted.contains(&"GITHUB_TOKEN=t0ken".into()), "{trusted:?}");
}

#[test]
fn what_commands_never_get_cannot_be_set() {
    let place = Place::new(json!([]));
    for name in ["LD_PRELOAD", "BASH_ENV", "SSH_AUTH_SOCK", "GIT_DIR", "CODEX_HOME", "OPENAI_API_KEY"] {
        let setting = format!("shell_environment_policy.set.{name}=\"/s3cret\"");
        let output = place.codex(&["sandbox", "-c", &setting, "--", "env"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        assert!(output.stdout.is_empty());
        assert!(error.contains(&format!("\"{name}\": commands never get it")) && !error.contains("s3cret"), "{error}");
    }
}

/// A file `.env`, or one of its like, in every directory that a program might take it from.
#[test]
fn no_file_of_variables_is_read() {
    let place = Place::new(json!([]));
    let away = place.home.join("planted");
    let text = format!(
        "OPENAI_API_KEY=planted\nCODEX_API_KEY=planted\nCODEX_MODEL=planted\nCODEX_HOME={}\nMINE=planted\n\
         OPENAI_BASE_URL=http://127.0.0.1:1\n",
        away.display()
    );
    let inner = place.workspace.join("inner");
    fs::create_dir_all(place.workspace.join(".git")).unwrap();
    fs::create_dir_all(place.workspace.join(".codex")).unwrap();
    fs::create_dir_all(place.home.join(".codex")).unwrap();
    fs::create_dir_all(&inner).unwrap();
    let config = format!("openai_base_url = \"{}\"\n", place.server.base_url());
    fs::write(place.home.join("config.toml"), &config).unwrap();
    let run = |key: Option<&str>| {
        let mut command = place.codex(&["exec", "--trust", "-C", "inner", "go"]);
        command.env_remove("CODEX_MODEL").envs(key.map(|key| ("OPENAI_API_KEY", key)));
        command.output().unwrap()
    };
    assert!(run(Some("mine")).status.success());
    for directory in
        [&inner, &place.workspace, &place.workspace.join(".codex"), &place.home, &place.home.join(".codex")]
    {
        for name in [".env", ".env.local", ".envrc"] {
            fs::write(directory.join(name), &text).unwrap();
        }
    }
    assert!(run(Some("mine")).status.success());
    // Whether it goes without a key or stops: with theirs it does not.
    run(None);
    let requests = place.server.requests();
    let (one, other) = (&requests[0], &requests[1]);
    assert_eq!((one.header("authorization"), &one.body["model"]), ("Bearer mine", &json!("o4-mini")));
    assert_eq!((other.header("authorization"), &other.body["model"]), ("Bearer mine", &json!("o4-mini")));
    assert!(requests.iter().all(|request| !request.header("authorization").contains("planted")));
    assert!(place.home.join("sessions").is_dir() && !away.exists());
    let seen = printed(&place, &["--trust", "-C", "inner"]);
    assert!(!seen.iter().any(|line| line.contains("planted")), "{seen:?}");
}
