//! Tests of `link` with a server of a few lines.

use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

use super::{
    super::{Address, connect},
    *,
};

/// A server that answers whoever introduces itself with `answer`, and nothing else.
async fn serve(answer: serde_json::Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = accept_async(stream).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.to_text().is_ok_and(|text| text.contains("\"initialize\"")) {
                    let _ = socket.send(Message::text(answer.to_string())).await;
                }
            }
        }
    });
    url
}

#[tokio::test]
async fn a_server_of_another_revision_is_named_with_what_to_do() {
    let other = json!({ "id": 0, "result": { "serverVersion": "9.9.9", "revision": REVISION + 1 } });
    let refuses = json!({ "id": 0, "error": { "code": -32600, "message": "install the same version" } });
    for (answer, words) in
        [(other, "codex 9.9.9 (protocol revision 2), and the client codex 1.2.3"), (refuses, "the same version")]
    {
        let address = Address::parse(&serve(answer).await).unwrap();
        let endpoint = Endpoint { address, secret: None, version: "1.2.3".to_owned() };
        let connection = connect(endpoint).await.unwrap();
        for _ in 0..2 {
            let error = connection.client.thread_list(Default::default()).await.unwrap_err().message;
            assert!(error.contains(words) && error.contains("the same version"), "{error}");
        }
    }
}
