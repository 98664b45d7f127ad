//! A conversation that outgrows its model is summed up and goes on; what matters stays word for word, and nothing is lost.

use std::io::{BufRead, BufReader};

use codex_protocol::{
    ApprovalPolicy, CompactionReport, ServerNotification, ThreadCompactStartParams, ThreadCompactUndoParams,
    ThreadItem, ThreadItemsListParams, ThreadReadParams, TurnStatus,
};
use codex_testkit::input_tokens;
use serde_json::{Value, json};

use crate::{
    approvals::run,
    faults::every_call_has_its_answer,
    session::{Seen, Session},
    support::{Place, events},
};

/// A place whose model takes so many tokens, as it says itself and the configuration too.
fn place(window: usize, configured: u64, script: Value) -> Place {
    let mut script = script;
    script["window"] = window.into();
    let place = Place::new(script);
    let path = place.home.join("config.toml");
    let provider = std::fs::read_to_string(&path).unwrap();
    let settings = format!("model_context_window = {configured}\n{provider}stream_max_retries = 0\n");
    std::fs::write(path, settings).unwrap();
    place
}

/// The bodies of the requests, and whether each is for a summary.
fn requests(place: &Place) -> Vec<(Value, bool)> {
    let bodies = place.server.requests().into_iter().map(|request| request.body);
    bodies.map(|body| (body.clone(), body["tools"].is_null())).collect()
}

fn reports(items: &[ThreadItem]) -> Vec<&CompactionReport> {
    let reports = items.iter().filter_map(|item| match item {
        ThreadItem::ContextCompaction { report, .. } => report.as_ref(),
        _ => None,
    });
    reports.collect()
}

/// What the user is shown of a whole turn of a compaction.
async fn compact(session: &mut Session, focus: Option<&str>) -> Seen {
    let params = ThreadCompactStartParams { thread_id: session.thread_id.clone(), focus: focus.map(str::to_owned) };
    session.connection.client.thread_compact_start(params).await.unwrap();
    session.rest_of_turn(&[]).await
}

/// The part of `text` between two marks, with them.
fn part<'text>(text: &'text str, from: &str, to: &str) -> &'text str {
    let begin = text.find(from).unwrap_or_else(|| panic!("{from} is missing: {text}"));
    let end = text[begin..].find(to).unwrap_or_else(|| panic!("{to} is missing: {text}"));
    &text[begin..begin + end + to.len()]
}

/// The texts of the user's and the program's messages of a request.
fn texts(body: &Value) -> Vec<&str> {
    let items = body["input"].as_array().unwrap().iter().filter(|item| item["role"] == "user");
    items.flat_map(|item| item["content"].as_array().unwrap()).map(|piece| piece["text"].as_str().unwrap()).collect()
}

/// Guide, statement 45, and the plan of every long session: it never comes to an end.
#[tokio::test]
async fn three_hundred_turns_stay_within_the_model_and_what_is_pinned_stays_word_for_word() {
    const WINDOW: usize = 16_000;
    let plan = json!({ "plan": [
        { "step": "Read \"everything\"", "status": "completed" }, { "step": "Do it", "status": "in_progress" },
    ]});
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
    let place = place(
        WINDOW,
        WINDOW as u64,
        json!({
            "pick": "results",
            "faults": [{ "tool": "update_plan", "arguments": plan }, { "custom": "apply_patch", "input": patch }],
            "steps": [
                { "tool": "read_file", "arguments": { "path": "long.txt" } },
                { "text": "I have read it. ".repeat(60) },
            ],
            "summary": { "text": "It was read again and again." },
        }),
    );
    let config = place.home.join("config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, settings + "[permissions]\nallow = [\"make test\"]\n").unwrap();
    std::fs::write(place.workspace.join("long.txt"), "a line of a long file\n".repeat(100)).unwrap();
    std::fs::write(place.workspace.join("AGENTS.md"), "Never say \"never\".\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let mut counted = 0;
    for number in 0..300 {
        session.say(&format!("question {number}, word for word")).await;
        let seen = session.rest_of_turn(&[]).await;
        assert_eq!(seen.turn.status, TurnStatus::Completed, "{number}: {:?}", seen.turn.error);
        for report in reports(&seen.items) {
            assert_eq!((report.automatic, &report.failure), (true, &None));
            assert!(report.tokens_after < report.tokens_before / 2, "{report:?}");
            counted += 1;
        }
    }
    let requests = requests(&place);
    assert!(requests.iter().all(|(body, _)| input_tokens(body) <= WINDOW));
    let summaries = requests.iter().filter(|(_, is_summary)| *is_summary).count();
    assert!(summaries == counted && summaries > 10, "{summaries} {counted}");

    let first = requests[0].0["input"].to_string();
    let (last, _) = requests.last().unwrap();
    every_call_has_its_answer(last);
    let (sent, said) = (last["input"].to_string(), texts(last));
    let instructions = part(&first, "<instructions source=", "</instructions>");
    assert!(instructions.contains(r#"Never say \"never\"."#) && sent.contains(instructions), "{sent}");
    let summary = said.iter().find(|text| text.starts_with("<summed_up>")).unwrap();
    for expected in [
        "<plan>\n[completed] Read \"everything\"\n[in progress] Do it\n</plan>".to_owned(),
        format!("<changed_files>\n{}/made.txt\n</changed_files>", place.workspace.display()),
        "<rules>\nallow: make test\n</rules>".to_owned(),
        "<summary>\nIt was read again and again.\n</summary>".to_owned(),
    ] {
        assert!(summary.contains(&expected), "{expected}: {summary}");
    }
    for number in 290..300 {
        assert!(said.contains(&format!("question {number}, word for word").as_str()), "{number}: {said:?}");
    }
    assert!(!sent.contains("question 0,"));

    // The whole of it stays on disk.
    let thread_id = session.thread_id.clone();
    let params = ThreadItemsListParams { thread_id, limit: Some(10), ..ThreadItemsListParams::default() };
    let all = session.connection.client.thread_items_list(params).await.unwrap();
    assert!(format!("{:?}", all.data).contains("question 0,"));
}

#[tokio::test]
async fn it_is_summed_up_when_asked_for_and_brought_back() {
    let place = place(
        100_000,
        100_000,
        json!({ "summary": { "text": "A summary." }, "steps": [
            run("echo one"), { "text": "the answer" }, { "text": "unused" }, { "text": "more" }, { "text": "again" },
        ]}),
    );
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let client = session.connection.client.clone();
    let start = ThreadCompactStartParams { thread_id: session.thread_id.clone(), focus: None };
    let undo = ThreadCompactUndoParams { thread_id: session.thread_id.clone() };
    let error = client.thread_compact_start(start).await.unwrap_err().message;
    assert!(error.contains("nothing to sum up"), "{error}");
    let error = client.thread_compact_undo(undo.clone()).await.unwrap_err().message;
    assert!(error.contains("nothing to undo"), "{error}");
    session.turn(&[]).await;

    let read = ThreadReadParams { thread_id: session.thread_id.clone() };
    let before = client.thread_context(read.clone()).await.unwrap();
    assert!(before.counted && before.window == Some(100_000) && before.compact_at == Some(85_000), "{before:?}");
    let names: Vec<&str> = before.parts.iter().map(|part| part.name.as_str()).collect();
    for expected in ["instructions of this program", "results of tools", "calls of tools", "answers of the model"] {
        assert!(names.contains(&expected), "{expected}: {names:?}");
    }

    let seen = compact(&mut session, Some("the colours")).await;
    assert_eq!(seen.turn.status, TurnStatus::Completed);
    let [report] = reports(&seen.items)[..] else { panic!("{seen:?}") };
    assert!(!report.automatic && report.tokens_before > 0 && report.failure.is_none(), "{report:?}");
    assert_eq!(report.kept, ["the instructions", "1 message of yours"]);
    assert_eq!(report.dropped, ["2 answers of the model", "1 result of a tool"]);
    assert_eq!(session.view.usage.last.total_tokens, report.tokens_after, "the screen says how full it is now");
    let after = client.thread_context(read).await.unwrap();
    assert_eq!((after.counted, after.tokens), (false, report.tokens_after));
    assert!(after.parts.iter().all(|part| part.name != "results of tools"), "{after:?}");
    let (body, _) = requests(&place).pop().unwrap();
    let asked = texts(&body).pop().unwrap().to_owned();
    assert!(asked.contains("the colours") && body["input"].to_string().contains("echo one"), "{asked}");

    session.turn(&[]).await;
    let (body, _) = requests(&place).pop().unwrap();
    let sent = body["input"].to_string();
    assert!(sent.contains("A summary.") && !sent.contains("echo one") && !sent.contains("the answer"), "{sent}");

    // It outlives the process, and so does undoing it.
    drop(client);
    let mut session = session.resumed(&place).await;
    session.connection.client.thread_compact_undo(undo.clone()).await.unwrap();
    assert!(session.connection.client.thread_compact_undo(undo).await.is_err());
    for _ in 0..2 {
        session.turn(&[]).await;
        let (body, _) = requests(&place).pop().unwrap();
        every_call_has_its_answer(&body);
        let sent = body["input"].to_string();
        for expected in ["echo one", "the answer", "more"] {
            assert!(sent.contains(expected), "{expected}: {sent}");
        }
        assert!(!sent.contains("A summary."), "{sent}");
        session = session.resumed(&place).await;
    }
}

/// Turns of a session whose model takes less than the configuration says.
async fn talk(place: &Place, turns: usize) -> (Session, Vec<Seen>) {
    let mut session = Session::start(place, ApprovalPolicy::Never).await;
    let mut seen = Vec::new();
    for number in 0..turns {
        session.say(&format!("question {number}")).await;
        seen.push(session.rest_of_turn(&[]).await);
    }
    (session, seen)
}

#[tokio::test]
async fn a_request_that_the_vendor_finds_too_long_is_made_again_from_a_summary() {
    let output = |letter: &str| format!("for i in $(seq 1000); do echo {letter}{letter}{letter}{letter}; done");
    let place = place(
        6_000,
        1_000_000,
        json!({ "pick": "results", "summary": { "text": "A summary." }, "steps": [
            run(&output("o")), run(&output("p")), { "text": "done" },
        ]}),
    );
    let (_session, seen) = talk(&place, 3).await;
    for seen in &seen {
        assert_eq!(seen.turn.status, TurnStatus::Completed, "{:?}", seen.turn.error);
    }
    let reports: Vec<_> = seen.iter().flat_map(|seen| reports(&seen.items)).collect();
    assert!(reports.iter().all(|report| report.automatic && report.failure.is_none()), "{reports:?}");
    let requests = requests(&place);
    let refused = |at: &usize| input_tokens(&requests[*at].0) > 6_000;
    let too_long: Vec<usize> = (0..requests.len()).filter(refused).collect();
    assert!(!too_long.is_empty() && reports.len() >= 2);
    // The summary's own request was too long as well: it went without the oldest output.
    let (first, rest) = too_long.split_first().unwrap();
    assert_eq!(rest.first(), Some(&(first + 1)), "{too_long:?}");
    let (body, is_summary) = &requests[first + 2];
    let sent = body["input"].to_string();
    assert!(*is_summary && sent.contains("This output was left out") && sent.contains("question 0"), "{sent}");
    every_call_has_its_answer(body);
}

#[tokio::test]
async fn what_cannot_be_made_short_enough_ends_the_turn_and_says_so() {
    let refusal = json!({ "error": { "code": "context_length_exceeded", "message": "No." } }).to_string();
    let refused = json!({ "http": 400, "body": refusal });
    let long = json!({ "text": "a rather long answer, ".repeat(300) });
    let steps: Vec<Value> = [long].into_iter().chain(vec![refused; 20]).collect();
    let place = place(100_000, 1_000_000, json!({ "summary": { "text": "A summary." }, "steps": steps }));
    let (mut session, seen) = talk(&place, 2).await;
    let error = seen[1].turn.error.clone().unwrap();
    assert_eq!(seen[1].turn.status, TurnStatus::Failed);
    assert!(error.message.contains("The conversation was summed up, and is still too long"), "{error:?}");
    assert_eq!(error.codex_error_info, Some("contextWindowExceeded".into()));
    assert_eq!(requests(&place).len(), 4, "an answer, a refusal, a summary, a refusal");
    // Where a summary would be no shorter, none is asked for.
    let seen = session.turn(&[]).await;
    assert!(reports(&seen.items).is_empty() && requests(&place).len() == 5);
}

#[tokio::test]
async fn without_a_summary_nothing_changes_and_the_turn_goes_on() {
    let text = "a rather long answer, ".repeat(300);
    let place = place(100_000, 6_000, json!({ "summary": { "http": 500 }, "steps": vec![json!({ "text": text }); 5] }));
    let (mut session, seen) = talk(&place, 5).await;
    let all: Vec<_> = seen.iter().flat_map(|seen| reports(&seen.items)).collect();
    assert!(!all.is_empty() && all.iter().all(|report| report.failure.is_some()), "{all:?}");
    assert!(all.iter().all(|report| report.tokens_before == report.tokens_after), "{all:?}");
    assert!(seen.iter().all(|seen| seen.turn.status == TurnStatus::Completed));
    let (body, _) = requests(&place).pop().unwrap();
    assert!(body["input"].to_string().contains("question 0"));
    // Whoever asked for it is told that there is none.
    let seen = compact(&mut session, None).await;
    let message = seen.turn.error.unwrap().message;
    assert!(message.contains("could not be summed up, and is as it was"), "{message}");
}

/// A summary's request has no tools, and an attempt that was in vain is paid for too.
#[tokio::test]
async fn what_a_summary_used_that_does_not_come_is_counted() {
    let failed = json!({ "code": "context_length_exceeded", "message": "No." });
    let summary = json!({ "text": "x".repeat(400), "failed": failed });
    let long = "a rather long answer, ".repeat(300);
    let place = place(100_000, 100_000, json!({ "summary": summary, "steps": [{ "text": long }, { "text": "two" }] }));
    let (mut session, _) = talk(&place, 2).await;
    let seen = compact(&mut session, None).await;
    assert_eq!(seen.turn.status, TurnStatus::Failed);
    let usages: Vec<Value> = place.usages().into_iter().filter(|usage| usage["estimated"] == true).collect();
    let summaries: Vec<Value> =
        requests(&place).into_iter().filter(|(_, is_summary)| *is_summary).map(|(body, _)| body).collect();
    assert!(!summaries.is_empty());
    assert_eq!(usages.len(), summaries.len(), "{usages:?}");
    for (usage, body) in usages.iter().zip(&summaries) {
        let (counted, sent) = (usage["usage"]["inputTokens"].as_u64().unwrap(), input_tokens(body) as u64);
        assert!((sent / 2..=sent).contains(&counted), "{counted} of {sent}");
        assert_eq!(usage["usage"]["outputTokens"], 100, "{usage}");
    }
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let text = "a rather long answer, ".repeat(300);
    let place = place(100_000, 6_000, json!({ "summary": { "http": 500 }, "steps": vec![json!({ "text": text }); 5] }));
    let config = place.home.join("config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, format!("auto_compact = false\n{settings}")).unwrap();
    let (_session, seen) = talk(&place, 5).await;
    assert!(seen.iter().all(|seen| reports(&seen.items).is_empty()));
    assert!(requests(&place).iter().all(|(_, is_summary)| !is_summary));
}

#[tokio::test]
async fn interrupted_it_leaves_everything_as_it_was() {
    let place =
        place(100_000, 100_000, json!({ "summary": { "hang": true }, "steps": [run("echo one"), { "text": "two" }] }));
    let (mut session, _) = talk(&place, 1).await;
    let params = ThreadCompactStartParams { thread_id: session.thread_id.clone(), focus: None };
    session.connection.client.thread_compact_start(params).await.unwrap();
    let begun = |told: &ServerNotification| match told {
        ServerNotification::ItemStarted(started) => {
            matches!(started.item, ThreadItem::ContextCompaction { .. }).then_some(())
        }
        _ => None,
    };
    session.next(begun).await;
    // It can be looked at meanwhile.
    let read = ThreadReadParams { thread_id: session.thread_id.clone() };
    let context = session.connection.client.thread_context(read).await.unwrap();
    assert!(context.parts.iter().any(|part| part.name == "tools on offer"), "{context:?}");
    session.interrupt().await;
    let seen = session.rest_of_turn(&[]).await;
    assert_eq!(seen.turn.status, TurnStatus::Interrupted);
    assert_eq!(reports(&seen.items)[0].failure.as_deref(), Some("it was interrupted"));
    session.turn(&[]).await;
    let (body, is_summary) = requests(&place).pop().unwrap();
    every_call_has_its_answer(&body);
    assert!(!is_summary && body["input"].to_string().contains("echo one"));
}

#[test]
fn killed_while_it_is_summed_up_the_session_goes_on_as_it_was() {
    let long = "a rather long answer, ".repeat(1_200);
    let place = place(
        100_000,
        6_000,
        json!({ "summary": { "hang": true }, "steps": [
            { "text": "the beginning" }, { "text": long }, { "text": "the end" },
        ]}),
    );
    let exec = |arguments: &[&str]| {
        let output = place.codex(&[&["exec", "--json"], arguments].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        events(&output.stdout)[0]["thread_id"].as_str().unwrap().to_owned()
    };
    let id = exec(&["question 0"]);
    exec(&["resume", &id, "question 1"]);
    let mut child = place.codex(&["exec", "resume", &id, "question 2"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("summing up the conversation")));
    child.kill().unwrap();
    child.wait().unwrap();
    exec(&["resume", &id, "-c", "auto_compact=false", "question 3"]);
    let (body, is_summary) = requests(&place).pop().unwrap();
    let sent = body["input"].to_string();
    for expected in ["question 0", "question 1", "question 2", "question 3", "the beginning", &long] {
        assert!(sent.contains(expected), "{expected}: {sent}");
    }
    assert!(!is_summary);
}

/// A directory of which no states are kept: a cache, and larger than others of these.
pub(crate) fn large_cache(place: &Place, name: &str) {
    let directory = place.workspace.join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    for number in 0..2_001 {
        std::fs::write(directory.join(number.to_string()), "").unwrap();
    }
}

/// What commands changed is on the list, and what patches did where no states are kept; what was taken back or undone again is not.
#[tokio::test]
async fn the_list_of_changed_files_knows_what_commands_did() {
    let patch = "*** Begin Patch\n*** Add File: patched\n+made\n*** Add File: gone\n+made\n*** Add File: large/patched\n+made\n\
                 *** End Patch\n";
    let place = place(
        16_000,
        16_000,
        json!({
            "steps": [
                { "custom": "apply_patch", "input": patch }, run("mkdir d; echo 1 > d/made; echo 2 >> edited; rm gone"),
                { "text": "ok" }, { "text": "ok" },
            ],
            "summary": { "text": "In short." },
        }),
    );
    std::fs::write(place.workspace.join("edited"), "1\n").unwrap();
    large_cache(&place, "large");
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    std::fs::write(place.workspace.join("mine"), "the user's\n").unwrap();
    compact(&mut session, None).await;
    session.turn(&[]).await;
    let (body, _) = requests(&place).pop().unwrap();
    let listed: Vec<String> = ["d/made", "edited", "large/patched", "patched"]
        .iter()
        .map(|name| place.workspace.join(name).display().to_string())
        .collect();
    let expected = format!("<changed_files>\n{}\n</changed_files>", listed.join("\n"));
    assert!(texts(&body).iter().any(|text| text.contains(&expected)), "{body}");
}
