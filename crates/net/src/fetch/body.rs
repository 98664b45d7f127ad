//! The body of an answer, up to a limit: the rest is never asked of the connection.

use reqwest::{Response, header};
use url::Url;

use super::{FetchError, Page};
use crate::causes;

/// The page that `answer` brings, at most `most` bytes of it.
pub(super) async fn page(url: Url, mut answer: Response, most: usize) -> Result<Page, FetchError> {
    let status = answer.status().as_u16();
    let content_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let (mut body, mut is_whole) = (Vec::new(), true);
    let broken = |error: reqwest::Error| FetchError::Failed(format!("it broke off: {}", causes(&error)));
    while let Some(piece) = answer.chunk().await.map_err(broken)? {
        let room = most - body.len();
        body.extend(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            is_whole = false;
            break;
        }
    }
    Ok(Page { url, status, content_type, body, is_whole })
}
