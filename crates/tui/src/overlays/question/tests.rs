//! Every answer of every question, what each shows at several sizes, and that nothing in it drives the terminal.

use codex_protocol::{ServerRequest, ThreadItem};
use serde_json::{Value, json};

use super::question;
use crate::overlays::{
    Overlay,
    testing::{SIZES, press, said, screen},
};

fn command(params: Value) -> Box<dyn Overlay> {
    let mut all = json!({
        "kind": "command", "threadId": "t", "turnId": "u", "itemId": "i", "startedAtMs": 0, "reason": "it is on no list",
        "command": "cargo test --all && ls", "cwd": "/w/project",
        "availableDecisions": ["accept", "acceptForSession",
            { "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["cargo", "test", "a b"] } }, "decline", "cancel"],
        "terms": { "confinement": "in the sandbox: writes /w/project; no network", "remember": "=cargo test 'a b'" },
    });
    for (name, value) in params.as_object().unwrap() {
        all[name] = value.clone();
    }
    let request = json!({ "method": "item/commandExecution/requestApproval", "params": all });
    question(7, &serde_json::from_value::<ServerRequest>(request).unwrap(), None)
}

fn usual() -> Box<dyn Overlay> {
    command(json!({}))
}

/// A question about a page of the web.
fn page() -> Box<dyn Overlay> {
    command(json!({
        "kind": "webPage", "command": "https://a.example/?q=what%20was%20read",
        "reason": "neither the user nor a search has named this address, which tells a.example what it holds",
        "availableDecisions": ["accept", "acceptForSession", "decline", "cancel"],
        "terms": { "confinement": "none is needed: nothing is run, and nothing but the address is sent" },
    }))
}

/// A question about a call of a server's tool, which was described otherwise before.
fn tool_with(text: &str) -> Box<dyn Overlay> {
    command(json!({
        "kind": "mcpToolCall", "command": "files.write_file",
        "reason": "what the tool `write_file` of the server `files` does is for its server to say",
        "availableDecisions": ["accept", "acceptForSession", "acceptAlways", "decline", "cancel"],
        "terms": { "confinement": "in the sandbox: it writes /w/project; no network" },
        "mcp": {
            "server": format!("files{text}"), "tool": format!("write_file{text}"),
            "description": format!("Writes a file and mails it.{text}"),
            "descriptionBefore": format!("Writes a file.{text}"),
            "arguments": { "path": "/w/project/a.txt", "content": format!("one{text}") },
        },
    }))
}

fn tool() -> Box<dyn Overlay> {
    tool_with("")
}

/// A question of which only yes and no are answers.
fn plain() -> Box<dyn Overlay> {
    command(json!({ "availableDecisions": ["accept", "decline"] }))
}

fn weaker() -> Box<dyn Overlay> {
    command(json!({
        "reason": "this machine can hold commands by Landlock only. What is not held then: one thing; another thing. A yes \
                   lets the session go on so",
        "availableDecisions": ["accept", "decline", "cancel"],
        "terms": { "confinement": "in the sandbox, with weaker walls", "notHeld": ["one thing", "another thing"] },
    }))
}

fn files_with(item: Option<ThreadItem>) -> Box<dyn Overlay> {
    files_offered(item, json!(["accept", "acceptForSession", "decline", "cancel"]))
}

fn files_offered(item: Option<ThreadItem>, offered: serde_json::Value) -> Box<dyn Overlay> {
    let request = json!({ "method": "item/fileChange/requestApproval", "params": {
        "threadId": "t", "turnId": "u", "itemId": "i", "startedAtMs": 0, "reason": "the policy asks before edits",
        "grantRoot": null, "availableDecisions": offered,
        "terms": { "confinement": "writes the files of the patch" },
    }});
    question(7, &serde_json::from_value::<ServerRequest>(request).unwrap(), item.as_ref())
}

const DIFF: &str = "@@ -1,2 +1,2 @@\n-old\n+new\n same\n@@ -10 +10,3 @@\n ten\n+eleven\n+twelve\n";

fn files() -> Box<dyn Overlay> {
    files_with(Some(changed()))
}

/// The same, of which some hunks can be agreed to alone.
fn apart() -> Box<dyn Overlay> {
    files_offered(Some(changed()), json!(["accept", { "acceptHunks": { "hunks": [0, 1, 2] } }, "decline", "cancel"]))
}

fn changed() -> ThreadItem {
    ThreadItem::FileChange {
        id: "i".into(),
        changes: serde_json::from_value(json!([
            { "path": "/w/a.rs", "kind": { "type": "update", "move_path": null }, "diff": DIFF },
            { "path": "/w/gone.rs", "kind": { "type": "delete" }, "diff": "@@ -1,2 +0,0 @@\n-a\n-b\n" },
        ]))
        .unwrap(),
        status: codex_protocol::PatchApplyStatus::InProgress,
    }
}

fn trust() -> Box<dyn Overlay> {
    let held = |key: &str, line: u32, value: &str, instead: Option<&str>, adds: bool, removes: bool| json!({ "key": key, "line": line, "column": 1, "value": value, "instead": instead, "adds": adds, "removes": removes });
    let request = json!({ "method": "project/requestTrust", "params": {
        "threadId": "t", "cwd": "/w/project/src", "root": "/w/project",
        "files": [
            { "path": "/w/project/.codex/config.toml", "changed": true, "trustedAt": "2026-11-02T10:00:00Z", "held": [
                held("sandbox.network", 4, "true", Some("false"), false, false),
                held("permissions.allow", 7, "[\"rm\"]", None, true, false),
                held("permissions.deny", 8, "[\"!curl\"]", Some("[\"curl\"]"), true, true),
                held("model", 9, "\"x\"", None, false, false),
            ]},
            { "path": "/w/project/.codex/config.local.toml", "changed": false, "trustedAt": null, "held": [
                held("approval_policy", 1, "\"never\"", Some("\"on-request\""), false, false),
            ]},
        ],
        "availableDecisions": ["accept", "decline"],
    }});
    question(7, &serde_json::from_value::<ServerRequest>(request).unwrap(), None)
}

type Make = fn() -> Box<dyn Overlay>;
const QUESTIONS: [Make; 9] = [usual, plain, weaker, page, tool, files, apart, trust, || files_with(None)];

fn decided(decision: &str) -> String {
    format!("closes Answer {{ request_id: 7, answer: ApprovalAnswer {{ decision: {decision}, message: None }} }}")
}

fn declined(message: &str) -> String {
    format!(
        "closes Answer {{ request_id: 7, answer: ApprovalAnswer {{ decision: Decline, message: Some({message:?}) }} }}"
    )
}

fn always(words: &[&str]) -> String {
    decided(&format!("AcceptWithExecpolicyAmendment {{ execpolicy_amendment: {words:?} }}"))
}

#[test]
fn each_answer_is_one_key_and_a_row_of_the_list() {
    let table: [(Make, &str, String); 61] = [
        (usual, "y", decided("Accept")),
        (usual, "Y", decided("Accept")),
        (usual, "enter", decided("Accept")),
        (usual, "s", decided("AcceptForSession")),
        (usual, "down enter", decided("AcceptForSession")),
        (usual, "n", decided("Decline")),
        (usual, "N", decided("Decline")),
        (usual, "esc", decided("Cancel")),
        (usual, "ctrl+c", decided("Cancel")),
        (usual, "up enter", decided("Cancel")),
        (usual, "a", String::new()),
        (usual, "a y", String::new()),
        (usual, "a enter", always(&["cargo", "test", "a b"])),
        (usual, "down down enter enter", always(&["cargo", "test", "a b"])),
        (usual, "a left enter", always(&["cargo", "test"])),
        (usual, "a left left left left enter", always(&["cargo"])),
        (usual, "a left left right right right enter", always(&["cargo", "test", "a b"])),
        (usual, "a esc y", decided("Accept")),
        (usual, "m n o space y enter", declined("no y")),
        (usual, "tab n o enter", declined("no")),
        (usual, "m enter", decided("Decline")),
        (usual, "m space enter", decided("Decline")),
        (usual, "m x esc y", decided("Accept")),
        (usual, "x", String::new()),
        (usual, "pagedown home end ctrl+d ctrl+u", String::new()),
        (tool, "enter", decided("Accept")),
        (tool, "s", decided("AcceptForSession")),
        (tool, "a", decided("AcceptAlways")),
        (tool, "n", decided("Decline")),
        // What is not offered is not given.
        (plain, "s", String::new()),
        (plain, "a", String::new()),
        (plain, "esc", String::new()),
        (plain, "n", decided("Decline")),
        (plain, "y", decided("Accept")),
        (plain, "m x enter", declined("x")),
        // Enter takes no walls away.
        (weaker, "enter", decided("Decline")),
        (weaker, "y", decided("Accept")),
        (weaker, "up enter", decided("Accept")),
        (files, "y", decided("Accept")),
        (files, "s", decided("AcceptForSession")),
        (files, "enter", decided("Accept")),
        (files, "n", decided("Decline")),
        (files, "esc", decided("Cancel")),
        (files, "a", String::new()),
        // Who has marked something does not want all of it.
        (files, "space y", String::new()),
        (files, "space enter", String::new()),
        (files, "space space y", decided("Accept")),
        (
            files,
            "space n",
            declined(
                "Not wanted of these changes: in /w/a.rs, hunk 1 of 2 (lines 1-2). The rest may be proposed again without them.",
            ),
        ),
        (
            files,
            "right space right space n",
            declined(
                "Not wanted of these changes: in /w/a.rs, hunk 2 of 2 (lines 10-12); in /w/gone.rs, hunk 1 of 1 (lines 1-2). The rest may be proposed again without them.",
            ),
        ),
        (
            files,
            "right right right left space m u g l y enter",
            declined(
                "ugly\nNot wanted of these changes: in /w/a.rs, hunk 2 of 2 (lines 10-12). The rest may be proposed again without them.",
            ),
        ),
        // Where the server takes it, a yes is for what is not marked.
        (apart, "y", decided("Accept")),
        (apart, "space y", decided("AcceptHunks { hunks: [1, 2] }")),
        (apart, "right space enter", decided("AcceptHunks { hunks: [0, 2] }")),
        (apart, "space space y", decided("Accept")),
        (apart, "space right space right space y", String::new()),
        (apart, "space s", String::new()),
        (
            apart,
            "space n",
            declined(
                "Not wanted of these changes: in /w/a.rs, hunk 1 of 2 (lines 1-2). The rest may be proposed again without them.",
            ),
        ),
        (trust, "y", decided("Accept")),
        (trust, "n", decided("Decline")),
        (trust, "esc", decided("Decline")),
        // Enter loosens nothing.
        (trust, "enter", decided("Decline")),
    ];
    for (make, keys, expected) in table {
        let mut overlay = make();
        assert_eq!(overlay.question(), Some(7));
        screen(&*overlay, (80, 24));
        assert_eq!(said(&press(&mut *overlay, keys)), expected, "{keys}");
    }
}

#[test]
fn a_message_can_be_pasted() {
    let mut overlay = usual();
    // Not into a list of answers.
    overlay.paste("y");
    press(&mut *overlay, "m");
    overlay.paste("do\nthis");
    assert!(screen(&*overlay, (80, 24)).join("\n").contains("Tell it: do↵this"));
    assert_eq!(said(&press(&mut *overlay, "enter")), declined("do\nthis"));
}

/// A question, what is pressed, the size, and what is seen then.
const SHOWN: [(Make, &str, (usize, usize), &str); 10] = [
    (
        usual,
        "",
        (80, 24),
        "? Run this command?
  $ cargo test --all &&
    ls

  Directory  /w/project
  Why        it is on no list
  Sandbox    in the sandbox: writes /w/project; no network

›   y  yes, this once
    s  session: yes, and the same command again
    a  always: by a rule… =cargo test 'a b'
    n  no, and it goes on without
    m  message: no, and a word to the model…
  esc  stop: no, and the turn ends",
    ),
    (
        usual,
        "",
        (40, 12),
        "? Run this command?
  $ cargo test --all &&
    ls

  Directory
… 6 more rows (pagedown)
›   y  yes, this once
    s  session: yes, and the same comma…
    a  always: by a rule… =cargo test '…
    n  no, and it goes on without
    m  message: no, and a word to the m…
  esc  stop: no, and the turn ends",
    ),
    (usual, "pagedown", (40, 12), "? Run this command?"),
    (
        page,
        "",
        (80, 24),
        "? Read this page of the web?
  https://a.example/?q=what%20was%20read",
    ),
    (
        usual,
        "a",
        (80, 24),
        "? Save this rule, and run the command?
  Rule       =cargo test 'a b'
  Allows     exactly this command

  It is saved in your own configuration, and holds from now on without a
  question. /permissions shows it.

enter save and run · ← fewer words · → more words · esc back",
    ),
    (
        usual,
        "a left",
        (80, 24),
        "  Rule       cargo test
  Allows     every command that begins with these words, whatever follows them
",
    ),
    (
        weaker,
        "",
        (80, 24),
        "? Go on behind weaker walls?
  $ cargo test --all &&
    ls

  Directory  /w/project
  Why        this machine can hold commands by Landlock only. What is not held
             then: see below. A yes lets the session go on so
  Sandbox    in the sandbox, with weaker walls
  Not held   one thing
  Not held   another thing

    y  yes, for the rest of the session
›   n  no, and it goes on without
",
    ),
    (
        files,
        "right space",
        (80, 24),
        "? Make these changes?
  Why        the policy asks before edits
  Sandbox    writes the files of the patch

",
    ),
    (
        trust,
        "",
        (80, 24),
        "? Trust the settings of this project?
  Project    /w/project
  Directory  /w/project/src
  Its files would loosen what is in force, and are not trusted as they are now.
  What they would set:

  /w/project/.codex/config.toml (changed since it was trusted on 2026-11-02)
       4  sandbox.network = true  now false
       7  permissions.allow = [\"rm\"]  adds to the list
       8  permissions.deny = [\"!curl\"]  adds to and takes out of [\"curl\"]
       9  model = \"x\"

  /w/project/.codex/config.local.toml
       1  approval_policy = \"never\"  now \"on-request\"

  y  yes, as long as these files stay as they are
› n  no, go on without these settings",
    ),
    (|| files_with(None), "", (80, 24), "  The changes themselves were not told.\n"),
];

#[test]
fn a_question_shows_what_is_needed_to_judge_it() {
    for (make, keys, size, expected) in SHOWN {
        let mut overlay = make();
        screen(&*overlay, size);
        press(&mut *overlay, keys);
        let shown = screen(&*overlay, size).join("\n");
        assert!(shown.contains(expected), "{keys} at {size:?}: expected\n{expected}\nbut there is\n{shown}");
    }
}

#[test]
fn a_call_of_a_server_shows_all_that_it_gives_and_what_the_server_says_now_and_said_before() {
    for size in [(80, 24), (40, 40)] {
        let shown = screen(&*tool(), size).join("\n");
        for expected in [
            "Call this tool of an MCP server?",
            "files",
            "write_file",
            r#""path": "/w/project/a.txt""#,
            r#""content": "one""#,
            "Changed",
            "“Writes a file.”",
            "Now",
            "always: yes",
        ] {
            assert!(shown.contains(expected), "{size:?}: {expected} in\n{shown}");
        }
    }
}

#[test]
fn what_is_long_can_be_read_to_its_end_at_every_size() {
    let lines: String = (0..100).map(|n| format!("echo line{n}x\n")).collect();
    let reason = "because ".repeat(20);
    for size in [(80, 24), (40, 12), (200, 60)] {
        let mut overlay = command(json!({ "command": lines, "reason": reason }));
        let mut seen = String::new();
        for _ in 0..60 {
            seen += &screen(&*overlay, size).join("\n");
            press(&mut *overlay, "pagedown");
        }
        let missing: Vec<usize> = (0..100).filter(|n| !seen.contains(&format!("line{n}x"))).collect();
        assert!(missing.is_empty() && seen.contains("writes /w/project"), "{size:?}: {missing:?}");
        // The answers are there all the time.
        let answers = screen(&*overlay, size).join("\n");
        assert!(answers.contains("y  yes, this once") && answers.contains("(pageup)"), "{answers}");
    }
}

#[test]
fn the_hunk_that_is_looked_at_is_seen() {
    let diff: String = (0..30).map(|n| format!("@@ -{0} +{0} @@\n-old{n}x\n+new{n}x\n", n * 10 + 1)).collect();
    let make = || {
        files_with(Some(ThreadItem::FileChange {
            id: "i".into(),
            changes: serde_json::from_value(
                json!([{ "path": "/w/a", "kind": { "type": "update", "move_path": null }, "diff": diff }]),
            )
            .unwrap(),
            status: codex_protocol::PatchApplyStatus::InProgress,
        }))
    };
    for size in [(80, 24), (40, 14), (200, 60)] {
        let mut overlay = make();
        for n in 0..30 {
            let shown = screen(&*overlay, size).join("\n");
            // Before a key what the question says comes first.
            assert!(n == 0 || shown.contains(&format!("new{n}x")), "{n} {size:?}: {shown}");
            press(&mut *overlay, "right");
        }
    }
}

#[test]
fn every_question_can_be_drawn_at_every_size_at_every_stage() {
    for make in QUESTIONS {
        for keys in ["", "a", "m", "m x", "space", "right space", "pagedown", "end"] {
            let mut overlay = make();
            press(&mut *overlay, keys);
            for size in SIZES {
                let shown = screen(&*overlay, size);
                assert!(!shown.is_empty(), "{keys} {size:?}");
            }
        }
    }
}

/// What a terminal would obey, in every place where there is text of others.
const EVIL: &str = "\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{202e}\r\u{9b}31m\u{0}";

#[test]
fn nothing_in_a_question_drives_the_terminal() {
    let held =
        json!([{ "key": EVIL, "line": 1, "column": 1, "value": EVIL, "instead": EVIL, "adds": true, "removes": true }]);
    let trust = json!({ "method": "project/requestTrust", "params": {
        "threadId": EVIL, "cwd": EVIL, "root": format!("/{EVIL}"), "availableDecisions": ["accept", "decline"],
        "files": [{ "path": EVIL, "changed": true, "trustedAt": EVIL, "held": held }],
    }});
    let item = ThreadItem::FileChange {
        id: EVIL.into(),
        changes: serde_json::from_value(json!([
            { "path": EVIL, "kind": { "type": "update", "move_path": EVIL }, "diff": format!("@@ -1 +1 @@{EVIL}\n+{EVIL}\n") },
            { "path": EVIL, "kind": { "type": "add" }, "diff": EVIL },
        ]))
        .unwrap(),
        status: codex_protocol::PatchApplyStatus::InProgress,
    };
    let trust = question(1, &serde_json::from_value::<ServerRequest>(trust).unwrap(), None);
    let command = command(json!({
        "command": format!("ls {EVIL} && {EVIL}"), "cwd": EVIL, "reason": EVIL,
        "availableDecisions": ["accept",
            { "acceptWithExecpolicyAmendment": { "execpolicy_amendment": [EVIL, EVIL] } }, "decline", "cancel"],
        "terms": {
            "confinement": EVIL, "remember": format!("={EVIL}"), "justification": EVIL, "notHeld": [EVIL],
            "rule": { "kind": EVIL, "text": EVIL, "origin": EVIL },
        },
    }));
    for mut overlay in [trust, command, tool_with(EVIL), files_with(Some(item))] {
        for keys in ["", "pagedown", "a", "left", "esc", "m"] {
            press(&mut *overlay, keys);
            for size in SIZES {
                // `screen` itself looks for control characters.
                let shown = screen(&*overlay, size).concat();
                assert!(!shown.contains('\u{202e}'), "{shown}");
            }
        }
        overlay.paste(EVIL);
        screen(&*overlay, (80, 24));
    }
}

#[test]
fn the_words_of_the_model_are_marked_as_such_and_are_told_once() {
    let mut overlay = command(json!({
        "reason": "it wants to leave the sandbox; the model says: “I am a good model”",
        "terms": { "confinement": "no sandbox: all rights", "justification": "I am a good model",
            "rule": { "kind": "ask", "text": "rm", "origin": "/h/config.toml:3:1" } },
    }));
    let shown = screen(&*overlay, (80, 30)).join("\n");
    for expected in [
        "  Why        it wants to leave the sandbox\n",
        "  Rule       ask \"rm\", /h/config.toml:3:1\n",
        "  Sandbox    no sandbox: all rights\n",
        "  The model  says of it, which may be false:\n             “I am a good model”\n",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert_eq!(shown.matches("I am a good model").count(), 1, "{shown}");
    press(&mut *overlay, "x");
}

mod whole {
    use proptest::prelude::*;

    use super::*;

    /// The signs that are seen, without blanks: rows break where there are some.
    fn signs(text: &str) -> String {
        crate::text::harmless(text).split_whitespace().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Nothing of what is agreed to is left out or cut.
        #[test]
        fn all_of_a_command_and_of_a_change_is_there(
            text in r#"([a-z0-9 &|;'"$(){}<>#\\é日\n\x1b\x07]|for|EOF|<<){0,300}"#, width in 20_usize..200,
        ) {
            let command = command(json!({ "command": text, "reason": null, "terms": { "confinement": "" } }));
            let rows = screen(&*command, (width, 3000));
            let end = rows.iter().position(|row| row.trim() == "Directory" || row.starts_with("  Directory  ")).unwrap();
            let shown: String = rows[1..end].iter().map(|row| signs(row.get(4..).unwrap_or_default())).collect();
            prop_assert_eq!(shown, signs(&text), "{:?}", rows);

            let text = text.replace('\n', " ");
            let change = json!([{ "path": "/w/a", "kind": { "type": "add" }, "diff": format!("@@ -0,0 +1 @@\n+{text}\n") }]);
            let files = files_with(Some(ThreadItem::FileChange {
                id: "i".into(),
                changes: serde_json::from_value(change).unwrap(),
                status: codex_protocol::PatchApplyStatus::InProgress,
            }));
            let shown: String = screen(&*files, (width, 3000)).iter().map(|row| signs(row)).collect();
            // Beside each other there is nothing on the left.
            let shown = shown.replace('│', "");
            prop_assert!(shown.contains(&signs(&text)), "{}", shown);
        }
    }
}
