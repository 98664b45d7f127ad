//! What is said over a connection, with a server at the other end that is a script.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use codex_sandbox::Confinement;
use rmcp::{
    RoleClient, serve_client,
    service::{Peer, RunningService},
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::mpsc,
};

use crate::{
    CallContext, CallError, Elicited, Ground, Pool, Reach, ServerSpec, Transport, Walls, answers,
    client::Client,
    connect::{ask, offers, title},
    guarded::Guarded,
    resources,
    server::{Life, Server},
    stdio::{Broken, Pipes, Tail},
};

/// What a server says to a message: lines, in order.
type Script = Box<dyn FnMut(&Value) -> Vec<Value> + Send>;

/// A connection to a script.
struct Talk {
    server: Server,
    peer: Peer<RoleClient>,
    service: RunningService<RoleClient, Client>,
    broken: Broken,
    /// All that the script has heard.
    heard: mpsc::UnboundedReceiver<Value>,
}

fn ground() -> Ground {
    Ground {
        walls: Confinement::Unconfined,
        environment: Arc::default(),
        workspace: "/work place".into(),
        sandbox: Arc::new(|_| Err(std::io::ErrorKind::Unsupported.into())),
        temp: None,
        http: Arc::default(),
        tokens: None,
        pool: Arc::new(Pool::default()),
    }
}

fn spec() -> ServerSpec {
    ServerSpec::new("s", Transport::Stdio { argv: Vec::new(), env: Default::default(), cwd: None })
}

/// The answer to a request.
fn result(request: &Value, result: Value) -> Vec<Value> {
    vec![json!({"jsonrpc": "2.0", "id": request["id"], "result": result})]
}

async fn talk(spec: ServerSpec, capabilities: Value, mut script: Script) -> Talk {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (read, write) = tokio::io::split(ours);
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let replies = match message["method"].as_str() {
                Some("initialize") => result(
                    &message,
                    json!({"protocolVersion": message["params"]["protocolVersion"], "capabilities": capabilities,
                        "serverInfo": {"name": "Script\u{1b}[2J", "version": "1"}}),
                ),
                _ => script(&message),
            };
            let _ = tell.send(message);
            for reply in replies {
                if write.write_all(format!("{reply}\n").as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    });
    let server = Server::new(spec, ground());
    let life = &server.0;
    let client = Client {
        server: life.spec.name.clone(),
        roots: life.roots(),
        calls: life.calls.clone(),
        relist: Arc::clone(&life.relist),
    };
    let broken = Broken::default();
    let pipes = Pipes::new(read, write, Tail::default(), Arc::clone(&broken));
    let service = serve_client(client, Guarded::new(pipes, Arc::clone(&broken))).await.unwrap();
    let peer = service.peer().clone();
    Talk { server, peer, service, broken, heard }
}

impl Talk {
    fn life(&self) -> &Life {
        &self.server.0
    }

    async fn call(&self, context: &CallContext) -> Result<Value, CallError> {
        let params = json!({"name": "t", "arguments": {}});
        ask(self.life(), &self.peer, "tools/call", params, context, Duration::from_secs(60)).await
    }

    /// The next message that the script hears by this method, or as an answer.
    async fn hears(&mut self, method: Option<&str>) -> Value {
        loop {
            let message = self.heard.recv().await.unwrap();
            if message["method"].as_str() == method {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn what_is_offered_is_listed_page_by_page() {
    let script: Script = Box::new(|message| match message["method"].as_str() {
        Some("tools/list") if message["params"]["cursor"] == "2" => result(
            message,
            json!({"tools": [{"name": "second", "inputSchema": {"type": "object"}}], "nextCursor": "2"}),
        ),
        // One of them lies, which says nothing about the other.
        Some("tools/list") => result(
            message,
            json!({"tools": [{"name": "first", "inputSchema": {"type": "object"}}, {"name": "liar", "inputSchema": [3]}],
                "nextCursor": "2"}),
        ),
        Some("prompts/list") => result(message, json!({"prompts": [{"name": "p", "arguments": [{"name": "a"}]}]})),
        Some("resources/list") => {
            vec![json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32603, "message": "No\nluck."}})]
        }
        _ => Vec::new(),
    });
    let spec =
        ServerSpec { tools: crate::ToolFilter { not: ["second".into()].into(), ..Default::default() }, ..spec() };
    let talk = talk(spec, json!({"tools": {}, "prompts": {}, "resources": {}}), script).await;
    let offers = offers(talk.life(), &talk.peer).await;
    let tools: Vec<&str> = offers.tools.iter().map(|tool| &*tool.called).collect();
    assert_eq!(tools, ["mcp__s__first", "mcp__s__liar"]);
    assert_eq!(offers.tools[1].schema, json!({"type": "object", "properties": {}}));
    assert_eq!(offers.prompts[0].arguments[0].name, "a");
    assert_eq!(offers.trouble.as_deref(), Some("resources/list: the MCP server `s` refused: No luck"));
    assert_eq!(title(&talk.peer).as_deref(), Some("Script[2J 1"));
}

#[tokio::test]
async fn what_was_not_declared_is_not_asked_for() {
    let mut talk = talk(spec(), json!({"tools": {}}), Box::new(|message| result(message, json!({"tools": []})))).await;
    offers(talk.life(), &talk.peer).await;
    drop(talk.service);
    let mut methods = Vec::new();
    while let Some(message) = talk.heard.recv().await {
        methods.push(message["method"].as_str().unwrap().to_owned());
    }
    assert_eq!(methods, ["initialize", "notifications/initialized", "tools/list"]);
}

#[tokio::test]
async fn we_say_what_we_can_and_where_we_work() {
    let script: Script = Box::new(|message| match message["method"].as_str() {
        Some("notifications/initialized") => vec![
            json!({"jsonrpc": "2.0", "id": "r", "method": "roots/list"}),
            json!({"jsonrpc": "2.0", "id": "s", "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}),
        ],
        _ => Vec::new(),
    });
    let walls = Walls::Confined { extra_roots: vec!["/more".into()], network: Reach::Nothing };
    let mut talk = talk(ServerSpec { walls, ..spec() }, json!({}), script).await;
    let said = talk.hears(Some("initialize")).await;
    assert_eq!(said["params"]["capabilities"], json!({"roots": {}, "elicitation": {"form": {}, "url": {}}}));
    let mut answers = [talk.hears(None).await, talk.hears(None).await];
    answers.sort_by_key(|answer| answer["id"].to_string());
    let roots = json!({"roots": [{"uri": "file:///work%20place"}, {"uri": "file:///more"}]});
    assert_eq!((&answers[0]["result"], &answers[1]["error"]["code"]), (&roots, &json!(-32601)), "{answers:?}");
}

#[tokio::test]
async fn a_call_is_told_of_its_progress_and_a_person_is_asked_for_it() {
    let mut waiting = Value::Null;
    let script: Script = Box::new(move |message| match message["method"].as_str() {
        Some("tools/call") => {
            waiting = message["id"].clone();
            let token = &message["params"]["_meta"]["progressToken"];
            vec![
                json!({"jsonrpc": "2.0", "method": "notifications/progress",
                    "params": {"progressToken": token, "progress": 1, "total": 2, "message": "half\u{7}way"}}),
                json!({"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": {"message": "Who?",
                    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}}),
            ]
        }
        None if message["id"] == "e" => {
            let text = message["result"].to_string();
            vec![json!({"jsonrpc": "2.0", "id": waiting, "result": {"content": [{"type": "text", "text": text}]}})]
        }
        _ => Vec::new(),
    });
    let talk = talk(spec(), json!({}), script).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let progress = Arc::clone(&seen);
    let context = CallContext {
        progress: Some(Arc::new(move |it| progress.lock().unwrap().push((it.done, it.total, it.message)))),
        elicit: Some(Arc::new(|question| {
            assert_eq!((&*question.server, &*question.message), ("s", "Who?"));
            let answer: Map<String, Value> = [("name".to_owned(), json!("me"))].into_iter().collect();
            Box::pin(async { Elicited::Accepted(answer) })
        })),
        ..CallContext::default()
    };
    let answered = |answer: Value| answers::outcome(&answer).content;
    let text = |text: &str| vec![crate::Content::Text(text.to_owned())];
    let answer = talk.call(&context).await.unwrap();
    assert_eq!(answered(answer), text(r#"{"action":"accept","content":{"name":"me"}}"#));
    assert_eq!(*seen.lock().unwrap(), [(1.0, Some(2.0), Some("halfway".to_owned()))]);
    // Where nobody can be asked, nobody has said yes.
    assert_eq!(answered(talk.call(&CallContext::default()).await.unwrap()), text(r#"{"action":"decline"}"#));
}

#[tokio::test]
async fn who_gives_up_says_so() {
    let mut talk = talk(spec(), json!({}), Box::new(|_| Vec::new())).await;
    let context = CallContext::default();
    let cancel = context.cancel.clone();
    let (result, heard) = tokio::join!(
        async { ask(&talk.server.0, &talk.peer, "tools/call", json!({}), &context, Duration::from_secs(60)).await },
        async {
            loop {
                let message = talk.heard.recv().await.unwrap();
                match message["method"].as_str() {
                    Some("tools/call") => cancel.cancel(),
                    Some("notifications/cancelled") => return message["params"]["requestId"].clone(),
                    _ => {}
                }
            }
        },
    );
    assert_eq!((result, heard), (Err(CallError::Cancelled), json!(1)));
}

#[tokio::test(start_paused = true)]
async fn only_a_server_that_refuses_to_list_addresses_has_none() {
    let listed = async |script: Script, context: CallContext| {
        let talk = talk(spec(), json!({"resources": {}}), script).await;
        resources::call(talk.life(), &talk.peer, &Map::new(), &context).await.map(|outcome| outcome.content)
    };
    let refuses: Script = Box::new(|message| {
        let error = json!({"code": -32601, "message": "what?"});
        vec![json!({"jsonrpc": "2.0", "id": message["id"], "error": error})]
    });
    let none = crate::Content::Text("There are no resources.\n".into());
    assert_eq!(listed(refuses, CallContext::default()).await, Ok(vec![none]));
    let late = listed(Box::new(|_| Vec::new()), CallContext::default()).await;
    assert!(matches!(late, Err(CallError::TimedOut { .. })), "{late:?}");
    let cancelled = CallContext::default();
    cancelled.cancel.cancel();
    assert_eq!(listed(Box::new(|_| Vec::new()), cancelled).await, Err(CallError::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn progress_starts_the_time_of_a_call_anew() {
    let (say, mut said) = mpsc::unbounded_channel();
    let script: Script = Box::new(move |message| {
        if message["method"] == "tools/call" {
            let _ = say.send(message["params"]["_meta"]["progressToken"].clone());
        }
        Vec::new()
    });
    let talk = talk(spec(), json!({}), script).await;
    let start = tokio::time::Instant::now();
    let error = CallError::TimedOut { server: "s".into(), seconds: 60 };
    assert_eq!(talk.call(&CallContext::default()).await, Err(error.clone()));
    assert_eq!(start.elapsed().as_secs(), 60);
    said.recv().await.unwrap();
    let progress = async {
        let token = serde_json::from_value(said.recv().await.unwrap()).unwrap();
        let mut ticks = tokio::time::interval(Duration::from_secs(40));
        for _ in 0..100 {
            ticks.tick().await;
            talk.life().calls.progressed(&token, crate::Progressed { done: 1.0, total: None, message: None });
        }
    };
    let start = tokio::time::Instant::now();
    let context = CallContext::default();
    let (result, ()) = tokio::join!(
        async {
            let result = talk.call(&context).await;
            // Not for ever.
            assert_eq!(start.elapsed().as_secs(), 60 * 20);
            result
        },
        progress
    );
    assert_eq!(result, Err(error));
}

#[tokio::test]
async fn a_server_that_talks_on_and_on_is_left() {
    let flood: Script = Box::new(|message| match message["method"].as_str() {
        Some("tools/call") => vec![json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}); 3000],
        _ => Vec::new(),
    });
    let talk = talk(spec(), json!({}), flood).await;
    let lost = CallError::Lost { server: "s".into(), why: "the connection ended".into() };
    assert_eq!(talk.call(&CallContext::default()).await, Err(lost));
    assert_eq!(talk.broken.lock().unwrap().as_deref(), Some("sent more messages than anybody asked for"));
}
