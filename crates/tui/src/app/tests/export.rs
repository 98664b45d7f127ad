//! The transcript is written whole, in the form that the file's name says.

use codex_protocol::ClientResponse;
use serde_json::json;

use super::{super::Effect, stage::Stage};

/// A page of the transcript, after which another one comes if it has a cursor.
fn page(said: &str, next: Option<&str>) -> ClientResponse {
    let item = json!({ "type": "agentMessage", "id": said, "text": said });
    let entry = json!({ "turnId": "1", "startedAtMs": null, "completedAtMs": null, "item": item });
    let list = json!({ "data": [entry], "nextCursor": next, "backwardsCursor": null });
    ClientResponse::ThreadItemsList(serde_json::from_value(list).unwrap())
}

#[test]
fn all_pages_become_one_document() {
    for (typed, begins) in [("/export", "# Session\n"), ("/export a.html", "<!DOCTYPE html>\n")] {
        let mut stage = Stage::opened((80, 12));
        stage.says(typed).answered(page("first", Some("9")));
        let (asked, _) = stage.asked.front().expect("the next page is asked for");
        assert_eq!(json!(asked)["params"]["cursor"], "9");
        stage.answered(page("second", None));
        let Some(Effect::Write { path, text }) = stage.done.pop() else { panic!("{:?}", stage.done) };
        assert_eq!(path.as_deref(), typed.strip_prefix("/export ").or(None));
        assert!(text.starts_with(begins), "{text}");
        let (first, second) = (text.find("first").unwrap(), text.find("second").unwrap());
        assert!(first < second, "{text}");
    }
}
