//! S28 to S37: the files of settings, and the settings.

use std::fs;

use serde_json::json;

use super::{Ran, configure, exec, last_request, place_with, run};
use crate::{oss, support::Place};

/// Makes the workspace a project with this file of settings.
fn project(place: &Place, settings: &str) {
    fs::create_dir_all(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), settings).unwrap();
}

/// A place with no settings but the address of the built-in provider.
fn bare(place: &Place, settings: &str) {
    let url = place.server.base_url();
    fs::write(place.home.join("config.toml"), format!("openai_base_url = \"{url}\"\n{settings}")).unwrap();
}

fn effort(place: &Place, flags: &[&str]) -> String {
    exec(place, flags);
    last_request(place)["reasoning"]["effort"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn s28_the_users_file_is_in_the_home_directory_or_where_the_variable_says() {
    let place = Place::new(json!([]));
    configure(&place, "model_reasoning_effort = \"high\"");
    assert_eq!(effort(&place, &[]), "high");
    let default = place.home.join(".codex");
    fs::create_dir(&default).unwrap();
    fs::rename(place.home.join("config.toml"), default.join("config.toml")).unwrap();
    let ran: Ran = place.codex(&["exec", "go"]).env_remove("CODEX_HOME").output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(last_request(&place)["reasoning"]["effort"], "high");
    assert!(default.join("sessions").is_dir());
}

#[test]
fn s29_the_projects_file_is_at_its_root() {
    let place = Place::new(json!([]));
    project(&place, "model_reasoning_effort = \"low\"");
    fs::create_dir_all(place.workspace.join("sub/deep")).unwrap();
    for directory in [".", "sub", "sub/deep"] {
        assert_eq!(effort(&place, &["-C", directory]), "low", "{directory}");
    }
    // A repository within is a project of its own.
    fs::create_dir(place.workspace.join("sub/.git")).unwrap();
    assert_eq!(effort(&place, &["-C", "sub/deep"]), "");
}

#[test]
fn s30_the_project_wins_over_the_user_and_what_is_typed_wins_over_both() {
    let place = Place::new(json!([]));
    configure(&place, "model_reasoning_effort = \"high\"");
    project(&place, "model_reasoning_effort = \"low\"\nmodel = \"of-the-project\"");
    assert_eq!(effort(&place, &[]), "low");
    assert_eq!(last_request(&place)["model"], "of-the-project");
    assert_eq!(effort(&place, &["-c", "model_reasoning_effort=minimal", "-c", "model=typed"]), "minimal");
    assert_eq!(last_request(&place)["model"], "typed");
    exec(&place, &["-c", "model=typed", "-m", "flag"]);
    assert_eq!(last_request(&place)["model"], "flag", "a flag of its own is the strongest");
}

#[test]
fn s30_a_project_raises_its_own_privileges_only_when_it_is_trusted() {
    let table: [(&[&str], &str, bool, bool); 4] = [
        // flags, the user's level, writes outside, warns
        (&[], "workspace-write", false, true),
        (&["--trust"], "workspace-write", true, false),
        (&["--trust", "-s", "workspace-write"], "workspace-write", false, false),
        (&[], "danger-full-access", true, false),
    ];
    for (flags, level, outside, warns) in table {
        let place = place_with(&["touch ../outside"]);
        configure(&place, &format!("sandbox = \"{level}\""));
        project(&place, "sandbox = \"danger-full-access\"");
        let ran = exec(&place, flags);
        assert_eq!(place.workspace.join("../outside").exists(), outside, "{flags:?} {level}");
        assert_eq!(ran.stderr.contains("held back: `sandbox` (line 1)"), warns, "{flags:?} {level}: {}", ran.stderr);
    }
    // It is remembered, until the file changes.
    let place = place_with(&["touch ../outside"]);
    for (settings, flags, outside) in [
        ("sandbox = \"danger-full-access\"", &["--trust"][..], true),
        ("sandbox = \"danger-full-access\"", &[], true),
        ("sandbox = \"danger-full-access\" # changed", &[], false),
    ] {
        project(&place, settings);
        exec(&place, flags);
        assert_eq!(fs::remove_file(place.workspace.join("../outside")).is_ok(), outside, "{settings} {flags:?}");
    }
    // Stricter than the user's is always heeded.
    let place = place_with(&["touch made"]);
    project(&place, "sandbox = \"read-only\"");
    exec(&place, &[]);
    assert!(!place.workspace.join("made").exists());
}

#[test]
fn s31_model_has_its_default_and_is_heeded() {
    for (settings, model) in [("", "o4-mini"), ("model = \"gpt-4.1\"", "gpt-4.1")] {
        let place = Place::new(json!([]));
        bare(&place, settings);
        let ran: Ran = place.codex(&["exec", "go"]).env("OPENAI_API_KEY", "k").output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(last_request(&place)["model"], model);
    }
}

#[test]
fn s32_sandbox_has_its_default_and_its_alias() {
    let table = [
        ("", true, false),
        ("sandbox = \"read-only\"", false, false),
        ("sandbox = \"workspace-write\"", true, false),
        ("sandbox_mode = \"danger-full-access\"", true, true),
        ("sandbox = { mode = \"read-only\", hide = [\"x\"] }", false, false),
        ("sandbox_mode = \"read-only\"\nsandbox.hide = [\"x\"]", false, false),
    ];
    for (settings, inside, outside) in table {
        let place = place_with(&["touch inside", "touch ../outside"]);
        configure(&place, settings);
        exec(&place, &[]);
        let there = |path: &str| place.workspace.join(path).exists();
        assert_eq!((there("inside"), there("../outside")), (inside, outside), "{settings}");
    }
}

#[test]
fn s33_ask_for_approval_is_checked_under_both_its_names() {
    for name in ["ask_for_approval", "approval_policy"] {
        let place = Place::new(json!([]));
        configure(&place, &format!("{name} = \"on-request\""));
        exec(&place, &[]);
        fs::write(place.home.join("config.toml"), format!("{name} = \"on-requst\"\n")).unwrap();
        let ran = run(&place, &["exec", "go"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        for part in ["config.toml:1:", "on-requst", "on-request"] {
            assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
        }
    }
}

#[test]
fn s34_api_key_env_names_the_variable_of_the_key() {
    let table = [("", "OPENAI_API_KEY"), ("api_key_env = \"MY_KEY\"", "MY_KEY")];
    for (settings, variable) in table {
        let place = Place::new(json!([]));
        bare(&place, settings);
        let ran: Ran = place.codex(&["exec", "go"]).env(variable, "k3y").output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(place.server.requests()[0].header("authorization"), "Bearer k3y");
        // Without it, its name is what the user is told, and where it was named; nothing is left behind.
        let ran = run(&place, &["exec", "go"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        let named = if settings.is_empty() { "built-in default" } else { "config.toml:2:15" };
        for part in [named, &format!("and `{variable}` is not set"), "codex login"] {
            assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
        }
        assert_eq!((place.server.requests().len(), place.journals().len()), (1, 1));
        // A session that is gone on with needs it too.
        let ran = run(&place, &["exec", "resume", "--last", "go"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    }
}

#[test]
fn s35_add_dir_has_none_by_default_and_lists_of_several_layers_add_up() {
    let place = place_with(&["touch ../one/made; touch ../two/made"]);
    let (one, two) = (place.workspace.join("../one"), place.workspace.join("../two"));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&two).unwrap();
    exec(&place, &[]);
    assert!(!one.join("made").exists() && !two.join("made").exists());
    configure(&place, &format!("add_dir = [\"{}\"]", one.display()));
    exec(&place, &[]);
    assert!(one.join("made").exists() && !two.join("made").exists());
    exec(&place, &["--add-dir", "../two"]);
    assert!(two.join("made").exists());
}

/// `key` is off by default and may be switched off; switched on, it is refused by name, and nobody is asked.
fn off_and_refused(key: &str, words: &str) {
    let place = Place::new(json!([]));
    for settings in ["", &format!("{key} = false")] {
        configure(&place, settings);
        exec(&place, &[]);
        let tools = last_request(&place)["tools"].to_string();
        assert!(!tools.contains("web_search"), "{tools}");
    }
    let file = fs::read_to_string(place.home.join("config.toml")).unwrap();
    fs::write(place.home.join("config.toml"), file.replace("false", "true")).unwrap();
    let ran = run(&place, &["exec", "go"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("config.toml:1:") && ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(place.server.requests().len(), 2);
}

#[test]
fn s36_search_is_off() {
    off_and_refused("search", "nothing can search the web");
}

#[test]
fn s37_oss_is_off() {
    let place = oss::place(json!([]), oss::ollama(true, 40960));
    for (settings, model) in [("", "mock"), ("oss = false", "mock"), ("oss = true", "qwen3:8b")] {
        let file = fs::read_to_string(place.home.join("config.toml")).unwrap();
        fs::write(place.home.join("config.toml"), file.replace("oss = false\n", "")).unwrap();
        configure(&place, settings);
        exec(&place, &[]);
        assert_eq!(last_request(&place)["model"], model, "{settings}");
    }
}

const PROFILES: &str = "model = \"plain\"\n[profiles.work]\nmodel = \"work\"\nmodel_reasoning_effort = \"high\"\n\
    [profiles.fast]\nmodel = \"fast\"\nsandbox = \"read-only\"\n";

/// A place whose user has profiles.
fn with_profiles() -> Place {
    let place = Place::new(json!([]));
    let path = place.home.join("config.toml");
    let provider = fs::read_to_string(&path).unwrap().replace("model = \"mock\"", "");
    let (chosen, table) = provider.split_once('[').unwrap();
    fs::write(path, format!("{chosen}{PROFILES}[{table}")).unwrap();
    place
}

#[test]
fn s38_a_profile_is_a_group_of_settings() {
    let place = with_profiles();
    let effort = effort(&place, &["-p", "work"]);
    assert_eq!((effort.as_str(), &last_request(&place)["model"]), ("high", &json!("work")));
    exec(&place, &[]);
    assert_eq!(last_request(&place)["model"], "plain", "only when it is asked for");
    // Any key may stand in one, and what is typed wins over it.
    let ran = exec(&place, &["-p", "fast"]);
    assert!(ran.stderr.contains("sandbox read-only"), "{}", ran.stderr);
    exec(&place, &["-p", "fast", "-m", "typed", "-s", "workspace-write"]);
    assert_eq!(last_request(&place)["model"], "typed");
}

#[test]
fn s39_default_profile_ranks_above_its_file_and_below_the_project() {
    let place = with_profiles();
    configure(&place, "default_profile = \"work\"");
    exec(&place, &[]);
    assert_eq!(last_request(&place)["model"], "work");
    exec(&place, &["-p", "fast"]);
    assert_eq!(last_request(&place)["model"], "fast", "the flag replaces it");
    project(&place, "model = \"of-the-project\"");
    assert_eq!(effort(&place, &[]), "high");
    assert_eq!(last_request(&place)["model"], "of-the-project");
}

#[test]
fn s30_nested_directories_and_private_files_win_in_their_order() {
    let place = Place::new(json!([]));
    fs::create_dir_all(place.workspace.join(".git")).unwrap();
    project(&place, "model_reasoning_effort = \"low\"");
    let nested = place.workspace.join("sub/.codex");
    fs::create_dir_all(&nested).unwrap();
    fs::write(nested.join("config.toml"), "model_reasoning_effort = \"high\"").unwrap();
    assert_eq!(effort(&place, &[]), "low");
    assert_eq!(effort(&place, &["-C", "sub"]), "high");
    fs::write(place.workspace.join(".codex/config.local.toml"), "model_reasoning_effort = \"minimal\"").unwrap();
    assert_eq!(effort(&place, &["-C", "sub"]), "minimal");
}
