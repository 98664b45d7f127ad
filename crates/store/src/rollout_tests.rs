//! Tests of `rollout`.

use std::fs;

use super::*;
use crate::{
    ItemsWanted, SessionsWanted, delete, find, find_current, find_journal, items, list, rename, replay, search,
};

const ID: &str = "0198c5f2-7a6e-7000-8000-0123456789ab";

fn kept(home: &Path) -> PathBuf {
    let directory = home.join("sessions/2025/08/20");
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(format!("rollout-2025-08-20T10-11-12-{ID}.jsonl"));
    let line = |kind: &str, payload: Value| {
        serde_json::json!({ "timestamp": "2025-08-20T10:11:12.000Z", "type": kind, "payload": payload }).to_string()
    };
    let message = |role: &str, kind: &str, text: &str| {
        let content = serde_json::json!([{ "type": kind, "text": text }]);
        line("response_item", serde_json::json!({ "type": "message", "role": role, "content": content }))
    };
    let item = |item: Value| line("response_item", item);
    let text = [
        line(
            "session_meta",
            serde_json::json!({ "id": ID, "timestamp": "2025-08-20T10:11:12Z", "cwd": "/work", "originator": "codex_exec",
                "cli_version": "0.151.0", "source": "exec", "model_provider": "openai" }),
        ),
        message("developer", "input_text", "rules"),
        message("user", "input_text", "<environment_context>x</environment_context>"),
        message("user", "input_text", "mend the parser"),
        line("event_msg", serde_json::json!({ "type": "user_message", "message": "mend the parser" })),
        item(serde_json::json!({ "type": "reasoning", "summary": [], "encrypted_content": "x" })),
        message("assistant", "output_text", "I look."),
        item(serde_json::json!({ "type": "function_call", "name": "exec_command", "call_id": "c1",
            "arguments": "{\"cmd\":\"ls\"}" })),
        item(
            serde_json::json!({ "type": "custom_tool_call", "name": "apply_patch", "call_id": "c2", "input": "*** Begin" }),
        ),
        item(serde_json::json!({ "type": "function_call_output", "call_id": "c1", "output": "a.rs" })),
        "not JSON".into(),
        item(serde_json::json!({ "type": "custom_tool_call_output", "call_id": "c2",
            "output": [{ "type": "input_text", "text": "done" }] })),
        item(serde_json::json!({ "type": "function_call_output", "call_id": "gone", "output": "x" })),
        message("assistant", "output_text", "Mended."),
        line(
            "response_item",
            serde_json::json!({ "type": "message", "role": "user", "content": [
            { "type": "input_text", "text": "thanks" }, { "type": "input_image", "image_url": "data:image/png;base64,AAAA" },
            { "type": "input_image", "image_url": "https://example.com/x.png" }, { "type": "input_text", "text": " " }] }),
        ),
        item(
            serde_json::json!({ "type": "function_call", "name": "exec_command", "call_id": "c3", "arguments": "{}" }),
        ),
    ];
    fs::write(&path, text.join("\n") + "\n{\"torn").unwrap();
    path
}

#[test]
fn a_session_of_the_codex_cli_is_listed_and_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let path = kept(home.path());
    let before = fs::read(&path).unwrap();
    let wanted = SessionsWanted { limit: 9, cwd: Some(Path::new("/work")), ..SessionsWanted::default() };
    let listed = list(home.path(), &wanted).0.pop().unwrap();
    assert_eq!((listed.id(), listed.facts.preview.as_str()), (ID, "mend the parser"));
    assert_eq!((listed.facts.created_at_ms, &listed.path), (1_755_684_672_000, &path));
    assert_eq!(find(home.path(), &ID[..8]).unwrap(), path);

    let journal = find_current(home.path(), ID).unwrap();
    assert_ne!(journal, path);
    // Only once, and from then on it is the session.
    assert_eq!(find_current(home.path(), ID).unwrap(), journal);
    assert_eq!(
        list(home.path(), &wanted).0.into_iter().map(|listed| listed.path).collect::<Vec<_>>(),
        std::slice::from_ref(&journal)
    );
    assert_eq!(fs::read(&path).unwrap(), before, "the file is as it was");

    let (_open, lines, unreadable) = crate::testing::opened(&journal);
    let replayed = replay(lines).unwrap();
    let word = |message: &Message| match message {
        Message::User { content } => format!("user {}", preview::line(content)),
        Message::Assistant { content } => format!("assistant {}", content.len()),
        Message::ToolResult { call_id, content, freeform } => {
            format!("{call_id} {freeform} {}", preview::line(content).chars().take(9).collect::<String>())
        }
        Message::Developer { .. } => "developer".into(),
    };
    let conversation: Vec<String> = replayed.conversation.history.messages().map(word).collect();
    let expected = [
        "user mend the parser",
        "assistant 3",
        "c1 false a.rs",
        "c2 true done",
        "assistant 1",
        "user thanks",
        "assistant 1",
        "c3 false The progr",
    ];
    assert_eq!((conversation, unreadable, replayed.turns), (expected.map(str::to_owned).to_vec(), 0, 2));
    let wanted = ItemsWanted { limit: 99, ..ItemsWanted::default() };
    let kinds: Vec<String> =
        items(&journal, &wanted).unwrap().items.iter().map(|stored| stored.item.id().to_owned()).collect();
    assert_eq!(kinds.first().map(String::as_str), Some("turn_0_item_0"));
    assert_eq!(kinds.len(), 6);
}

#[test]
fn what_it_says_is_taken_with_its_times_and_pictures() {
    let home = tempfile::tempdir().unwrap();
    let path = kept(home.path());
    let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_755_690_000);
    File::open(&path).unwrap().set_modified(written).unwrap();
    let journal = find_journal(home.path(), ID).unwrap();
    assert_eq!(journal, path.with_file_name(format!("2025-08-20T10-11-12-{ID}.jsonl")));
    assert_eq!(journal.metadata().unwrap().modified().unwrap(), written, "nothing was said since");
    let (_open, lines, _) = crate::testing::opened(&journal);
    assert!(lines.iter().all(|line| line.at == 1_755_684_672_000), "{lines:?}");
    let pictures: Vec<_> = lines
        .iter()
        .filter_map(|line| match &line.record {
            Record::Message { message: Message::User { content } } => Some(content.len()),
            _ => None,
        })
        .collect();
    assert_eq!(pictures, [1, 2]);
}

#[test]
fn what_is_done_to_the_session_counts_for_either_file() {
    let home = tempfile::tempdir().unwrap();
    let path = kept(home.path());
    let before = fs::read(&path).unwrap();
    let found = |term| {
        let wanted = SessionsWanted { term, limit: 9, ..SessionsWanted::default() };
        search(home.path(), &wanted).0.pop().map(|said| said.snippet)
    };
    let said = || (found("MEND"), found("i look"), found("rules"), found("exec_command"));
    let expected = (Some("Mended.".to_owned()), Some("I look.".to_owned()), None, None);
    assert_eq!(said(), expected);
    rename(&path, Some("parser".into())).unwrap();
    assert_eq!(said(), expected, "in the journal as well");
    let named = find(home.path(), "Parser").unwrap();
    assert!(named != path && fs::read(&path).unwrap() == before);
    delete(home.path(), &named).unwrap();
    assert!(!path.exists() && !named.exists(), "it would be there again");
}

#[test]
fn what_was_summed_up_stays_summed_up() {
    let message = |role: &str, text: &str| serde_json::json!({ "type": "message", "role": role, "content": [{ "type": "input_text", "text": text }] });
    let replacement = [
        message("developer", "rules"),
        message("user", "<environment_context>x</environment_context>"),
        message("user", "mend the parser"),
        message("user", "Summary."),
    ];
    let table = [
        (
            serde_json::json!({ "message": "Summary.", "replacement_history": replacement }),
            vec!["mend the parser", "Summary."],
        ),
        (serde_json::json!({ "message": "Summary." }), vec!["Summary."]),
        // Nothing is known of it.
        (serde_json::json!({ "message": null }), vec!["mend the parser", "thanks"]),
    ];
    for (payload, expected) in table {
        let home = tempfile::tempdir().unwrap();
        let path = kept(home.path());
        let line =
            serde_json::json!({ "timestamp": "2025-08-20T10:11:12.000Z", "type": "compacted", "payload": payload });
        let before = fs::read_to_string(&path).unwrap();
        fs::write(&path, before.replace("{\"torn", &format!("{line}\n{{\"torn"))).unwrap();
        let (_open, replayed, _) = crate::Journal::open(&find_journal(home.path(), ID).unwrap()).unwrap();
        let users = replayed.conversation.history.messages().filter_map(|message| match message {
            Message::User { content } => Some(preview::line(content)),
            _ => None,
        });
        assert_eq!(users.collect::<Vec<_>>(), expected, "{payload}");
        assert_eq!(replayed.preview, "mend the parser");
    }
}

#[test]
fn turns_that_were_undone_do_not_come_back() {
    let line = |kind: &str, payload: Value| {
        serde_json::json!({ "timestamp": "2025-08-20T10:11:12.000Z", "type": kind, "payload": payload }).to_string()
    };
    let user = |text: &str| {
        let content = serde_json::json!([{ "type": "input_text", "text": text }]);
        line("response_item", serde_json::json!({ "type": "message", "role": "user", "content": content }))
    };
    let back = |count: u64| line("event_msg", serde_json::json!({ "type": "thread_rolled_back", "num_turns": count }));
    // In the file the user has said "mend the parser" and "thanks"; the agent, "Mended." before the latter.
    let table = [
        (vec![], vec!["mend the parser", "thanks"], true, true),
        (vec![back(0)], vec!["mend the parser", "thanks"], true, true),
        (vec![back(1)], vec!["mend the parser"], true, false),
        (vec![back(2)], vec![], false, false),
        (vec![back(9)], vec![], false, false),
        (vec![back(1), user("go on"), back(1)], vec!["mend the parser"], true, false),
        (vec![back(1), user("go on"), back(2), user("anew")], vec!["anew"], false, false),
        (vec![back(2), user("anew"), user("thanks again"), back(1)], vec!["anew"], false, false),
    ];
    for (added, expected, mended, thanks) in table {
        let home = tempfile::tempdir().unwrap();
        let path = kept(home.path());
        let before = fs::read_to_string(&path).unwrap();
        fs::write(&path, before.replace("{\"torn", &(added.join("\n") + "\n{\"torn"))).unwrap();
        let check = |of: &str| {
            let preview = expected.first().copied().unwrap_or_default();
            let listed = list(home.path(), &SessionsWanted { limit: 9, ..SessionsWanted::default() }).0.remove(0);
            assert_eq!(listed.facts.preview, preview, "{of}: {added:?}");
            let finds = |term| {
                let wanted = SessionsWanted { term, limit: 9, ..SessionsWanted::default() };
                !search(home.path(), &wanted).0.is_empty()
            };
            assert_eq!((finds("mended"), finds("thanks")), (mended, thanks), "{of}: {added:?}");
        };
        check("the rollout");
        let journal = find_journal(home.path(), ID).unwrap();
        let (_open, replayed, _) = crate::Journal::open(&journal).unwrap();
        let users = replayed.conversation.history.messages().filter_map(|message| match message {
            Message::User { content } => Some(preview::line(content)),
            _ => None,
        });
        assert_eq!(users.collect::<Vec<_>>(), expected, "{added:?}");
        check("the journal");
    }
}

#[test]
fn what_is_none_is_left_out() {
    let home = tempfile::tempdir().unwrap();
    let path = kept(home.path());
    let other = path.with_file_name("rollout-2025-08-20T10-11-12-other.jsonl");
    fs::copy(&path, &other).unwrap();
    fs::write(path.with_file_name("rollout-2025-08-20T10-11-12-empty.jsonl"), "").unwrap();
    let wanted = SessionsWanted { limit: 9, ..SessionsWanted::default() };
    assert_eq!(list(home.path(), &wanted).0.len(), 1);
    let error = find_current(home.path(), "other").unwrap_err().to_string();
    assert!(error.contains("no session of any kind"), "{error}");
    let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(files, 3, "nothing was made of it");
}
