//! The sessions' model. What it says is when it says it: each piece of a paced answer is the nanoseconds on its clock.

use std::{
    convert::Infallible,
    io,
    sync::OnceLock,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::post,
};
use codex_testkit::events;
use futures_util::{StreamExt, stream};

/// What a prompt says that is answered at once.
pub(crate) const QUICK: &str = "at once";
/// What a prompt says that is answered piece by piece.
pub(crate) const PACED: &str = "piece by piece";
/// Pieces of a paced answer.
const PIECES: usize = 10;
/// Between two of them.
const PACE: Duration = Duration::from_millis(200);

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds on the clock of model and client.
pub(crate) fn now() -> u64 {
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Starts it; its base URL.
pub(crate) async fn start() -> io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/v1/responses", post(respond)).layer(DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}/v1"))
}

async fn respond(request: Bytes) -> Response {
    let place = |words: &str| request.windows(words.len()).rposition(|found| found == words.as_bytes());
    // What was said last counts.
    let is_paced = place(PACED) > place(QUICK);
    let begin = events::sse(&events::item_added(0, &events::message("m", "")));
    let (pieces, pace) = if is_paced { (PIECES, PACE) } else { (1, Duration::ZERO) };
    let middle = stream::iter(0..pieces).then(move |piece| async move {
        if piece > 0 {
            tokio::time::sleep(pace).await;
        }
        events::sse(&events::text_delta(0, "m", &format!("{} ", now())))
    });
    let message = events::message("m", "");
    let end = events::sse(&events::item_done(0, &message))
        + &events::sse(&events::completed("r", &[message], &events::default_usage()));
    let all = stream::iter([begin]).chain(middle).chain(stream::iter([end])).map(Ok::<_, Infallible>);
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(all)).into_response()
}
