//! A machine without namespaces: whether commands that write may run behind weaker walls is asked once a session.

use codex_protocol::{ApprovalDecision, ApprovalPolicy, CommandExecutionStatus::Declined, TurnStatus};
use serde_json::json;

use super::{command_status, last_request, run};
use crate::{
    sandbox::rungs::{NO_NAMESPACES, in_surroundings},
    session::{Session, answer, command, no, terms, yes},
    support::Place,
};

#[test]
fn weaker_walls_are_asked_about_once_a_session() {
    not_inside_another_sandbox!();
    in_surroundings(NO_NAMESPACES, &[], "approvals::weaker_walls::without_namespaces", "asked");
}

/// What the test binary does when the test above starts it without namespaces; in an ordinary run, nothing.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the environment is this test's own")]
async fn without_namespaces() {
    if std::env::var("RUNG").as_deref() == Ok("asked") {
        a_yes_stands_for_the_session().await;
        a_no_stands_for_the_session().await;
        a_stop_is_a_no().await;
        the_command_is_another_question().await;
        what_only_reads_is_not_asked_about().await;
        where_nobody_can_be_asked_it_is_refused().await;
    }
}

async fn a_yes_stands_for_the_session() {
    let ok = json!({ "text": "ok" });
    let steps = [run("touch one"), run("touch two"), ok.clone(), run("touch more"), ok.clone(), run("touch three"), ok];
    let place = Place::new(json!(steps));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes()]).await;
    assert!(place.workspace.join("one").exists() && place.workspace.join("two").exists(), "{seen:?}");
    let asked = command(&seen.asked[0]);
    let reason = asked.reason.as_deref().unwrap();
    for told in [".git/hooks", "modes, owners, times", "for good", "sandbox.allow_weak = true"] {
        assert!(reason.contains(told), "{told} is missing: {reason}");
    }
    assert_eq!(
        asked.available_decisions,
        [ApprovalDecision::Accept, ApprovalDecision::Decline, ApprovalDecision::Cancel]
    );
    let terms = terms(&seen.asked[0]);
    assert!(!terms.not_held.is_empty() && terms.confinement.contains("with weaker walls"), "{terms:?}");
    session.turn(&[]).await;
    assert!(place.workspace.join("more").exists());
    // It is not remembered any longer than that.
    let mut another = Session::start(&place, ApprovalPolicy::OnRequest).await;
    another.turn(&[no()]).await;
    assert!(!place.workspace.join("three").exists());
}

async fn a_no_stands_for_the_session() {
    let steps =
        [run("touch one"), run("touch two"), json!({ "text": "ok" }), run("touch three"), json!({ "text": "ok" })];
    let place = Place::new(json!(steps));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[no()]).await;
    assert_eq!(command_status(&seen.items), [Declined; 2]);
    let seen = session.turn(&[]).await;
    assert_eq!(command_status(&seen.items), [Declined]);
    assert!(!["one", "two", "three"].iter().any(|name| place.workspace.join(name).exists()));
    let request = last_request(&place);
    for told in ["weaker walls only, and the user did not agree", "sandbox.allow_weak = true"] {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
}

async fn a_stop_is_a_no() {
    let place = Place::new(json!([run("touch one"), run("touch two"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[answer(ApprovalDecision::Cancel)]).await;
    assert_eq!(seen.turn.status, TurnStatus::Interrupted);
    session.turn(&[]).await;
    assert!(!place.workspace.join("one").exists() && !place.workspace.join("two").exists());
}

async fn the_command_is_another_question() {
    let place = Place::new(json!([run("touch one"), run("touch two"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[yes(), no(), yes()]).await;
    let about: Vec<_> =
        seen.asked.iter().map(|asked| (command(asked).command.as_str(), terms(asked).not_held.is_empty())).collect();
    assert_eq!(about, [("touch one", false), ("touch one", true), ("touch two", true)]);
    assert!(!place.workspace.join("one").exists() && place.workspace.join("two").exists());
    // The item is told once, however many questions are about it.
    assert_eq!(seen.told.iter().filter(|word| *word == "item started").count(), 3, "{:?}", seen.told);
}

async fn what_only_reads_is_not_asked_about() {
    let place = Place::new(json!([run("ls /"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.turn(&[]).await;
    assert!(last_request(&place).contains("usr"), "{}", last_request(&place));
}

async fn where_nobody_can_be_asked_it_is_refused() {
    let place = Place::new(json!([run("touch one"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    assert!(!place.workspace.join("one").exists());
    assert!(last_request(&place).contains("sandbox.allow_weak = true"), "{}", last_request(&place));
}
