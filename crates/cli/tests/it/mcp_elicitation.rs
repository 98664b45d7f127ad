//! What servers of tools want to know of a person: asked, filled in, gone to, or declined where nobody can be asked.

use std::fs;

use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ApprovalPolicy, Asked, ElicitationParams, ServerMessage, ServerNotification,
    ServerRequest,
};
use serde_json::{Value, json};

use crate::{
    app_server::client::Client,
    hooks::hook,
    mcp_real::everything,
    screen::terminal::Terminal,
    session::{Session, answer},
    support::Place,
};

/// A server whose tool asks for what stands in a file, and answers with what it was told.
pub const SCRIPT: &str = r#"
answer() { printf '%s\n' '{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}'; }
while read -r line; do
    id=${line#*'"id":'}; id=${id%%[,\}]*}
    case $line in
    *'"initialize"'*)
        answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}' ;;
    *'"tools/list"'*) answer '{"tools":[{"name":"ask","inputSchema":{"type":"object"}}]}' ;;
    *'"tools/call"'*)
        call=$id
        if [ -e refuses.json ]; then
            printf '{"jsonrpc":"2.0","id":%s,"error":%s}\n' "$id" "$(cat refuses.json)"
            continue
        fi
        printf '{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":%s}\n' "$(cat asks.json)" ;;
    *'"id":"e"'*)
        id=$call; told=${line#*'"result":'}
        answer '{"content":[{"type":"text","text":"told '"$(printf %s "$told" | tr '"' "'")"'"}]}' ;;
    esac
done
"#;

fn form() -> Value {
    let properties = json!({ "name": { "type": "string" }, "age": { "type": "integer", "minimum": 18 } });
    json!({ "message": "Who?\u{1b}[2J", "requestedSchema": { "type": "object", "properties": properties, "required": ["name"] } })
}

fn page() -> Value {
    json!({ "mode": "url", "message": "Pay.", "url": "https://a.example/pay", "elicitationId": "e1" })
}

/// A place with a server that asks `asks`, whose tool the model calls in each of `turns` turns.
pub fn place(asks: &Value, turns: usize) -> Place {
    let steps: Vec<Value> =
        (0..turns).flat_map(|_| [json!({ "tool": "mcp__s__ask" }), json!({ "text": "ok" })]).collect();
    let place = Place::new(Value::from(steps));
    fs::write(place.workspace.join("server.sh"), SCRIPT).unwrap();
    fs::write(place.workspace.join("asks.json"), asks.to_string()).unwrap();
    let config = place.home.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let server =
        "[mcp_servers.s]\ncommand = \"sh\"\nargs = [\"server.sh\"]\ndefault_tools_approval_mode = \"approve\"\n";
    fs::write(&config, format!("{text}\n{server}")).unwrap();
    place
}

/// What the model was told of the call last.
pub fn told(place: &Place) -> String {
    let body = place.server.requests().pop().unwrap().body;
    let input = body["input"].as_array().unwrap();
    let output = input.iter().rfind(|item| item["type"] == "function_call_output").unwrap();
    output["output"].as_str().unwrap().to_owned()
}

async fn asked(session: &mut Session) -> (u64, ElicitationParams) {
    match session.question().await {
        (id, ServerRequest::Elicitation(params)) => (id, params),
        (_, other) => panic!("{other:?}"),
    }
}

fn content(value: &Value) -> ApprovalAnswer {
    answer(ApprovalDecision::AcceptWithContent { content: value.as_object().unwrap().clone() })
}

#[tokio::test]
async fn what_a_server_wants_to_know_reaches_the_person_and_the_answer_the_server() {
    let place = place(&form(), 3);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let (id, params) = asked(&mut session).await;
    assert_eq!((&*params.server_name, &*params.message), ("s", "Who?[2J"));
    assert_eq!((&params.thread_id, params.turn_id.is_some()), (&session.thread_id, true));
    assert!(
        matches!(&params.asked, Asked::Form { requested_schema } if requested_schema["required"] == json!(["name"]))
    );
    // What the server did not ask for is not passed on, and the question stays.
    for (wrong, why) in [
        (content(&json!({ "name": "me", "age": 17 })), "`age`: at least 18 is wanted"),
        (answer(ApprovalDecision::Accept), "`name` is required"),
        (answer(ApprovalDecision::AcceptForSession), "yes or no"),
    ] {
        let error = session.answer(id, wrong).await.unwrap_err();
        assert!(error.message.contains(why), "{error:?}");
    }
    session.answer(id, content(&json!({ "name": "me", "age": 18 }))).await.unwrap();
    session.turn_ended().await;
    let said = told(&place);
    assert!(said.contains("'action':'accept'") && said.contains("'name':'me'") && said.contains("'age':18"), "{said}");
    for (decision, expected) in
        [(ApprovalDecision::Decline, "'action':'decline'"), (ApprovalDecision::Cancel, "'action':'cancel'")]
    {
        session.say("go").await;
        let (id, _) = asked(&mut session).await;
        session.answer(id, answer(decision)).await.unwrap();
        session.turn_ended().await;
        assert!(told(&place).contains(expected), "{}", told(&place));
    }
}

#[tokio::test]
async fn a_page_is_answered_with_a_yes_and_nothing_entered() {
    let place = place(&page(), 1);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let (id, params) = asked(&mut session).await;
    assert_eq!(params.asked, Asked::Url { url: "https://a.example/pay".into(), elicitation_id: "e1".into() });
    assert!(session.answer(id, content(&json!({ "x": 1 }))).await.is_err());
    session.answer(id, answer(ApprovalDecision::Accept)).await.unwrap();
    session.turn_ended().await;
    assert!(told(&place).contains("told {'action':'accept'}"), "{}", told(&place));
}

/// A server may refuse a call until a person was somewhere.
#[tokio::test]
async fn a_page_that_a_call_has_to_wait_for_is_gone_to_and_the_model_told() {
    let place = place(&page(), 2);
    let refuses = json!({ "code": -32042, "message": "not yet", "data": { "elicitations": [page()] } });
    fs::write(place.workspace.join("refuses.json"), refuses.to_string()).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    for (decision, expected) in [
        (ApprovalDecision::Accept, "refused: not yet. The user was sent to the page"),
        (ApprovalDecision::Decline, "refused: not yet. The user did not go to the page"),
    ] {
        session.say("go").await;
        let (id, params) = asked(&mut session).await;
        assert!(matches!(params.asked, Asked::Url { .. }), "{params:?}");
        session.answer(id, answer(decision)).await.unwrap();
        session.turn_ended().await;
        assert!(told(&place).contains(expected), "{}", told(&place));
    }
}

#[tokio::test]
async fn a_hook_hears_that_a_server_asks() {
    let place = place(&form(), 1);
    let config = place.home.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + &hook("Notification", "elicitation_dialog", "cat > told")).unwrap();
    let pipe = place.unopened_pipe("told");
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let (id, _) = asked(&mut session).await;
    let heard = tokio::task::spawn_blocking(move || fs::read_to_string(pipe).unwrap()).await.unwrap();
    let heard: Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(heard["message"], "The MCP server s asks: Who?[2J");
    session.answer(id, answer(ApprovalDecision::Decline)).await.unwrap();
    session.turn_ended().await;
}

#[tokio::test]
async fn a_question_is_taken_back_with_its_turn() {
    let place = place(&form(), 1);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let (id, _) = asked(&mut session).await;
    session.interrupt().await;
    let (mut resolved, mut ended) = (false, false);
    while !(resolved && ended) {
        let ServerMessage::Event(event) = session.message().await else { panic!("nothing else is asked") };
        match event.notification {
            ServerNotification::ServerRequestResolved(it) => resolved |= it.request_id == id,
            ServerNotification::TurnCompleted(_) => ended = true,
            _ => {}
        }
    }
    assert!(session.answer(id, answer(ApprovalDecision::Decline)).await.is_err());
}

#[test]
fn where_nobody_can_be_asked_that_is_said_and_the_server_told_no() {
    for (asks, said) in [(form(), "the MCP server `s` asked “Who?[2J”"), (page(), "the MCP server `s` asked “Pay.”")]
    {
        let place = place(&asks, 1);
        let ran = place.codex(&["exec", "go"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && stderr.contains(said) && stderr.contains("nobody can be asked"), "{stderr}");
        assert!(told(&place).contains("'action':'decline'"), "{}", told(&place));
    }
}

#[test]
fn other_clients_are_asked_as_they_know_it() {
    let place = place(&form(), 2);
    let mut client = Client::start(&place, &[]);
    let thread = client.thread(json!({ "approvalPolicy": "on-request" }));
    for (result, expected) in [
        (json!({ "action": "accept", "content": { "name": "me" }, "_meta": null }), "'name':'me'"),
        // What does not fit is no answer.
        (json!({ "action": "accept", "content": { "name": 1 } }), "'action':'cancel'"),
    ] {
        client.say(&thread, "go");
        let asked = client.until("mcpServer/elicitation/request");
        let params = &asked["params"];
        assert_eq!(
            (&params["serverName"], &params["mode"], &params["_meta"]),
            (&json!("s"), &json!("form"), &Value::Null)
        );
        assert_eq!((&params["threadId"], params["turnId"].is_string()), (&json!(thread), true));
        assert_eq!(params["requestedSchema"]["properties"]["name"], json!({ "type": "string" }));
        client.send(&json!({ "id": asked["id"], "result": result }));
        client.turn();
        assert!(told(&place).contains(expected), "{}", told(&place));
    }
    client.end();
}

/// The example server's own tools, filled in on the screen.
#[test]
fn a_real_servers_form_is_filled_in_on_the_screen() {
    not_inside_another_sandbox!();
    let Some(file) = everything() else { return };
    let page = json!({ "url": "https://a.example/agree?x=1", "message": "Agree there." });
    let place = Place::new(json!([
        { "tool": "mcp__all__trigger-elicitation-request" },
        { "tool": "mcp__all__trigger-url-elicitation", "arguments": page },
        { "text": "All told." },
    ]));
    let config = place.home.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let server = format!(
        "mcp_offered_bytes = 1000000\n{text}\n[mcp_servers.all]\ncommand = \"node\"\nargs = [{file:?}, \"stdio\"]\n\
         default_tools_approval_mode = \"approve\"\n"
    );
    fs::write(&config, server).unwrap();
    let mut terminal = Terminal::start(&place, &["go"], 40, 100);
    terminal.until("An MCP server asks you something").until("› String  (required)").until("Your full, legal name");
    // Letters may be on their way to what was there before; arrows are for the question from the beginning.
    terminal.press("\x1b[B", "› Boolean").press("\x1b[A", "› String  (required)");
    terminal.press("Ada Lovelace", "String  Ada Lovelace");
    // Up from the first field: no, then yes.
    terminal.press("\x1b[A\x1b[A", "› send it");
    terminal.send("\r");
    terminal.until("Go to this page for an MCP server?").until("a.example").until("Agree there.");
    terminal.press("\x1b[D", "› open the page");
    terminal.send("\r");
    // There is no desktop here.
    terminal.until("All told.").until("https://a.example/agree?x=1");
    let told = place.server.requests().pop().unwrap().body["input"].to_string();
    let told = told.replace('\\', "");
    for expected in [
        "- Name: Ada Lovelace",
        "- Favorite Integer: 42",
        r#""titledSingleSelectEnum": "hero-1""#,
        "User completed the URL",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
}
