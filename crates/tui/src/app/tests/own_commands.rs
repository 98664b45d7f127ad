//! Commands that are not built in, in the list and used.

use codex_protocol::{ClientRequest, OwnCommand, UserInput};

use super::stage::Stage;

const SIZE: (usize, usize) = (80, 24);

fn stage() -> Stage {
    let mut stage = Stage::opened(SIZE);
    let command = |name: &str, hint: Option<&str>| OwnCommand {
        name: name.into(),
        description: "Of a file".into(),
        argument_hint: hint.map(str::to_owned),
        source: "project".into(),
    };
    stage.own = vec![command("fix-issue", Some("[issue]")), command("git:tidy", None), command("review", None)];
    stage
}

/// What was asked to be said.
fn said(stage: &Stage) -> Vec<UserInput> {
    match stage.asked.back() {
        Some((ClientRequest::TurnStart(params), _)) => params.input.clone(),
        other => panic!("{other:?}"),
    }
}

fn command(name: &str, arguments: &str) -> Vec<UserInput> {
    vec![UserInput::Command { name: name.into(), arguments: arguments.into() }]
}

#[test]
fn they_are_in_the_list_behind_those_that_are_built_in() {
    let mut stage = stage();
    stage.keys("/").types("fix");
    assert!(stage.shown().contains("/fix-issue  [issue] Of a file (project)"), "{}", stage.shown());
    stage.keys("tab").types("7").keys("enter");
    assert_eq!(said(&stage), command("fix-issue", "7"));
    let mut stage = self::stage();
    stage.keys("/").types("review");
    let shown = stage.shown();
    assert!(shown.find("/review  ").unwrap() < shown.find("/review (project)").unwrap(), "{shown}");
    stage.keys("down enter enter");
    assert_eq!(said(&stage), command("review", ""));
}

#[test]
fn one_that_is_typed_is_used_and_another_is_said_to_be_none() {
    let mut stage = stage();
    stage.says("/git:tidy now and then");
    assert_eq!(said(&stage), command("git:tidy", "now and then"));
    let mut stage = self::stage();
    stage.says("/fix-isue 7");
    assert!(stage.shown().contains("/fix-isue is no command"), "{}", stage.shown());
    assert!(stage.asked.is_empty(), "{:?}", stage.asked);
    // It can be corrected.
    assert!(stage.shown().contains("› /fix-isue 7"), "{}", stage.shown());
}

#[test]
fn while_a_turn_runs_it_waits() {
    let mut stage = stage();
    stage.works("go").clear_asked().says("/git:tidy");
    assert!(stage.asked.is_empty(), "{:?}", stage.asked);
    stage.ends("1", "completed");
    assert_eq!(said(&stage), command("git:tidy", ""));
}

#[test]
fn enter_runs_no_command_that_is_only_like_what_is_typed() {
    let mut stage = stage();
    stage.says("/sessions");
    let shown = stage.shown();
    assert!(shown.contains("/sessions is no command; did you mean /permissions?"), "{shown}");
    assert!(shown.contains("› /sessions") && stage.asked.is_empty(), "{:?} in\n{shown}", stage.asked);
    // It is completed by a key that does so, and run where it was gone to.
    assert!(stage.keys("tab").shown().contains("› /permissions"), "{}", stage.shown());
    // What begins so is meant, by another name too.
    for typed in ["/statu", "/approva", "/tid"] {
        let mut stage = self::stage();
        assert!(!stage.says(typed).shown().contains("is no command"), "{}", stage.shown());
    }
}
