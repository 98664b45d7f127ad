//! A whole answer, cut at each byte: in process, so that every place can be tried.

use bytes::Bytes;

use super::*;
use crate::{
    IDLE_TIMEOUT,
    http::{Secrets, reading},
};

/// Thinking, text and a call, as a server sends them.
const QUIRK: &str = include_str!("quirks/deepseek.txt");

/// What comes of `bytes`, after which the connection ends in order, or breaks.
async fn read(bytes: &[u8], breaks: bool) -> Vec<StreamEvent> {
    let mut pieces: Vec<std::io::Result<Bytes>> = vec![Ok(Bytes::copy_from_slice(bytes))];
    if breaks {
        pieces.push(Err(std::io::Error::other("a scripted break")));
    }
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let secrets = Arc::new(Secrets::new(None, &[], &"http://127.0.0.1/v1".parse().unwrap()));
    let assembler =
        WireFormat::ChatCompletions.assembler(&request(said("hi")), &config("http://127.0.0.1/v1"), secrets);
    reading(http::Response::new(body).into(), IDLE_TIMEOUT, assembler).collect().await
}

#[tokio::test]
async fn cut_at_any_byte_it_is_whole_or_a_failure_that_may_pass() {
    let (answer, _) = QUIRK.split_once("=====\n").unwrap();
    let whole = read(answer.as_bytes(), false).await;
    let (content, usage) = completed(&whole);
    assert_eq!((content.len(), usage.is_some()), (3, true));
    // In order, the answer may end where its reason is known: what follows could only have been usage.
    let last = answer.find("data: [DONE]").unwrap();
    for (breaks, enough) in [(false, last - 2), (true, answer.len())] {
        for cut in 0..=answer.len() {
            let events = read(&answer.as_bytes()[..cut], breaks).await;
            let place = format!("at {cut}, broken: {breaks}");
            if cut < enough {
                let failure = failed(&events);
                assert!(failure.kind.may_pass() && failure.message.contains("the answer"), "{place}: {failure:?}");
            } else {
                assert_eq!(completed(&events), (content, usage), "{place}");
            }
            let ends =
                events.iter().filter(|event| matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_)));
            assert_eq!(ends.count(), 1, "{place}");
        }
    }
}
