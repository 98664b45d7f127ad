//! Changes that are agreed to in part: what was rejected is not made, and the model is told.

use std::fs;

use codex_protocol::{ApprovalDecision, ApprovalPolicy, PatchApplyStatus, ServerRequest, ThreadItem};
use serde_json::json;

use super::{last_request, patch};
use crate::{
    screen::terminal::Terminal,
    session::{Session, answer, no},
    support::Place,
};

/// Thirty lines, the first and the last of which the patch changes; a file that it makes, and one that it removes.
const PATCH: &str = "*** Update File: long\n@@\n-line 1\n+first\n line 2\n@@\n line 29\n-line 30\n+last\n\
                     *** Add File: new\n+made\n*** Delete File: old\n";

fn place() -> (Place, String) {
    let place = Place::new(json!([patch(PATCH), { "text": "So be it." }]));
    let long: String = (1..=30).map(|number| format!("line {number}\n")).collect();
    fs::write(place.workspace.join("long"), &long).unwrap();
    fs::write(place.workspace.join("old"), "kept\n").unwrap();
    (place, long)
}

fn some(hunks: &[usize]) -> ApprovalDecision {
    ApprovalDecision::AcceptHunks { hunks: hunks.to_vec() }
}

#[tokio::test]
async fn what_is_rejected_is_not_made_and_told_to_the_model() {
    let (place, long) = place();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(some(&[1, 2]))]).await;
    let read = |name: &str| fs::read_to_string(place.workspace.join(name));
    assert_eq!(read("long").unwrap(), long.replace("line 30\n", "last\n"));
    assert_eq!((read("new").unwrap(), read("old").unwrap()), ("made\n".into(), "kept\n".into()));
    let ServerRequest::FileChangeApproval(asked) = &seen.asked[0] else { panic!("{:?}", seen.asked) };
    assert!(asked.available_decisions.contains(&some(&[0, 1, 2, 3])), "{:?}", asked.available_decisions);
    let shown = seen.items.iter().find_map(|item| match item {
        ThreadItem::FileChange { changes, status: PatchApplyStatus::Completed, .. } => Some(changes),
        _ => None,
    });
    let diffs: Vec<&str> = shown.unwrap().iter().map(|change| change.diff.as_str()).collect();
    assert!(diffs.len() == 2 && !diffs[0].contains("first") && diffs[0].contains("+last"), "{diffs:?}");
    let request = last_request(&place);
    for told in ["accepted a part of the patch", "rejected these hunks", "-line 1\\n+first", "-kept"] {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
}

#[tokio::test]
async fn a_hunk_that_is_not_there_is_not_taken() {
    let (place, long) = place();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    for (hunks, expected) in [(&[0, 4][..], "there is no hunk 4"), (&[], "no hunk is named")] {
        let refused = session.answer(id, answer(some(hunks))).await.unwrap_err();
        assert!(refused.message.contains(expected), "{refused:?}");
    }
    session.answer(id, no()).await.unwrap();
    session.turn_ended().await;
    assert_eq!(fs::read_to_string(place.workspace.join("long")).unwrap(), long);
}

#[test]
fn hunks_are_rejected_by_a_key() {
    let (place, long) = place();
    let mut terminal = Terminal::start(&place, &["-a", "untrusted", "go"], 60, 100);
    terminal.until("Make these changes?").until("marks one as not wanted");
    // Arrows are for the question from the beginning; what is marked by a letter's key is not.
    terminal.press("\x1b[C", "› hunk 2 of 4");
    terminal.press(" ", "yes, to all that is not marked");
    terminal.answer("yes, to all that is not marked");
    terminal.until("So be it.").rest();
    assert_eq!(fs::read_to_string(place.workspace.join("long")).unwrap(), long.replace("line 1\n", "first\n"));
    assert!(place.workspace.join("new").exists() && !place.workspace.join("old").exists());
    assert!(last_request(&place).contains("rejected these hunks"), "{}", last_request(&place));
}
