//! The table: what it holds, what each command wants, and that `docs/slash-commands.md` says the same.

use std::path::Path;

use super::*;

fn words(intents: &[Intent]) -> String {
    // An overlay by what it shows first.
    let word = |intent: &Intent| match intent {
        Intent::Open(overlay) => {
            let look = crate::look::Look { width: 80, theme: crate::theme::Theme::Ansi };
            let live = overlay.live(crate::text::Size { columns: 80, rows: 24 }, &look);
            format!("Open({})", live.rows.first().map(crate::text::Row::text).unwrap_or_default())
        }
        Intent::Print(rows) => format!("Print({})", rows.iter().map(|row| row.text() + "\n").collect::<String>()),
        other => format!("{other:?}"),
    };
    intents.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn typed(text: &str, snapshot: &Snapshot<'_>) -> Result<String, String> {
    let (command, arguments) = parse(text).ok_or_else(|| "a message".to_owned())?;
    command.run(arguments, snapshot).map(|intents| words(&intents))
}

const LOOK: Look = Look { width: 80, theme: crate::theme::Theme::Dark };

fn opened() -> ThreadOpened {
    serde_json::from_value(serde_json::json!({
        "thread": {
            "id": "t-1", "sessionId": "t-1", "cliVersion": "0", "createdAt": 0, "updatedAt": 0, "cwd": "/w",
            "ephemeral": false, "modelProvider": "openai", "preview": "", "projectId": null, "source": "cli",
            "status": { "type": "idle" }, "turns": [],
        },
        "cwd": "/w", "model": "m", "modelProvider": "openai", "approvalPolicy": "on-request",
        "approvalsReviewer": "user", "sandbox": { "type": "workspaceWrite" },
    }))
    .unwrap()
}

#[test]
fn the_table_is_sorted_and_no_name_is_there_twice() {
    assert!(COMMANDS.is_sorted_by_key(|command| command.name));
    let mut names: Vec<&str> =
        COMMANDS.iter().flat_map(|command| command.aliases.iter().chain([&command.name])).copied().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for command in COMMANDS {
        assert!(!command.about.ends_with('.') && command.about.starts_with(char::is_uppercase), "{command:?}");
        if let When::NotYet(missing) = command.when {
            assert!(missing.starts_with("this version") && !missing.ends_with('.'), "{missing}");
        }
    }
}

#[test]
fn what_is_typed_is_a_command_or_a_message() {
    let table = [
        ("/model", Some(("model", ""))),
        ("/model  gpt-5 high ", Some(("model", "gpt-5 high"))),
        ("/new", Some(("clear", ""))),
        ("/exit", Some(("quit", ""))),
        ("/approvals", Some(("permissions", ""))),
        ("/help\n/model", Some(("help", "/model"))),
        ("/etc/hosts looks odd", None),
        ("/models", None),
        ("/", None),
        ("", None),
        (" /model", None),
        ("look at /model", None),
    ];
    for (text, expected) in table {
        assert_eq!(parse(text).map(|(command, arguments)| (command.name, arguments)), expected, "{text}");
    }
}

#[test]
fn each_command_wants_what_it_is_for() {
    let (opened, keymap) = (opened(), Keymap::default());
    let snapshot = Snapshot {
        is_working: false,
        opened: Some(&opened),
        last_message: Some("See:\n```sh\nls\n```\n"),
        is_planning: false,
        has_plan: false,
        is_vim: true,
        look: LOOK,
        keymap: &keymap,
    };
    let table = [
        ("/init", "Init"),
        ("/clear", "NewThread"),
        ("/new", "NewThread"),
        ("/compact", "Compact(None)"),
        ("/compact the colours", r#"Compact(Some("the colours"))"#),
        ("/compact undo", "UndoCompaction"),
        ("/context", "Fetch(Context)"),
        ("/quit", "Quit"),
        ("/continue", "Again"),
        ("/status", "Fetch(Status)"),
        ("/agent do it", r#"Agent("do it")"#),
        ("/agents", "Fetch(Agents)"),
        ("/plugins", "Fetch(Plugins)"),
        ("/skills", "Fetch(Skills)"),
        ("/mcp", "Fetch(McpServers)"),
        ("/ps", "Fetch(Terminals)"),
        ("/stop", "Fetch(StopTerminals(None))"),
        ("/stop 3", r#"Fetch(StopTerminals(Some("3")))"#),
        ("/model", "Fetch(Models)"),
        ("/model work/big high", r#"model: Some("work/big"), effort: Some("high"), sandbox: None"#),
        ("/cost", "Fetch(Cost)"),
        ("/hooks", "Fetch(Hooks)"),
        ("/plan", "plans: Some(true)"),
        ("/plan off", "plans: Some(false)"),
        ("/plan fix it", r#"Change(Change { plans: Some(true), model: None"#),
        ("/permissions", "Fetch(Permissions)"),
        ("/permissions ask", "sandbox: Some(WorkspaceWrite), approval: Some(Untrusted)"),
        ("/permissions read-only", "sandbox: Some(ReadOnly), approval: Some(OnRequest)"),
        ("/rename The parser", r#"Manage(Rename { id: "t-1", name: "The parser" })"#),
        ("/rename -", r#"name: "" })"#),
        ("/resume", "Fetch(Sessions { all: false })"),
        ("/resume all", "Fetch(Sessions { all: true })"),
        ("/resume 0198", r#"ResumeThread("0198")"#),
        ("/fork", "Fetch(ForkPoints)"),
        ("/fork now", "ForkThread(Fork { thread_id: None, last_turn_id: None, prompt: None })"),
        ("/rewind", "GoBack(List)"),
        ("/undo", "GoBack(Undo)"),
        ("/redo", "GoBack(Redo)"),
        ("/review", "Open(What to review)"),
        ("/review base main", r#"Review(BaseBranch { branch: "main" })"#),
        ("/theme", "Open(Theme)"),
        ("/theme light", r#"theme: Some("light"), vim: None }) Keep { key: "tui.theme", value: "\"light\"" }"#),
        ("/vim", r#"vim: Some(false) }) Keep { key: "tui.vim", value: "false" }"#),
        ("/vim on", r#"vim: Some(true) }) Keep { key: "tui.vim", value: "true" }"#),
        ("/copy", r#"Copy("See:\n```sh\nls\n```\n")"#),
        ("/copy code", r#"Copy("ls\n")"#),
        ("/export", "Export(None)"),
        ("/export a b.md", r#"Export(Some("a b.md"))"#),
        ("/help", "Open(Help)"),
        ("/help stop", "Print(/stop [ID]\n"),
        ("/help /diff", "Print(/diff\n"),
        ("/diff", "Fetch(Diff)"),
        ("/diagnostics off", "diagnostics: Some(false)"),
        ("/diagnostics on", "diagnostics: Some(true)"),
    ];
    for (text, expected) in table {
        let wanted = typed(text, &snapshot).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(wanted.contains(expected), "{text}: {wanted}");
    }
    let named = |text: &&str| text[1..].split(' ').next().map(str::to_owned);
    let tried: Vec<String> = table.iter().map(|(text, _)| text).filter_map(named).collect();
    for command in COMMANDS.iter().filter(|command| !matches!(command.when, When::NotYet(_))) {
        assert!(tried.contains(&command.name.to_owned()), "/{} is not tried", command.name);
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let (opened, keymap) = (opened(), Keymap::default());
    let quiet = Snapshot {
        is_working: false,
        opened: Some(&opened),
        last_message: None,
        is_planning: false,
        has_plan: false,
        is_vim: false,
        look: LOOK,
        keymap: &keymap,
    };
    let working = Snapshot { is_working: true, ..quiet };
    let table = [
        (&quiet, "/agent", "/agent takes a task"),
        (&quiet, "/copy", "there is no answer to copy yet"),
        (&quiet, "/theme blue", "`blue` is no theme; there is auto, ansi, dark, light, high-contrast"),
        (&quiet, "/vim maybe", "`maybe` is no choice; there is on, off"),
        (&quiet, "/permissions all", "`all` is no mode; there is read-only, ask, auto, full-access"),
        (&quiet, "/model a b c", "not `c` besides"),
        (&quiet, "/rename", "/rename takes the new name"),
        (&quiet, "/resume t-1", "this is the session that is open"),
        (&quiet, "/status now", "/status takes nothing behind it"),
        (&quiet, "/help me", "there is no command /me"),
        (&quiet, "/review commit", "/review commit takes the name of a commit"),
        (&working, "/review", "/review waits until the agent has finished"),
        (&working, "/clear", "/clear waits until the agent has finished"),
        (&quiet, "/fork then", "`then` is no choice; there is now"),
        (&working, "/fork", "/fork waits until the agent has finished"),
        (&working, "/rewind", "/rewind waits until the agent has finished"),
        (&working, "/resume", "/resume waits until the agent has finished"),
    ];
    for (snapshot, text, expected) in table {
        let said = typed(text, snapshot).expect_err(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
    assert!(typed("/model", &working).is_ok());
    for command in COMMANDS {
        let is_later = matches!(command.when, When::NotYet(_));
        assert_eq!(command.run("", &working).is_err_and(|said| said.contains("this version")), is_later, "{command:?}");
    }
}

#[test]
fn names_are_found_by_what_is_like_them() {
    let table: &[(&str, &str)] = &[
        ("mo", "model"),
        ("modle", "model"),
        ("perm", "permissions"),
        ("app", "permissions"),
        ("new", "clear"),
        ("exit", "quit"),
        ("st", "status"),
        ("q", "quit"),
    ];
    for (typed, expected) in table {
        assert_eq!(matches(typed).first().map(|command| command.name), Some(*expected), "{typed}");
    }
    // All of this version, and none of a later one.
    let all = matches("");
    assert!(all.len() > 10 && all.iter().all(|command| !matches!(command.when, When::NotYet(_))));
    assert!(matches("xyz").is_empty());
}

#[test]
fn arguments_are_completed() {
    let table = [
        ("theme", &["auto", "ansi", "dark", "light", "high-contrast"][..]),
        ("vim", &["on", "off"]),
        ("permissions", &["read-only", "ask", "auto", "full-access"]),
        ("status", &[]),
    ];
    for (name, expected) in table {
        assert_eq!(find(name).unwrap().completions(), expected, "{name}");
    }
    assert!(find("help").unwrap().completions().contains(&"model"));
}

#[test]
fn a_prompt_for_exec_is_told_from_a_command() {
    let table = [
        ("/diff", Some(("diff", "use `codex diff`"))),
        ("  /model gpt-4.1\n", Some(("model", "use `--model MODEL`"))),
        ("/new", Some(("new", "each `codex exec` without `resume` starts afresh"))),
        ("/compact", Some(("compact", "it happens by itself when the conversation comes near the model's limit"))),
        ("/etc/hosts looks odd", None),
        ("/dif", None),
        ("/", None),
        ("", None),
        ("look at /diff", None),
    ];
    for (prompt, expected) in table {
        assert_eq!(elsewhere(prompt), expected, "{prompt}");
    }
}

#[test]
fn the_themes_are_those_that_are_drawn() {
    let drawn: Vec<&str> = crate::theme::Theme::ALL.iter().map(|(name, _)| *name).collect();
    let offered: Vec<&str> = crate::overlays::theme_names().filter(|name| *name != "auto").collect();
    assert_eq!(offered, drawn);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test is asked to renew a file")]
fn the_page_in_docs_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/slash-commands.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        current == markdown(),
        "docs/slash-commands.md is not what the code says: UPDATE=1 cargo test -p codex-tui"
    );
}
