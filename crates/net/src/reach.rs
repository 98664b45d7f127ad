//! Whether a server answers at all: for a diagnosis, not for work.

use std::time::Duration;

use url::Url;

use crate::{HttpClients, causes};

/// Asks for `url` without any key, and gives the HTTP status of the answer, whatever it is. No redirect is followed.
///
/// # Errors
/// Why there is no answer within `limit`, in words for people.
pub async fn reach(clients: &HttpClients, url: &Url, limit: Duration) -> Result<u16, String> {
    let client = clients.client_for(url).map_err(|error| error.to_string())?;
    match tokio::time::timeout(limit, client.get(url.clone()).send()).await {
        Ok(Ok(answer)) => Ok(answer.status().as_u16()),
        Ok(Err(error)) => Err(causes(&error)),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}
