//! A client that asks and does not read: no more of it is taken in than has room.

use codex_protocol::ServerRequest;
use serde_json::json;

use super::*;

/// Lets everything else go on until nothing of it can.
async fn settled() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_wait_for_their_turn_and_answers_to_questions_pass() {
    let (calls, mut called) = mpsc::channel(1000);
    let (tell, told) = mpsc::channel(16);
    let (say, incoming) = mpsc::channel(1000);
    let (outgoing, mut heard) = mpsc::channel(1000);
    tokio::spawn(serve_json((calls, told), Facts::default(), incoming, outgoing));
    let introduction = json!({ "clientInfo": { "name": "c", "version": "1" } });
    say.send(json!({ "id": 0, "method": "initialize", "params": introduction }).to_string()).await.unwrap();
    for id in 1..=200 {
        say.send(json!({ "id": id, "method": "model/list", "params": {} }).to_string()).await.unwrap();
    }
    settled().await;
    assert_eq!(called.len(), WAITING);
    let (_, first) = called.recv().await.unwrap();
    first.send(Err(gone())).unwrap();
    settled().await;
    assert_eq!(called.len(), WAITING, "an answer makes room for one");
    let asked = json!({ "method": "item/fileChange/requestApproval", "params": {
        "threadId": "t", "turnId": "1", "itemId": "i", "startedAtMs": 0, "reason": null, "grantRoot": null,
        "availableDecisions": ["accept"], "terms": { "confinement": "", "rule": null, "remember": null, "justification": null,
        "notHeld": [], "agent": null },
    }});
    let request: ServerRequest = serde_json::from_value(asked).unwrap();
    tell.send(ServerMessage::Request { id: 7, request }).await.unwrap();
    settled().await;
    assert_eq!(called.len(), WAITING_FOR_ONE);
    heard.close();
}

#[tokio::test]
async fn who_is_told_nothing_more_is_not_answered_either() {
    let (calls, _called) = mpsc::channel(1);
    let (tell, told) = mpsc::channel(1);
    let (say, incoming) = mpsc::channel(1);
    let (outgoing, mut heard) = mpsc::channel(1);
    tokio::spawn(serve_json((calls, told), Facts::default(), incoming, outgoing));
    say.send("garbage".into()).await.unwrap();
    assert!(heard.recv().await.is_some());
    drop(tell);
    assert_eq!(heard.recv().await, None, "the connection ends");
}
