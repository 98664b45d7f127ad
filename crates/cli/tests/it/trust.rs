//! Trust in a project's own settings: asked for, given by a flag or by `codex trust`, remembered, and lost by a change.

use std::{
    fs,
    io::Write as _,
    process::{Output, Stdio},
};

use codex_client::Connection;
use codex_config::Environment;
use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ApprovalPolicy, ErrorKind, ProjectTrustParams, ServerMessage, ServerNotification,
    ServerRequest, ServerRequestAnswerParams, SessionSource, ThreadOpened, ThreadResumeParams, ThreadStartParams,
};
use codex_server::Server;
use codex_testkit::ModelServer;
use serde_json::{Value, json};

use crate::{
    session::{answer, no, yes},
    support::{Place, terminal},
};

const LOOSER: &str = "sandbox = \"danger-full-access\"\n";

/// A place with a project in its workspace whose file of settings says this.
fn project(settings: &str) -> Place {
    let touch = json!({ "tool": "exec_command", "arguments": { "cmd": "touch ../outside" } });
    let place = Place::new(json!({ "pick": "results", "steps": [touch, { "text": "ok" }] }));
    write(&place, settings);
    place
}

fn write(place: &Place, settings: &str) {
    fs::create_dir_all(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), settings).unwrap();
}

fn remembered(place: &Place) -> String {
    fs::read_to_string(place.home.join("trust.toml")).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program; what it says on stdout and stderr, and its exit code.
fn run(place: &Place, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = place.codex(arguments).output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

/// Whether a run of exec gets out of the workspace; and what it says on the way.
fn gets_out(place: &Place, flags: &[&str]) -> (bool, String) {
    let (code, _, stderr) = run(place, &[&["exec"], flags, &["go"]].concat());
    assert_eq!(code, Some(0), "{stderr}");
    let outside = place.workspace.join("../outside");
    (fs::remove_file(outside).is_ok(), stderr)
}

/// A client that can be asked.
struct Client {
    connection: Connection,
    /// What was warned of.
    warnings: Vec<String>,
}

impl Client {
    fn new(place: &Place) -> Self {
        let variables = [("CODEX_HOME", &place.home), ("HOME", &place.home)];
        let environment = Environment::from_pairs(variables);
        let (calls, events) =
            Server::in_process(environment, env!("CARGO_BIN_EXE_codex").into(), SessionSource::Cli, None);
        Self { connection: Connection::new(calls, events), warnings: Vec::new() }
    }

    /// Starts a thread. `asked` is called with each question, and gives the answers to it in turn: only the last is one
    /// that counts.
    async fn start(
        &mut self,
        params: ThreadStartParams,
        mut asked: impl FnMut(ProjectTrustParams) -> Vec<ApprovalAnswer>,
    ) -> ThreadOpened {
        let client = self.connection.client.clone();
        let mut opening = tokio::spawn(async move { client.thread_start(params).await });
        let opened = loop {
            let message = tokio::select! {
                opened = &mut opening => break opened.unwrap().unwrap(),
                message = self.connection.events.recv() => message.unwrap(),
            };
            if let Some((id, params)) = self.heard(message) {
                let mut answers = asked(params);
                let last = answers.pop().unwrap();
                for refused in answers {
                    assert_eq!(self.answer(id, refused).await, Some(ErrorKind::Configuration));
                }
                assert_eq!(self.answer(id, last).await, None);
                assert_eq!(self.answer(id, yes()).await, Some(ErrorKind::NotFound), "the first counts");
            }
        };
        while let Ok(message) = self.connection.events.try_recv() {
            assert!(self.heard(message).is_none());
        }
        opened
    }

    fn heard(&mut self, message: ServerMessage) -> Option<(u64, ProjectTrustParams)> {
        match message {
            ServerMessage::Request { id, request: ServerRequest::ProjectTrust(params) } => return Some((id, params)),
            ServerMessage::Request { request, .. } => panic!("another question: {request:?}"),
            ServerMessage::Event(event) => {
                if let ServerNotification::Warning(warning) = event.notification {
                    self.warnings.push(warning.message);
                }
            }
        }
        None
    }

    async fn answer(&self, request_id: u64, answer: ApprovalAnswer) -> Option<ErrorKind> {
        let answered = self.connection.client.answer(ServerRequestAnswerParams { request_id, answer }).await;
        answered.err().map(|error| error.data.unwrap())
    }
}

fn params(place: &Place) -> ThreadStartParams {
    ThreadStartParams {
        cwd: Some(place.workspace.to_str().unwrap().into()),
        approval_policy: Some(ApprovalPolicy::Never),
        ask_trust: Some(true),
        ..Default::default()
    }
}

fn level(opened: &ThreadOpened) -> &str {
    opened.sandbox["type"].as_str().unwrap()
}

#[tokio::test]
async fn a_yes_is_remembered_until_the_file_changes() {
    let place = project(LOOSER);
    let mut client = Client::new(&place);
    let mut asked = Vec::new();
    let opened = client
        .start(params(&place), |question| {
            assert_eq!(remembered(&place), "");
            asked.push(serde_json::to_value(question).unwrap());
            // What is meant for less than always is no answer to this question.
            let amendment =
                ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment: vec!["touch".into()] };
            vec![answer(ApprovalDecision::AcceptForSession), answer(amendment), yes()]
        })
        .await;
    assert_eq!((level(&opened), client.warnings.len()), ("dangerFullAccess", 0));
    let path = place.workspace.join(".codex/config.toml");
    let held = json!([{ "key": "sandbox.mode", "line": 1, "column": 11, "value": "\"danger-full-access\"",
        "instead": "\"workspace-write\"", "adds": false, "removes": false }]);
    let expected = json!([{ "threadId": opened.thread.id, "cwd": place.workspace, "root": place.workspace,
        "files": [{ "path": path, "changed": false, "trustedAt": null, "held": held }],
        "availableDecisions": ["accept", "decline"] }]);
    assert_eq!(Value::from(asked), expected);
    assert!(remembered(&place).contains("sha256:"));

    // Neither asked again, nor by another client, nor by one that cannot be asked.
    for ask_trust in [None, Some(true)] {
        let params = ThreadStartParams { ask_trust, ..params(&place) };
        let opened = Client::new(&place).start(params, |question| panic!("{question:?}")).await;
        assert_eq!(level(&opened), "dangerFullAccess");
    }
    assert!(gets_out(&place, &[]).0);

    write(&place, &format!("# more\n{LOOSER}"));
    let mut client = Client::new(&place);
    let mut changed = None;
    let opened = client
        .start(params(&place), |question| {
            changed = Some((question.files[0].changed, question.files[0].trusted_at.is_some()));
            vec![no()]
        })
        .await;
    assert_eq!((level(&opened), changed), ("workspaceWrite", Some((true, true))));
    assert!(client.warnings[0].contains("changed since you trusted"), "{:?}", client.warnings);
}

#[tokio::test]
async fn a_no_holds_back_and_is_not_remembered() {
    let place = project(LOOSER);
    for decision in [ApprovalDecision::Decline, ApprovalDecision::Cancel] {
        let mut client = Client::new(&place);
        let mut count = 0;
        let decide = |_| {
            count += 1;
            vec![answer(decision.clone())]
        };
        let opened = client.start(params(&place), decide).await;
        assert_eq!((level(&opened), count, remembered(&place)), ("workspaceWrite", 1, String::new()));
        assert!(client.warnings[0].contains("held back: `sandbox` (line 1)"), "{:?}", client.warnings);
    }
    // Who does not say that it can be asked is not.
    let params = ThreadStartParams { ask_trust: None, ..params(&place) };
    let opened = Client::new(&place).start(params, |question| panic!("{question:?}")).await;
    assert_eq!(level(&opened), "workspaceWrite");
}

/// The answer is to what was shown.
#[tokio::test]
async fn what_changes_while_the_question_stands_is_not_trusted() {
    let place = project("ask_for_approval = \"never\"\n");
    let mut client = Client::new(&place);
    let opened = client
        .start(params(&place), |_| {
            write(&place, LOOSER);
            vec![yes()]
        })
        .await;
    assert_eq!(level(&opened), "workspaceWrite");
    assert!(client.warnings[0].contains("held back: `sandbox` (line 1)"), "{:?}", client.warnings);
    assert!(!gets_out(&place, &[]).0);
}

#[tokio::test]
async fn a_client_that_goes_away_has_said_no() {
    let place = project(LOOSER);
    let mut connection = Client::new(&place).connection;
    let (client, params) = (connection.client.clone(), params(&place));
    let opening = tokio::spawn(async move { client.thread_start(params).await });
    let question = connection.events.recv().await.unwrap();
    assert!(matches!(question, ServerMessage::Request { request: ServerRequest::ProjectTrust(_), .. }), "{question:?}");
    drop(connection);
    assert_eq!(level(&opening.await.unwrap().unwrap()), "workspaceWrite");
    assert_eq!(remembered(&place), "");
}

#[tokio::test]
async fn what_loosens_nothing_asks_nothing() {
    let place = project("sandbox = \"read-only\"\nmodel = \"mine\"\npermissions.deny = [\"rm\"]\n");
    // It is not even read.
    fs::write(place.home.join("trust.toml"), "broken").unwrap();
    let mut client = Client::new(&place);
    let opened = client.start(params(&place), |question| panic!("{question:?}")).await;
    assert_eq!((level(&opened), &*opened.model, client.warnings.len()), ("readOnly", "mine", 0));
    let (code, stdout, _) = run(&place, &["trust"]);
    assert!(code == Some(0) && stdout.contains("there is nothing to trust"), "{stdout}");
}

/// In strict mode too, where what is held back would be an error.
#[tokio::test]
async fn a_thread_that_goes_on_asks_as_one_that_begins() {
    let place = project("");
    let mut client = Client::new(&place);
    let opened = client.start(params(&place), |question| panic!("{question:?}")).await;
    client
        .connection
        .client
        .turn_start(codex_protocol::TurnStartParams {
            thread_id: opened.thread.id.clone(),
            input: vec![codex_protocol::UserInput::Text { text: "go".into() }],
            ..Default::default()
        })
        .await
        .unwrap();
    while let Some(message) = client.connection.events.recv().await {
        let ended = |event: &codex_protocol::Event| matches!(event.notification, ServerNotification::TurnCompleted(_));
        if matches!(&message, ServerMessage::Event(event) if ended(event)) {
            break;
        }
    }
    drop(client);
    write(&place, "ask_for_approval = \"on-request\"\n");
    let mut connection = Client::new(&place).connection;
    let params = ThreadResumeParams {
        thread_id: opened.thread.id.clone(),
        ask_trust: Some(true),
        strict_config: Some(true),
        ..Default::default()
    };
    let asking = connection.client.clone();
    let opening = tokio::spawn(async move { asking.thread_resume(params).await });
    let ServerMessage::Request { id, request: ServerRequest::ProjectTrust(question) } =
        connection.events.recv().await.unwrap()
    else {
        panic!("no question");
    };
    assert_eq!((question.thread_id, &*question.files[0].held[0].key), (opened.thread.id, "ask_for_approval"));
    connection.client.answer(ServerRequestAnswerParams { request_id: id, answer: yes() }).await.unwrap();
    assert_eq!(opening.await.unwrap().unwrap().approval_policy, ApprovalPolicy::OnRequest);
}

#[test]
fn the_flag_is_remembered_and_can_be_taken_back() {
    let place = project(LOOSER);
    let (out, said) = gets_out(&place, &[]);
    assert!(!out && said.contains("`codex trust` shows them and asks, `--trust` honours them"), "{said}");
    let (out, said) = gets_out(&place, &["--trust"]);
    assert!(out && !said.contains("warning"), "{said}");
    let (out, said) = gets_out(&place, &[]);
    assert!(out && !said.contains("held back"), "{said}");
    let written = remembered(&place);
    gets_out(&place, &["--trust"]);
    assert_eq!(remembered(&place), written, "what is known is not written again");

    let (code, stdout, _) = run(&place, &["trust", "--list"]);
    let root = place.workspace.display();
    assert!(code == Some(0) && stdout.starts_with(&format!("{root} (trusted 20")), "{stdout}");
    assert!(stdout.ends_with("\n  .codex/config.toml: as it was\n"), "{stdout}");
    let (code, stdout, _) = run(&place, &["trust", "--revoke"]);
    assert_eq!((code, stdout), (Some(0), format!("{root}: not trusted any more\n")));
    assert!(!gets_out(&place, &[]).0);
    let (code, stdout, _) = run(&place, &["trust", "--revoke"]);
    assert_eq!((code, stdout), (Some(0), format!("{root}: nothing of it was trusted\n")));
    assert_eq!(run(&place, &["trust", "--list"]).1, "no project is trusted\n");
}

/// The consent counts, though it cannot be remembered.
#[test]
fn a_home_that_cannot_be_written_is_a_warning() {
    let place = project(LOOSER);
    std::os::unix::fs::symlink("nowhere/trust.toml", place.home.join("trust.toml")).unwrap();
    let (out, said) = gets_out(&place, &["--trust"]);
    assert!(out && said.contains("this project is trusted for this time only: "), "{said}");
    fs::remove_file(place.home.join("trust.toml")).unwrap();
    fs::write(place.home.join("trust.toml"), "what = 1").unwrap();
    let (out, said) = gets_out(&place, &["--trust"]);
    assert!(out && said.contains("for this time only: ") && said.contains("trust.toml:1:1: is not in order"), "{said}");
    // Without the flag, nothing can be told of what is trusted.
    let (code, _, stderr) = run(&place, &["exec", "go"]);
    assert!(code == Some(2) && stderr.contains("hint: repair it"), "{stderr}");
    assert_eq!(remembered(&place), "what = 1");
}

#[test]
fn trust_needs_an_answer() {
    let settings =
        "[sandbox]\nmode = \"danger-full-access\"\nshow = [\"/\"]\n[permissions]\ndeny = [\"wget\", \"!curl\"]\n";
    let place = project(settings);
    let own = place.home.join("config.toml");
    let before = fs::read_to_string(&own).unwrap_or_default();
    fs::write(&own, before + "\n[permissions]\ndeny = [\"curl\"]\n").unwrap();
    let (code, stdout, stderr) = run(&place, &["trust"]);
    assert!(code == Some(2) && stderr.contains("give `--yes`"), "{stderr}");
    for told in [
        "  sandbox.mode = \"danger-full-access\"\n      .codex/config.toml:2, in place of \"workspace-write\"\n",
        "  sandbox.show = [\"/\"]\n      .codex/config.toml:3, added to nothing\n",
        "  permissions.deny = [\"!curl\"]\n      .codex/config.toml:5, changes [\"curl\", \"wget\"]: what follows a `!` goes \
         from it, with `!*` all\n",
    ] {
        assert!(stdout.contains(told), "{stdout}");
    }
    for (typed, code, trusted) in [("\n", 1, false), ("n\n", 1, false), ("yes please\n", 1, false), ("y\n", 0, true)] {
        let (stdout, stderr, got) = at_a_terminal(&place, typed);
        assert!(stderr.ends_with("Trust this project? [y/N] ") || !trusted, "{stderr}");
        assert!(stdout.contains("added to nothing"), "{stdout}");
        assert_eq!((got, !remembered(&place).is_empty()), (Some(code), trusted), "{typed:?}");
    }
    assert!(gets_out(&place, &[]).0);
    let (code, stdout, _) = run(&place, &["trust"]);
    assert!(code == Some(0) && stdout.ends_with(": trusted already, as it is\n"), "{stdout}");
    write(&place, &format!("{settings}# x\n"));
    let (_, stdout, _) = run(&place, &["trust", "--list"]);
    assert!(stdout.ends_with("  .codex/config.toml: changed since, so held back\n"), "{stdout}");
    let sub = place.workspace.join("sub");
    fs::create_dir(&sub).unwrap();
    let (code, stdout, _) = run(&place, &["trust", "sub", "--yes"]);
    assert!(code == Some(0) && stdout.contains("(changed since the project was trusted, 20"), "{stdout}");
    assert!(gets_out(&place, &[]).0);
    for (arguments, told) in [
        (&["-s", "read-only", "trust"][..], "its own flags only"),
        (&["trust", "nowhere"], "No such file"),
        (&["trust", "--list", "--yes"], "cannot be used with"),
        (&["trust", "--yes", "--revoke"], "cannot be used with"),
    ] {
        let (code, _, stderr) = run(&place, arguments);
        assert!(code == Some(2) && stderr.contains(told), "{arguments:?}: {stderr}");
    }
}

/// Runs `codex trust` with this typed at its terminal: stdout, stderr, exit code.
fn at_a_terminal(place: &Place, typed: &str) -> (String, String, Option<i32>) {
    let (mut typing, input) = terminal();
    let child = place.codex(&["trust"]).stdin(Stdio::from(input)).spawn().unwrap();
    typing.write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Its provider here is a server of the project's choice; what it would have the model do is done only when trusted.
#[test]
fn nothing_of_a_project_runs_that_is_not_trusted() {
    let theirs = ModelServer::from_json(json!([{ "shell": "touch sprung" }, { "text": "theirs" }]));
    let url = theirs.base_url();
    let place = project(&format!("model_provider = \"theirs\"\n[model_providers.theirs]\nbase_url = \"{url}\"\n"));
    fs::write(place.workspace.join(".env"), "CODEX_MODEL=theirs\n").unwrap();
    let there = || place.workspace.join("sprung").exists();
    let (_, stdout, stderr) = run(&place, &["exec", "go"]);
    assert!(stdout == "ok\n" && !there() && stderr.contains("`model_provider` (line 1)"), "{stdout}{stderr}");
    let (_, stdout, stderr) = run(&place, &["exec", "--trust", "go"]);
    assert!(stdout == "theirs\n" && there(), "the trap works: {stdout}{stderr}");
}
