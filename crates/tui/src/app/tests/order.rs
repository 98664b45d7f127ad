//! What is asked of the server, and in which order.

use codex_protocol::{ClientRequest, ClientResponse, ErrorKind, ThreadReadResult};
use serde_json::json;

use super::{
    super::{AppEvent, Effect, Local, Purpose},
    stage::{Plan, Stage, command_question, draft, thread, turn},
};
use crate::screen::Input;

const SIZE: (usize, usize) = (80, 24);

/// What is said in the requests that are not answered.
fn said(stage: &Stage) -> Vec<String> {
    let texts = stage.asked.iter().map(|(request, _)| match request {
        ClientRequest::TurnStart(params) => format!("start {:?}", params.input),
        ClientRequest::TurnSteer(params) => format!("steer {:?}", params.input),
        ClientRequest::ThreadShellCommand(params) => format!("shell {}", params.command),
        other => format!("{other:?}"),
    });
    texts.map(|text| text.replace("[Text { text: \"", "").replace("\" }]", "")).collect()
}

#[test]
fn what_is_said_before_the_session_is_open_waits() {
    let mut stage = Stage::new(Plan { first: Some("first"), ..Plan::usual(SIZE) });
    stage.says("second").says("!third");
    assert_eq!(stage.methods(), ["thread/start"]);
    assert_eq!(said(stage.open()), ["start first"]);
    stage.asked.clear();
    // One at a time, in order.
    assert_eq!(said(stage.begins("1").ends("1", "completed")), ["start second"]);
    stage.asked.clear();
    assert_eq!(said(stage.begins("2").ends("2", "completed")), ["shell third"]);
}

#[test]
fn enter_steers_and_tab_queues() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").says("and that");
    assert_eq!(said(&stage), ["steer and that"]);
    stage.asked.clear();
    stage.types("then").keys("tab").types("last").keys("tab");
    assert_eq!(said(&stage), [""; 0]);
    assert_eq!(said(stage.ends("1", "completed")), ["start then"]);
}

#[test]
fn what_comes_too_late_for_a_turn_begins_the_next() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").says("one").says("two").types("three").keys("tab");
    // The server is told of it after the turn has ended, the screen before.
    stage.refused("no active turn to steer").refused("no active turn to steer");
    assert_eq!(said(&stage), [""; 0]);
    assert_eq!(said(stage.ends("1", "completed")), ["start one"]);
    stage.asked.clear();
    assert_eq!(said(stage.begins("2").ends("2", "completed")), ["start two"]);
    stage.asked.clear();
    assert_eq!(said(stage.begins("3").ends("3", "completed")), ["start three"]);
}

#[test]
fn what_could_not_be_said_is_held_and_the_turn_goes_on() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").says("and that").refused("too much was said");
    assert!(stage.shown().contains("Working"), "{}", stage.shown());
    stage.ends("1", "completed");
    assert_eq!(said(&stage), [""; 0]);
    assert_eq!(said(stage.keys("enter")), ["start and that"]);
}

#[test]
fn an_interrupt_holds_the_queue_until_enter() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").types("next").keys("tab esc");
    assert_eq!(stage.methods(), ["turn/interrupt"]);
    stage.asked.clear();
    assert_eq!(said(stage.ends("1", "interrupted")), [""; 0]);
    assert_eq!(said(stage.keys("enter")), ["start next"]);
}

#[test]
fn a_turn_that_is_stopped_before_it_has_begun_is_stopped_when_it_begins() {
    let mut stage = Stage::opened(SIZE);
    stage.says("fix it").keys("esc");
    assert_eq!(stage.methods(), ["turn/start", "turn/interrupt"]);
    stage.asked.pop_back();
    stage.asked.clear();
    stage.begins("1");
    let Some((ClientRequest::TurnInterrupt(params), _)) = stage.asked.front() else { panic!("{:?}", stage.asked) };
    assert_eq!(params.turn_id, "1");
    assert!(stage.shown().contains("Stopping"), "{}", stage.shown());
}

#[test]
fn an_answer_that_is_refused_leaves_the_question_open() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").waits(600);
    stage.is_asked(7, "item/commandExecution/requestApproval", command_question()).waits(600);
    stage.keys("y").waits(600);
    assert!(!stage.shown().contains("cargo test"), "{}", stage.shown());
    // It stays open there, so it is put again.
    stage.refused_as(ErrorKind::Internal, "the rule was not saved").waits(600);
    assert!(stage.shown().contains("cargo test"), "{}", stage.shown());
    // It is not open there any more.
    stage.keys("y").refused_as(ErrorKind::NotFound, "there is no open question 7").waits(600);
    assert!(!stage.shown().contains("cargo test --all"), "{}", stage.shown());
    // Told before it is refused: it was answered elsewhere.
    stage.is_asked(8, "item/commandExecution/requestApproval", command_question()).waits(600).keys("y");
    stage.told("serverRequest/resolved", json!({ "threadId": "t", "requestId": 8 }));
    stage.refused_as(ErrorKind::Internal, "too late").waits(600);
    assert!(!stage.shown().contains("cargo test --all"), "{}", stage.shown());
}

#[test]
fn a_question_comes_up_when_the_keys_rest() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").waits(600).types("ab").waits(100);
    stage.is_asked(7, "item/commandExecution/requestApproval", command_question());
    assert_eq!(stage.wakes_in(), Some(300), "the next second of the turn's time comes first");
    stage.waits(300);
    assert_eq!(stage.wakes_in(), Some(100));
    // What is pasted then goes to the composer as well.
    stage.waits(100).event(AppEvent::Input(Input::Paste("pasted".into()))).types("c");
    assert_eq!(stage.app.draft(), draft("abpastedc"));
}

#[test]
fn nothing_happens_while_a_question_waits_for_another() {
    let mut stage = Stage::opened(SIZE);
    stage.types("a").keys("backspace").waits(1500);
    for id in [7, 8] {
        stage.is_asked(id, "item/commandExecution/requestApproval", command_question());
    }
    assert_eq!(stage.wakes_in(), None, "{}", stage.shown());
}

#[test]
fn a_person_who_looks_elsewhere_is_told() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").waits(600).ends("1", "completed");
    assert_eq!(stage.done, [], "the terminal is looked at");
    stage.event(AppEvent::Input(Input::Focus(false))).works("more").waits(600);
    stage.is_asked(7, "item/commandExecution/requestApproval", command_question());
    stage.told("serverRequest/resolved", json!({ "threadId": "t", "requestId": 7 })).ends("1", "completed");
    let told = |text: &str| Effect::Send(format!("\u{1b}]9;codex: {text}\u{7}").into_bytes());
    assert_eq!(stage.done, [told("an answer is needed"), told("done")]);
}

#[test]
fn files_are_asked_for_only_where_there_are_some() {
    let mut stage = Stage::new(Plan::usual(SIZE));
    stage.types("@ma");
    assert_eq!(stage.methods(), ["thread/start"]);
    assert!(!stage.shown().contains('✗'), "{}", stage.shown());
    stage.open();
    assert_eq!(stage.methods(), ["fuzzyFileSearch"]);
    stage.refused("it cannot be searched");
    assert!(!stage.shown().contains('✗'), "an error for each key: {}", stage.shown());
}

#[test]
fn files_are_asked_for_again_until_all_are_known() {
    let answer = |paths: &[&str], partial| {
        let file =
            |path: &&str| json!({ "root": "/w", "path": path, "match_type": "file", "score": 1, "file_name": path });
        let files: Vec<_> = paths.iter().map(file).collect();
        ClientResponse::FuzzyFileSearch(serde_json::from_value(json!({ "files": files, "partial": partial })).unwrap())
    };
    let mut stage = Stage::opened(SIZE);
    stage.types("@").clear_asked().types("m").answered(answer(&["some"], true));
    assert!(stage.shown().contains("some"), "{}", stage.shown());
    assert_eq!(stage.methods(), ["fuzzyFileSearch"]);
    // What is asked for again is what is typed by then.
    stage.types("a").answered(answer(&["more"], true));
    assert_eq!(stage.methods(), ["fuzzyFileSearch"]);
    stage.answered(answer(&["main"], false));
    assert!(stage.shown().contains("main") && !stage.shown().contains("some"), "{}", stage.shown());
    assert_eq!(stage.methods(), [""; 0]);
}

#[test]
fn ctrl_c_clears_then_interrupts_then_leaves() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").types("half").keys("ctrl+c");
    assert_eq!(stage.methods(), [""; 0]);
    stage.keys("ctrl+c");
    assert_eq!(stage.methods(), ["turn/interrupt"]);
    stage.ends("1", "interrupted").keys("ctrl+c");
    assert_eq!(stage.done, []);
    assert_eq!(stage.keys("x backspace ctrl+c").done, [], "another key in between");
    assert_eq!(stage.keys("ctrl+c").done, [Effect::Quit]);
}

#[test]
fn a_signal_stops_the_turn_and_then_ends_the_program() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").event(AppEvent::Interrupted);
    assert_eq!((stage.methods(), &stage.done), (vec!["turn/interrupt".to_owned()], &vec![]));
    assert_eq!(stage.event(AppEvent::Interrupted).done, [Effect::Quit], "it does not stop");
    let mut stage = Stage::opened(SIZE);
    assert_eq!(stage.event(AppEvent::Interrupted).done, [Effect::Quit], "nothing runs");
}

#[test]
fn what_the_editor_leaves_is_in_the_composer() {
    let mut stage = Stage::opened(SIZE);
    stage.types("half").keys("ctrl+g");
    assert_eq!(stage.done, [Effect::Edit("half".into())]);
    stage.event(AppEvent::Local(Local::Edited(Ok("whole".into()))));
    assert_eq!(stage.app.draft(), draft("whole"));
    stage.event(AppEvent::Local(Local::Edited(Err("no editor".into()))));
    assert_eq!(stage.app.draft(), draft("whole"));
    assert!(stage.shown().contains("✗ no editor"), "{}", stage.shown());
}

#[test]
fn a_command_that_is_wrong_can_be_corrected() {
    let mut stage = Stage::opened(SIZE);
    stage.says("/theme no-such");
    assert!(stage.shown().contains('✗'), "{}", stage.shown());
    assert_eq!(stage.app.draft(), draft("/theme no-such"));
}

#[test]
fn a_session_that_did_not_open_can_be_tried_again() {
    let mut stage = Stage::new(Plan { first: Some("first"), ..Plan::usual(SIZE) });
    stage.refused("there is no model `x`");
    assert!(stage.shown().contains("✗ there is no model `x`"), "{}", stage.shown());
    stage.says("/new");
    assert_eq!(stage.methods(), ["thread/start"]);
    stage.open();
    stage.keys("enter");
    assert_eq!(said(&stage), ["start first"]);
}

#[test]
fn settings_are_said_when_the_server_has_taken_them() {
    let mut stage = Stage::opened(SIZE);
    stage.says("/model other");
    assert_eq!(stage.methods(), ["thread/settings/update"]);
    stage.done(ClientResponse::ThreadSettingsUpdate);
    assert!(!stage.shown().contains("other ("), "{}", stage.shown());
}

#[test]
fn the_branch_is_asked_for_when_a_turn_has_ended() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it");
    assert_eq!(stage.branch_asked, 0);
    stage.ends("1", "completed");
    assert_eq!(stage.branch_asked, 1);
    let mut thread = thread("").thread;
    thread.git_info.as_mut().unwrap().branch = Some("other".into());
    let read = ClientResponse::ThreadRead(ThreadReadResult { thread });
    stage.event(AppEvent::Answered(Purpose::Branch, Ok(read)));
    assert!(stage.shown().contains(" · other · "), "{}", stage.shown());
}

#[test]
fn what_is_not_sent_is_kept_a_second_later() {
    let mut stage = Stage::opened(SIZE);
    assert_eq!(stage.wakes_in(), None);
    stage.types("ha").waits(400).types("lf");
    assert_eq!(stage.wakes_in(), Some(1000));
    assert_eq!(stage.waits(999).kept, []);
    assert_eq!(stage.waits(1).kept, [draft("half")]);
    assert_eq!(stage.wakes_in(), None);
    // What waits is kept with what is typed.
    stage.keys("ctrl+c").works("fix it").types("one").keys("tab").types("two");
    stage.waits(1000);
    assert_eq!(stage.kept.last(), Some(&draft("one\n\ntwo")));
    stage.keys("ctrl+c").ends("1", "completed").begins("2").waits(1000);
    assert_eq!(stage.kept.last(), Some(&draft("")));
    stage.types(" secret").waits(1000);
    assert_eq!(stage.kept.last(), Some(&draft("")));
}

#[test]
fn what_was_typed_before_is_said_to_be_put_back() {
    let plan = Plan { typed: Some("half"), ..Plan::usual(SIZE) };
    let mut stage = Stage::new(plan);
    assert!(stage.shown().contains("put back"), "{}", stage.shown());
    assert!(!stage.keys("x").shown().contains("put back"), "{}", stage.shown());
    assert_eq!(stage.app.draft(), draft("halfx"));
}

#[test]
fn a_rule_is_forgotten_and_the_page_shown_anew() {
    let mut stage = Stage::opened(SIZE);
    let permissions = |rules: serde_json::Value| {
        let read = json!({
            "sandbox": "workspace-write", "heldBy": "Landlock", "approvalPolicy": "on-request", "fullAuto": false,
            "writable": [], "temp": null, "network": { "type": "off" }, "rules": rules, "granted": [], "decisions": [],
        });
        ClientResponse::PermissionsRead(serde_json::from_value(read).unwrap())
    };
    let rule = json!([{ "kind": "allow", "text": "make", "origin": "config.toml:1:1", "remembered": true }]);
    stage.says("/permissions").answered(permissions(rule.clone())).keys("f").answered(permissions(rule)).keys("enter");
    let Some((ClientRequest::PermissionsForget(params), _)) = stage.asked.front() else { panic!("{:?}", stage.asked) };
    assert_eq!(params.rule, "make");
    stage.done(ClientResponse::PermissionsForget).answered(permissions(json!([])));
    let shown = stage.shown();
    assert!(shown.contains("Permissions") && !shown.contains("forget a rule"), "{shown}");
    assert!(stage.keys("esc").shown().contains("forgotten, here and later: make"), "{}", stage.shown());
}

#[test]
fn what_still_comes_from_a_session_that_was_left_is_not_shown() {
    let mut stage = Stage::opened(SIZE);
    let late = |stage: &mut Stage| {
        let item = json!({ "type": "agentMessage", "id": "m9", "text": "from before" });
        stage.item(item);
        stage.ends("1", "completed");
        assert!(!stage.shown().contains("from before"), "{}", stage.shown());
        assert_eq!(stage.branch_asked, 0);
    };
    stage.says("/new");
    assert_eq!(stage.methods(), ["thread/unsubscribe", "thread/start"]);
    late(&mut stage);
    stage.asked.pop_front();
    let mut next = thread("");
    next.thread.id = "next".into();
    stage.answered(ClientResponse::ThreadStart(next));
    late(&mut stage);
    // Nor does what ran in it run on here.
    let command =
        json!({ "type": "commandExecution", "id": "c9", "command": "make", "cwd": "/", "status": "inProgress" });
    stage
        .clear_asked()
        .says("make it")
        .told("turn/started", json!({ "threadId": "next", "turn": turn("7", "inProgress") }));
    stage.told("item/started", json!({ "threadId": "next", "turnId": "7", "startedAtMs": 0, "item": command }));
    stage.told("turn/completed", json!({ "threadId": "next", "turn": turn("7", "completed") }));
    assert!(stage.shown().contains("runs on"), "{}", stage.shown());
    // One that is gone back to is shown.
    stage.says("/resume t").clear_asked();
    assert!(!stage.shown().contains("runs on"), "{}", stage.shown());
    stage.told("warning", json!({ "threadId": "t", "message": "it is old" }));
    assert!(stage.shown().contains("it is old"), "{}", stage.shown());
}

#[test]
fn enter_in_the_list_of_commands_takes_no_argument_that_was_not_chosen() {
    for (keys, expected) in [
        // The name is completed, then the command is run.
        ("/ p e r enter enter", "thread/permissions/read"),
        ("/ p e r enter down enter enter", "thread/settings/update"),
        ("/ p e r tab r e a d enter enter", "thread/settings/update"),
        ("/ p s enter", "thread/backgroundTerminals/list"),
    ] {
        let mut stage = Stage::opened(SIZE);
        stage.keys(keys);
        assert_eq!(stage.methods(), [expected], "{keys}: {}", stage.shown());
    }
}

/// What is said before the branch is there is said in it.
#[test]
fn what_is_said_while_a_session_branches_waits_for_the_branch() {
    let mut stage = Stage::opened((80, 24));
    stage.says("/fork now").says("more");
    assert_eq!(stage.methods(), ["thread/fork"]);
    stage.answered(ClientResponse::ThreadFork(thread("first")));
    assert_eq!(stage.methods(), ["thread/unsubscribe", "turn/start"]);
    stage.clear_asked().begins("1").ends("1", "completed");
    stage.says("/fork now").says("again").refused("no room");
    assert_eq!(stage.methods(), ["turn/start"], "it is said where it was typed");
}
