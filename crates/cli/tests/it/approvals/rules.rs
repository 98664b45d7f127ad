//! Rules and questions together: what a rule lets pass, what it does not, and what an answer adds to them.

use std::fs;

use codex_protocol::{ApprovalDecision, ApprovalPolicy, ThreadStartParams};
use serde_json::{Value, json};

use super::{last_request, patch, run};
use crate::{
    sandbox::visible_directory,
    session::{Session, answer, command, no, terms, yes},
    support::Place,
};

/// A place that commands see whole, with rules in the user's file, and a model that runs `commands`.
fn place_with(rules: &str, commands: &[&str]) -> Place {
    let steps: Vec<Value> = commands.iter().map(|cmd| run(cmd)).chain([json!({ "text": "ok" })]).collect();
    let place = Place::below(&visible_directory(), json!({ "pick": "results", "steps": steps }));
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{config}\n[permissions]\n{rules}\n")).unwrap();
    place
}

fn always(words: &[&str]) -> ApprovalDecision {
    let execpolicy_amendment = words.iter().map(|word| (*word).to_owned()).collect();
    ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment }
}

/// The commands of a turn that were asked about.
async fn asked(session: &mut Session, answers: usize) -> Vec<String> {
    let seen = session.turn(&vec![no(); answers]).await;
    seen.asked.iter().map(|asked| command(asked).command.clone()).collect()
}

#[tokio::test]
async fn yes_always_saves_the_rule_that_was_shown_and_asks_no_more() {
    let place = place_with("", &["touch made", "touch made", "touch other"]);
    // A project of its own, wherever the tests are built.
    fs::create_dir(place.workspace.join(".git")).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(always(&["touch", "made"])), no()]).await;
    let first = command(&seen.asked[0]);
    assert_eq!(first.terms.remember.as_deref(), Some("=touch made"));
    assert_eq!(first.proposed_execpolicy_amendment.as_deref().unwrap(), ["touch", "made"]);
    assert_eq!(command(&seen.asked[1]).command, "touch other");
    let saved = fs::read_to_string(place.home.join("config.toml")).unwrap();
    assert!(saved.contains(&format!("[permissions.projects.\"{}\"]", place.workspace.display())), "{saved}");
    assert!(saved.contains("\"=touch made\""), "{saved}");
    // The next session reads it.
    let mut next = Session::start(&place, ApprovalPolicy::Untrusted).await;
    assert_eq!(asked(&mut next, 1).await, ["touch other"]);
}

#[tokio::test]
async fn the_first_words_may_be_allowed_instead_of_the_whole() {
    let place = place_with("", &["touch made", "touch other", "mkdir made-too"]);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(always(&["touch"])), no()]).await;
    assert_eq!(command(&seen.asked[1]).command, "mkdir made-too");
    assert!(fs::read_to_string(place.home.join("config.toml")).unwrap().contains("\"touch\""));
    assert!(place.workspace.join("other").exists());
}

/// A rule that cannot be saved allows nothing, and the question stays.
#[tokio::test]
async fn a_rule_that_was_not_asked_about_is_an_error() {
    let place = place_with("", &["touch made"]);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    let before = fs::read_to_string(place.home.join("config.toml")).unwrap();
    let error = session.answer(id, answer(always(&["rm"]))).await.unwrap_err();
    assert!(error.message.contains("the rule may be `=touch made`"), "{error}");
    fs::write(place.home.join("config.toml"), "[permissions\n").unwrap();
    let error = session.answer(id, answer(always(&["touch", "made"]))).await.unwrap_err();
    assert!(error.message.contains("the rule `=touch made` was not saved"), "{error}");
    fs::write(place.home.join("config.toml"), &before).unwrap();
    session.answer(id, no()).await.unwrap();
    session.turn_ended().await;
    assert!(!place.workspace.join("made").exists());
    assert_eq!(fs::read_to_string(place.home.join("config.toml")).unwrap(), before);
}

/// D44: what was said yes to is not what comes later under the same first words.
#[tokio::test]
async fn d44_a_yes_to_git_diff_is_none_to_its_options_that_write() {
    let writes = "git diff --no-index --output=../outside /dev/null made";
    let place =
        place_with("", &["echo x > made", "git diff --stat", "git diff --stat", "git diff --output=made", writes]);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    // The first is a redirection; git diff itself is on the list of what only reads.
    assert_eq!(asked(&mut session, 3).await, ["echo x > made", "git diff --output=made", writes]);
    // Allowed as a beginning, or once: the options that write ask all the same, and a yes leaves no sandbox.
    let place = place_with("allow = [\"git diff\"]", &["git diff --stat", "git diff --output=made", writes]);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(ApprovalDecision::AcceptForSession), yes()]).await;
    assert_eq!(command(&seen.asked[0]).command, "git diff --output=made");
    assert_eq!(command(&seen.asked[1]).command, writes);
    assert!(!place.workspace.join("../outside").exists());
}

/// D45: a rule that allows skips the question, never the walls.
#[tokio::test]
async fn d45_a_rule_that_allows_leaves_no_sandbox() {
    let place = place_with("allow = [\"touch\"]", &["touch made", "touch ../outside", "./touch made-by-another"]);
    fs::write(place.workspace.join("touch"), "#!/bin/sh\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    assert_eq!(asked(&mut session, 1).await, ["./touch made-by-another"], "a program of the workspace is another");
    assert!(place.workspace.join("made").exists() && !place.workspace.join("../outside").exists());
}

/// D46: a line is judged whole, however long.
#[tokio::test]
async fn d46_the_last_of_many_commands_counts_as_the_first() {
    let many = |last: &str| format!("{}{last}", "touch made && ".repeat(60));
    let (denied, unlisted, fine) = (many("mkdir gone"), many("rmdir gone"), many("touch made"));
    let rules = "allow = [\"touch\"]\ndeny = [\"mkdir\"]";
    let place = place_with(rules, &[&denied, &unlisted, &fine]);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    assert_eq!(asked(&mut session, 1).await, [unlisted.as_str()]);
    let request = last_request(&place);
    assert!(request.contains("`mkdir gone` is denied by the rule `mkdir`"), "{request}");
    assert!(!place.workspace.join("gone").exists() && place.workspace.join("made").exists());
}

/// What destroys asks each time, whatever is allowed, and a yes for the session is a yes for once.
#[tokio::test]
async fn a_class_asks_under_on_request_and_each_time() {
    let remove = "rm -rf made";
    let place = place_with("allow = [\"rm\"]", &["mkdir -p made", remove, "mkdir -p made", remove]);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[answer(ApprovalDecision::AcceptForSession), no()]).await;
    for request in &seen.asked {
        let asked = command(request);
        assert_eq!(asked.command, remove);
        assert!(!asked.available_decisions.contains(&ApprovalDecision::AcceptForSession));
        let rule = terms(request).rule.as_ref().unwrap();
        assert_eq!((rule.text.as_str(), rule.origin.as_str()), ("destructive-commands", "built-in"));
    }
    assert!(place.workspace.join("made").exists(), "the second was declined");
}

/// What tells agents what to do is never changed without a question.
#[tokio::test]
async fn instructions_ask_each_time() {
    let step = |from: &str, to: &str| patch(&format!("*** Update File: AGENTS.md\n@@\n-{from}\n+{to}\n"));
    let place = Place::new(json!([step("one", "two"), step("two", "three"), { "text": "ok" }]));
    let file = place.workspace.join("AGENTS.md");
    fs::write(&file, "one\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[answer(ApprovalDecision::AcceptForSession), no()]).await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "two\n");
    // Where nobody is asked it is refused, and the model is told why.
    let place = Place::new(json!([step("one", "two"), { "text": "ok" }]));
    fs::write(place.workspace.join("AGENTS.md"), "one\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    assert_eq!(fs::read_to_string(place.workspace.join("AGENTS.md")).unwrap(), "one\n");
    assert!(last_request(&place).contains("nobody can be asked"));
}

/// D15, D17: what is hidden is read by no tool, by no way there.
#[tokio::test]
async fn d15_d17_what_holds_secrets_is_not_read() {
    let read = |tool: &str, path: &str| json!({ "tool": tool, "arguments": { "path": path } });
    let key = "s3cret-key";
    let steps = json!([
        read("read_file", "../home/.ssh/id_rsa"),
        read("read_file", "link/id_rsa"),
        read("view_image", "file-link"),
        read("list_dir", "link"),
        json!({ "tool": "search_files", "arguments": { "pattern": "s3cret", "path": "../home/.ssh" } }),
        read("read_file", ".env"),
        { "text": "ok" },
    ]);
    let place = Place::below(&visible_directory(), steps);
    fs::create_dir(place.home.join(".ssh")).unwrap();
    for path in [place.home.join(".ssh/id_rsa"), place.workspace.join(".env")] {
        fs::write(path, key).unwrap();
    }
    std::os::unix::fs::symlink("../home/.ssh", place.workspace.join("link")).unwrap();
    std::os::unix::fs::symlink("link/id_rsa", place.workspace.join("file-link")).unwrap();
    let params = ThreadStartParams { approval_policy: Some(ApprovalPolicy::Never), ..Default::default() };
    let mut session = Session::with(&place, params).await;
    session.turn(&[]).await;
    let request = last_request(&place);
    assert!(!request.contains(key), "{request}");
    assert!(request.matches("it is hidden, for it may hold secrets").count() >= 5, "{request}");
}
