//! What is seen: each state at three sizes, as a terminal shows it. `UPDATE=1` accepts what came.

use codex_protocol::{
    ClientResponse, FuzzyFileSearchResult, ThreadItemsListResult, ThreadListResult, ThreadResumeParams,
};
use serde_json::json;

use super::stage::{Plan, Stage, command_question, thread};
use crate::{app::Opening, screen::Input, tests::golden};

const SIZES: [(usize, usize); 3] = [(80, 24), (40, 12), (200, 60)];

type Play = fn((usize, usize)) -> Stage;

/// A session in which `play` happens.
fn session(size: (usize, usize), play: impl FnOnce(&mut Stage) -> &mut Stage) -> Stage {
    let mut stage = Stage::opened(size);
    play(&mut stage);
    stage
}

/// A screen as it starts, before `play` happens.
fn start(plan: Plan, play: impl FnOnce(&mut Stage) -> &mut Stage) -> Stage {
    let mut stage = Stage::new(plan);
    play(&mut stage);
    stage
}

fn agent_says(stage: &mut Stage, text: &str) {
    stage.item_begins(json!({ "type": "agentMessage", "id": "m1", "text": "" }));
    stage.item(json!({ "type": "agentMessage", "id": "m1", "text": text }));
}

fn command(status: &str, output: &str) -> serde_json::Value {
    json!({
        "type": "commandExecution", "id": "c1", "command": "cargo test --all", "cwd": "/home/u/work/project",
        "status": status, "aggregatedOutput": output, "exitCode": null, "durationMs": null,
    })
}

fn file_change() -> serde_json::Value {
    json!({ "type": "fileChange", "id": "f1", "status": "inProgress", "changes": [
        { "path": "/home/u/work/project/a.rs", "kind": { "type": "update", "move_path": null },
          "diff": "@@ -1,2 +1,2 @@\n-old\n+new\n same\n" },
    ]})
}

fn found(paths: &[&str]) -> ClientResponse {
    let files = paths.iter().map(|path| {
        json!({ "root": "/home/u/work/project", "path": path, "match_type": "file", "score": 1, "indices": null,
            "file_name": path.rsplit('/').next() })
    });
    let files: Vec<_> = files.collect();
    ClientResponse::FuzzyFileSearch(serde_json::from_value::<FuzzyFileSearchResult>(json!({ "files": files })).unwrap())
}

fn resume() -> Opening {
    Opening::Resume(ThreadResumeParams { thread_id: "t".into(), ..ThreadResumeParams::default() })
}

fn items(texts: &[&str]) -> ClientResponse {
    let entry = |(at, text): (usize, &&str)| {
        json!({ "turnId": "1", "startedAtMs": null, "completedAtMs": null,
            "item": { "type": "agentMessage", "id": format!("m{at}"), "text": text } })
    };
    let data: Vec<_> = texts.iter().enumerate().map(entry).collect();
    let list = json!({ "data": data, "nextCursor": null, "backwardsCursor": null });
    ClientResponse::ThreadItemsList(serde_json::from_value::<ThreadItemsListResult>(list).unwrap())
}

fn no_sessions() -> ClientResponse {
    ClientResponse::ThreadList(ThreadListResult { data: Vec::new(), next_cursor: None })
}

#[test]
fn each_state_is_seen() {
    for (name, play) in STATES.iter().chain(QUESTIONS).chain(ERRORS) {
        let mut text = String::new();
        for size in SIZES {
            let mut stage = play(size);
            text += &format!("── {} × {} ──\n{}", size.0, size.1, stage.waits(0).shown());
        }
        golden(&format!("src/app/tests/screens/{name}.txt"), &text);
    }
}

const STATES: &[(&str, Play)] = &[
    ("starting", |size| Stage::new(Plan::usual(size))),
    ("starting-said", |size| {
        start(Plan { first: Some("first"), ..Plan::usual(size) }, |s| s.says("then").types("hal"))
    }),
    ("no-key", |size| start(Plan { lacks_key: true, ..Plan::usual(size) }, Stage::open)),
    ("warned", |size| {
        start(Plan::usual(size), |s| {
            s.told("warning", json!({ "threadId": "t", "message": "the file `.codex/config.toml` is not trusted" }))
                .open()
        })
    }),
    ("idle", |size| session(size, |s| s)),
    ("working", |size| session(size, |s| s.works("fix it").waits(65_000))),
    ("stopping", |size| session(size, |s| s.works("fix it").keys("esc"))),
    ("streaming", |size| {
        session(size, |s| {
            s.works("fix it").item_begins(json!({ "type": "agentMessage", "id": "m1", "text": "" }));
            let text = "I look **at it**.\n\n- one\n- two\n\nThen it";
            s.told("item/agentMessage/delta", json!({ "threadId": "t", "turnId": "1", "itemId": "m1", "delta": text }))
        })
    }),
    ("command-runs", |size| session(size, |s| s.works("fix it").item_begins(command("inProgress", "")))),
    ("turn-ended", |size| {
        session(size, |s| {
            agent_says(s.works("fix it"), "It is fixed.");
            s.ends("1", "completed")
        })
    }),
    ("queue", |size| {
        session(size, |s| {
            s.works("fix it");
            for text in ["one", "two", "three", "four", "five"] {
                s.types(text).keys("tab");
            }
            s.types("six")
        })
    }),
    ("steered", |size| session(size, |s| s.works("fix it").says("and that"))),
    ("held-queue", |size| session(size, |s| s.works("fix it").types("one").keys("tab esc").ends("1", "interrupted"))),
    ("edit-queued", |size| {
        session(size, |s| s.works("fix it").types("one").keys("tab").types("two").keys("tab alt+up"))
    }),
    ("commands", |size| session(size, |s| s.types("/"))),
    ("command-typed", |size| session(size, |s| s.types("/mo"))),
    ("arguments", |size| session(size, |s| s.types("/theme "))),
    ("files", |size| {
        session(size, |s| s.types("see @ma").clear_asked().types("i").answered(found(&["src/main.rs", "mail.txt"])))
    }),
    ("hint-leave", |size| session(size, |s| s.keys("ctrl+c"))),
    ("hint-cleared", |size| session(size, |s| s.types("half").keys("ctrl+c"))),
    ("vim", |size| session(size, |s| s.says("/vim on").types("abc").keys("esc"))),
    ("resumed", |size| {
        start(Plan { opening: resume(), ..Plan::usual(size) }, |s| {
            s.told(
                "thread/tokenUsage/updated",
                json!({ "threadId": "t", "turnId": "", "tokenUsage": {
                    "total": { "totalTokens": 12345 }, "last": { "totalTokens": 50_000 }, "modelContextWindow": 200_000,
                }}),
            );
            s.answered(items(&["the newest", "the one before"]))
                .answered(ClientResponse::ThreadResume(thread("fix it")))
        })
    }),
    ("resuming", |size| {
        start(Plan { opening: resume(), ..Plan::usual(size) }, |s| {
            s.answered(items(&["the newest", "the one before"])).says("go on").types("hal")
        })
    }),
    ("none-to-resume", |size| {
        let opening = Opening::Last { params: ThreadResumeParams::default(), of: Some("/home/u".into()) };
        start(Plan { opening, ..Plan::usual(size) }, |s| s.answered(no_sessions()).open())
    }),
    ("pick", |size| {
        let opening = Opening::Pick { params: ThreadResumeParams::default(), all: true };
        start(Plan { opening, ..Plan::usual(size) }, |s| s.answered(no_sessions()))
    }),
    ("pick-left", |size| {
        let opening = Opening::Pick { params: ThreadResumeParams::default(), all: true };
        start(Plan { opening, ..Plan::usual(size) }, |s| s.answered(no_sessions()).keys("esc"))
    }),
    ("full", |size| start(Plan { full: true, ..Plan::usual(size) }, full)),
    ("full-scrolled", |size| {
        start(Plan { full: true, ..Plan::usual(size) }, |s| full(s).keys("pageup").input(Input::Scroll(-3)))
    }),
];

fn full(stage: &mut Stage) -> &mut Stage {
    let lines: String = (1..100).map(|line| format!("- line {line}\n")).collect();
    agent_says(stage.open().works("count"), &lines);
    stage.ends("1", "completed")
}

const QUESTIONS: &[(&str, Play)] = &[
    ("question-command", |size| session(size, |s| asks(s.works("fix it").waits(600)))),
    ("question-files", |size| {
        session(size, |s| {
            s.works("fix it").waits(600).item_begins(file_change());
            s.is_asked(7, "item/fileChange/requestApproval", json!({
                "threadId": "t", "turnId": "1", "itemId": "f1", "startedAtMs": 0, "reason": "the policy asks before edits",
                "grantRoot": null, "availableDecisions": ["accept", "acceptForSession", "decline", "cancel"],
                "terms": { "confinement": "writes the files of the patch" },
            }))
        })
    }),
    ("question-trust", |size| {
        start(Plan::usual(size), |s| {
            s.is_asked(
                7,
                "project/requestTrust",
                json!({
                    "threadId": "t", "cwd": "/w/project/src", "root": "/w/project", "files": [
                        { "path": "/w/project/.codex/config.toml", "changed": false, "trustedAt": null, "held": [
                            { "key": "sandbox.network", "line": 4, "column": 1, "value": "true", "instead": "false",
                              "adds": false, "removes": false },
                        ]},
                    ],
                    "availableDecisions": ["accept", "decline"],
                }),
            )
        })
    }),
    // Keys were pressed just before.
    ("question-waits", |size| session(size, |s| asks(s.works("fix it").waits(600).types("ha")))),
    ("question-comes-up", |size| session(size, |s| asks(s.works("fix it").waits(600).types("ha")).waits(500))),
    // A letter that was on its way is not an answer.
    ("question-letters", |size| {
        session(size, |s| asks(s.works("fix it").waits(600)).types("y").keys("esc").waits(600))
    }),
    ("question-elsewhere", |size| {
        session(size, |s| {
            asks(s.works("fix it").waits(600).types("half")).waits(600);
            s.told("serverRequest/resolved", json!({ "threadId": "t", "requestId": 7 }))
        })
    }),
    ("question-refused", |size| {
        session(size, |s| {
            asks(s.works("fix it").waits(600)).waits(600).keys("a enter");
            s.refused("the rule `cargo test` was not saved: the disk is full")
        })
    }),
];

fn asks(stage: &mut Stage) -> &mut Stage {
    stage.item_begins(command("inProgress", ""));
    stage.is_asked(7, "item/commandExecution/requestApproval", command_question())
}

const ERRORS: &[(&str, Play)] = &[
    ("error-open", |size| start(Plan::usual(size), |s| s.says("hello").refused("there is no model `x`").keys("x"))),
    ("error-turn", |size| session(size, |s| s.says("hello").refused("the model is gone"))),
    ("error-steer", |size| session(size, |s| s.works("fix it").says("and that").refused("too much was said"))),
    ("error-shell", |size| session(size, |s| s.says("!make").refused("no command runs in read-only mode"))),
    ("error-settings", |size| session(size, |s| s.says("/model x").refused("there is no model `x`"))),
    ("error-command", |size| session(size, |s| s.says("/modle x"))),
    ("error-turn-failed", |size| {
        session(size, |s| {
            s.works("fix it").types("next").keys("tab");
            s.told("error", json!({ "threadId": "t", "turnId": "1", "willRetry": false, "error": { "message": "the key is wrong" } }));
            s.ends("1", "failed")
        })
    }),
];
