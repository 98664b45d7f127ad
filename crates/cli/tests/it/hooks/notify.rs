//! The program that is told of the end of turns.

use std::fs;

use serde_json::{Value, json};

use super::{exec, hooked};

#[test]
fn the_program_of_notify_is_told_of_each_turn() {
    let place = hooked(json!([{ "text": "well done" }]), "");
    let pipe = place.unopened_pipe("told");
    let script = place.home.join("notify.sh");
    fs::write(&script, format!("printf '%s\\n%s' \"$PWD\" \"$2\" > {}\n", pipe.display())).unwrap();
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("notify = [\"sh\", \"{}\", \"first\"]\n{config}", script.display())).unwrap();
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    let (stderr, status) = exec(&place, &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let said = reader.join().unwrap();
    let (directory, told) = said.split_once('\n').unwrap();
    assert_ne!(std::path::Path::new(directory), place.workspace, "it does not start where the model writes");
    let told: Value = serde_json::from_str(told).unwrap();
    let id = told["thread-id"].as_str().unwrap().to_owned();
    assert!(place.journals().concat().contains(&id));
    let expected = json!({
        "type": "agent-turn-complete", "thread-id": id, "turn-id": "turn_0", "cwd": place.workspace,
        "input-messages": ["go"], "last-assistant-message": "well done",
    });
    assert_eq!(told, expected);
}

#[test]
fn a_project_names_no_program_and_one_that_is_missing_is_said() {
    let place = hooked(json!([{ "text": "ok" }]), "");
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), "notify = [\"touch\", \"made\"]\n").unwrap();
    let (stderr, _) = exec(&place, &["--trust"]);
    assert!(stderr.contains("`notify` is taken from your own file alone"), "{stderr}");
    let (stderr, status) = exec(&place, &["-c", "notify=[\"/no/such\"]"]);
    assert!(stderr.contains("`/no/such`, was not started") && status == Some(0), "{stderr}");
}
