//! Plan mode on the screen: in and out of it, and what becomes of the plan.

use codex_protocol::{ClientRequest, ModeKind, TurnStartParams};
use serde_json::json;

use super::{
    super::{AppEvent, Effect, Local},
    stage::{Plan, Stage},
};

const SIZE: (usize, usize) = (100, 24);

fn started(stage: &Stage) -> TurnStartParams {
    match stage.asked.front() {
        Some((ClientRequest::TurnStart(params), _)) => params.clone(),
        other => panic!("{other:?}"),
    }
}

fn mode(params: &TurnStartParams) -> Option<ModeKind> {
    params.change.collaboration_mode.as_ref().map(|mode| mode.mode)
}

/// A turn of plan mode has ended with a plan.
fn planned() -> Stage {
    let mut stage = Stage::opened(SIZE);
    stage.keys("shift+tab").clear_asked().works("plan it");
    stage.item(json!({ "type": "plan", "id": "p1", "text": "1. Do **it**." })).ends("1", "completed");
    stage
}

#[test]
fn shift_tab_goes_into_plan_mode_and_out_of_it() {
    let mut stage = Stage::opened(SIZE);
    for (expected, seen) in [(ModeKind::Plan, true), (ModeKind::Default, false)] {
        stage.keys("shift+tab");
        assert_eq!(stage.methods(), ["thread/settings/update"]);
        // The next key takes the hint away.
        assert_eq!(stage.clear_asked().keys("x").shown().contains("· plan mode ·"), seen, "{}", stage.shown());
        // What is said at once is said in it.
        stage.keys("enter");
        assert_eq!(mode(&started(&stage)), Some(expected));
        stage.clear_asked().begins("1").ends("1", "completed");
    }
    stage.says("/plan look");
    assert_eq!(stage.methods(), ["thread/settings/update", "turn/start"]);
    stage.asked.pop_front();
    assert_eq!(mode(&started(&stage)), Some(ModeKind::Plan));
}

/// A model that does not know the tool writes its plan as an answer.
#[test]
fn an_answer_is_the_plan_where_the_person_says_so() {
    let mut stage = Stage::opened(SIZE);
    stage.keys("shift+tab").clear_asked().says("/plan");
    assert!(stage.shown().contains("this is plan mode; /plan off leaves it"), "{}", stage.shown());
    stage.clear_asked().works("plan it");
    stage.item(json!({ "type": "agentMessage", "id": "a", "text": "1. Do **it**." })).ends("1", "completed");
    assert!(stage.shown().contains("/plan takes the answer as the plan"), "{}", stage.shown());
    stage.clear_asked().says("/plan");
    assert!(stage.shown().contains("› carry it out, asking"), "{}", stage.shown());
    stage.keys("enter");
    assert_eq!(started(&stage).approved_plan.as_deref(), Some("1. Do **it**."));
}

#[test]
fn a_plan_is_carried_out_as_it_is_approved() {
    let mut stage = planned();
    let shown = stage.shown();
    assert!(shown.contains("Proposed plan") && shown.contains("1. Do it.") && shown.contains("› carry it out, asking"));
    stage.keys("down enter");
    let start = started(&stage);
    assert_eq!((mode(&start), start.approved_plan.as_deref()), (Some(ModeKind::Default), Some("1. Do **it**.")));
    assert_eq!(json!(start.change.approval_policy), "on-request");
    // What could not be begun is asked about again.
    stage.refused("the disk is full");
    assert!(stage.shown().contains("the disk is full") && stage.shown().contains("carry it out, asking"));
    stage.keys("enter");
    assert_eq!(started(&stage).approved_plan.as_deref(), Some("1. Do **it**."));
    let shown = stage.clear_asked().begins("2").shown();
    assert!(!shown.contains("plan mode") && !shown.contains("carry it out"), "{shown}");
    assert!(stage.ends("2", "completed").asked.is_empty(), "it is asked about once");
}

#[test]
fn a_plan_can_be_changed_put_off_and_talked_about() {
    let mut stage = planned();
    stage.keys("down down down enter");
    assert_eq!(stage.done.pop(), Some(Effect::Edit("1. Do **it**.".into())));
    stage.event(AppEvent::Local(Local::Edited(Ok("1. Do that.".into()))));
    assert!(stage.shown().contains("as you have changed it"), "{}", stage.shown());
    stage.keys("esc");
    assert!(!stage.shown().contains("carry it out"), "{}", stage.shown());
    stage.says("/plan").keys("enter");
    let start = started(&stage);
    assert_eq!(start.approved_plan.as_deref(), Some("1. Do that."));
    assert!(json!(start.input).to_string().contains("as I have changed it"));

    let mut stage = planned();
    stage.keys("up enter").says("not like that");
    assert_eq!((mode(&started(&stage)), started(&stage).approved_plan), (Some(ModeKind::Plan), None));
    stage.clear_asked().begins("2");
    stage.item(json!({ "type": "userMessage", "id": "u2", "content": [{ "type": "text", "text": "not like that" }] }));
    stage.ends("2", "completed");
    assert!(!stage.shown().contains("carry it out"), "what was refused is not asked about again: {}", stage.shown());
}

#[test]
fn a_session_may_begin_in_plan_mode() {
    let mut stage = Stage::new(Plan { first: Some("look"), ..Plan::usual(SIZE) });
    stage.app.plan_first();
    stage.open();
    assert_eq!(stage.methods(), ["thread/settings/update", "turn/start"]);
    stage.asked.pop_front();
    assert_eq!(mode(&started(&stage)), Some(ModeKind::Plan));
    assert!(stage.keys("x").shown().contains("· plan mode ·"), "{}", stage.shown());
}
