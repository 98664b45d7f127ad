//! The whole body of an answer, if it is no longer than somebody wants to hold.

use reqwest::Response;

/// Why a body is not whole.
#[derive(Debug)]
pub enum Cut {
    /// It broke off.
    Broke(reqwest::Error),
    /// There is more of it.
    TooLong,
}

/// All of the body of `response`, which may have `most` bytes after they were unpacked.
///
/// # Errors
/// [`Cut`].
pub async fn whole(mut response: Response, most: usize) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(Cut::Broke)? {
        body.extend_from_slice(&piece);
        if body.len() > most {
            return Err(Cut::TooLong);
        }
    }
    Ok(body)
}
