//! Each overlay while an answer streams and the terminal changes its size: it is seen at each of them, nothing of it is left
//! behind, and nothing of the answer is lost or there twice.

use serde_json::{Value, json};

use super::stage::{Plan, Stage, command_question};

const SIZES: [(usize, usize); 3] = [(80, 24), (200, 60), (40, 12)];

/// An overlay, and how it comes up.
struct Case {
    /// What is seen of it at any size, and nowhere else.
    seen: &'static str,
    opens: fn(&mut Stage),
    /// Whether it comes up while a turn runs.
    while_working: bool,
    /// The lowest screen. What stands above a line that is typed into is pushed out of a lower one.
    lowest: (usize, usize),
}

const CASES: &[Case] = &[
    shown("Run this command?", |stage| asked(stage, "item/commandExecution/requestApproval", command_question())),
    shown("Make these changes?", |stage| {
        stage.item_begins(json!({ "type": "fileChange", "id": "f1", "status": "inProgress", "changes": [
            { "path": "/home/u/work/project/a.rs", "kind": { "type": "update", "move_path": null },
              "diff": "@@ -1,2 +1,2 @@\n-old\n+new\n same\n" },
        ]}));
        let question = json!({
            "threadId": "t", "turnId": "1", "itemId": "f1", "startedAtMs": 0, "reason": "edits are asked about",
            "grantRoot": null, "availableDecisions": ["accept", "acceptForSession", "decline", "cancel"],
            "terms": { "confinement": "writes the files of the patch" },
        });
        asked(stage, "item/fileChange/requestApproval", question);
    }),
    Case {
        lowest: (40, 12),
        ..shown("An MCP server asks you", |stage| {
            let question = json!({
                "threadId": "t", "turnId": "1", "itemId": "i", "serverName": "files", "message": "Who are you?", "mode": "form",
                "requestedSchema": { "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] },
                "_meta": null,
            });
            asked(stage, "mcpServer/elicitation/request", question);
        })
    },
    shown("Help", |stage| said(stage, "/help", None)),
    shown("Model", |stage| {
        let model = json!({
            "id": "big", "model": "big", "modelProvider": "openai", "displayName": "big", "description": "a model",
            "hidden": false, "isDefault": false, "defaultReasoningEffort": "medium", "contextWindow": 200_000,
            "supportedReasoningEfforts": [{ "reasoningEffort": "low", "description": "low effort" }],
        });
        said(stage, "/model", Some(json!({ "data": [model], "nextCursor": null })));
    }),
    shown("Theme", |stage| said(stage, "/theme", None)),
    shown("Permissions", |stage| said(stage, "/permissions", Some(permissions()))),
    shown("Status", |stage| said(stage, "/status", Some(permissions()))),
    shown("Context", |stage| {
        said(
            stage,
            "/context",
            Some(json!({ "tokens": 1, "counted": false, "window": null, "compactAt": null, "parts": [] })),
        )
    }),
    shown("Cost", |stage| {
        said(stage, "/cost", Some(json!({ "models": [], "costUsd": null, "limitTokens": null, "limitCostUsd": null })));
    }),
    shown("MCP servers", |stage| {
        let server = json!({
            "name": "files", "authStatus": "unsupported", "runtimeStatus": "connected", "resources": [],
            "resourceTemplates": [], "tools": {}, "error": null, "stderr": "",
        });
        said(stage, "/mcp", Some(json!({ "data": [server], "nextCursor": null })));
    }),
    shown("Plugins", |stage| {
        let plugin = json!({
            "id": "p@local", "version": "1.0.0", "source": "/p", "commit": null, "enabled": true, "error": null,
            "warnings": [], "adds": [{ "kind": "skill", "name": "s", "does": "it helps", "outsideSandbox": false }],
        });
        said(stage, "/plugins", Some(json!({ "data": [plugin] })));
    }),
    shown("Hooks", |stage| said(stage, "/hooks", Some(json!({ "data": [] })))),
    shown("Skills", |stage| said(stage, "/skills", Some(json!({ "data": [] })))),
    shown("Sub-agents", |stage| said(stage, "/agents", Some(json!({ "data": [] })))),
    shown("Commands that run on", |stage| said(stage, "/ps", Some(json!({ "data": [], "nextCursor": null })))),
    shown("What the agent changed", |stage| {
        let file = json!({
            "path": "/home/u/work/project/a.rs", "kind": { "type": "update", "move_path": null },
            "diff": "@@ -1 +1 @@\n-one\n+two\n", "header": "diff --git a/a.rs b/a.rs\n", "notes": [],
        });
        said(stage, "/diff", Some(json!({ "cwd": "/home/u/work/project", "files": [file], "notes": [] })));
    }),
    shown("Transcript", |stage| {
        stage.keys("ctrl+t");
        answered(stage, items());
    }),
    idle("Sessions of this directory", |stage| {
        let thread = json!({
            "id": "id-1", "sessionId": "id-1", "cliVersion": "0", "createdAt": 0, "updatedAt": 0, "cwd": "/w",
            "ephemeral": false, "modelProvider": "openai", "preview": "Fix the tests", "projectId": null,
            "source": "cli", "status": { "type": "notLoaded" }, "turns": [],
        });
        said(stage, "/resume", Some(json!({ "data": [thread], "nextCursor": null })));
    }),
    idle("Go back", |stage| {
        let turn = json!({ "turnId": "1", "at": 0, "prompt": "mend it", "filesChanged": 1 });
        said(stage, "/rewind", Some(json!({ "turns": [turn], "undoTurnId": null, "redo": null })));
    }),
    idle("Branch the session", |stage| said(stage, "/fork", Some(items()))),
    idle("What to review", |stage| said(stage, "/review", None)),
];

const fn shown(seen: &'static str, opens: fn(&mut Stage)) -> Case {
    Case { seen, opens, while_working: true, lowest: (40, 6) }
}

const fn idle(seen: &'static str, opens: fn(&mut Stage)) -> Case {
    Case { seen, opens, while_working: false, lowest: (40, 6) }
}

fn asked(stage: &mut Stage, method: &str, question: Value) {
    stage.is_asked(7, method, question).waits(600);
}

fn said(stage: &mut Stage, command: &str, answer: Option<Value>) {
    stage.says(command);
    if let Some(answer) = answer {
        answered(stage, answer);
    }
}

/// The oldest request is answered in the words of the protocol.
fn answered(stage: &mut Stage, answer: Value) {
    let (request, _) = stage.asked.front().unwrap_or_else(|| panic!("nothing was asked: {}", stage.shown()));
    let answer = (request.reader())(&answer.to_string()).unwrap_or_else(|error| panic!("{error}: {answer}"));
    stage.answered(answer);
}

fn items() -> Value {
    let item = json!({ "type": "userMessage", "id": "u", "content": [{ "type": "text", "text": "what was asked" }] });
    let entry = json!({ "turnId": "1", "startedAtMs": null, "completedAtMs": null, "item": item });
    json!({ "data": [entry], "nextCursor": null, "backwardsCursor": null })
}

fn permissions() -> Value {
    json!({
        "sandbox": "workspace-write", "heldBy": "Landlock", "approvalPolicy": "on-request", "fullAuto": false,
        "writable": ["/w"], "temp": null, "ignoreFiles": [], "network": { "type": "off" }, "rules": [], "granted": [],
        "decisions": [],
    })
}

/// More of the answer arrives.
fn streams(stage: &mut Stage, lines: std::ops::Range<usize>) {
    let text: String =
        lines.map(|line| format!("- row number {line} of what the model says, which goes on\n")).collect();
    let delta = json!({ "threadId": "t", "turnId": "1", "itemId": "m1", "delta": text });
    stage.told("item/agentMessage/delta", delta);
}

#[test]
fn overlays_are_seen_at_any_size_while_an_answer_streams() {
    for (case, first) in CASES.iter().flat_map(|case| SIZES.map(|size| (case, size))) {
        let Case { seen, opens, while_working, lowest } = case;
        let mut stage = Stage::new(Plan { reflows: true, ..Plan::usual(first) });
        stage.open().works("begin");
        stage.item_begins(json!({ "type": "agentMessage", "id": "m1", "text": "" }));
        streams(&mut stage, 0..30);
        if !while_working {
            stage.ends("1", "completed");
        }
        opens(&mut stage);
        for (at, size) in SIZES.into_iter().chain([*lowest, first]).enumerate() {
            if *while_working {
                streams(&mut stage, 30 + 10 * at..40 + 10 * at);
            }
            stage.resize(size);
            let screen = stage.screen_lines();
            let is_tiny = size.1 < 12;
            assert!(
                is_tiny || screen.iter().any(|row| row.contains(seen)),
                "{seen} at {size:?}:\n{}",
                screen.join("\n")
            );
        }
        match stage.app.overlays.last().is_some_and(|overlay| overlay.question().is_some()) {
            true => stage.told("serverRequest/resolved", json!({ "threadId": "t", "requestId": 7 })),
            false => stage.keys("esc"),
        };
        assert!(stage.app.overlays.is_empty(), "{seen} stays: {}", stage.shown());
        let mut count = 30;
        if *while_working {
            count += 10 * (SIZES.len() + 2);
            stage.told(
                "item/completed",
                json!({ "threadId": "t", "turnId": "1", "completedAtMs": 0, "item":
                { "type": "agentMessage", "id": "m1", "text": "" } }),
            );
            stage.ends("1", "completed");
        }
        let lines = stage.lines();
        let all = lines.join("\n");
        for line in 0..count {
            let times = all.matches(&format!("row number {line} of")).count();
            assert_eq!(times, 1, "{seen} from {first:?}, row {line}:\n{all}");
        }
        assert!(!lines.iter().any(|line| line.contains(seen)), "{seen} from {first:?} is left behind:\n{all}");
    }
}
