//! Messages of the Language Server Protocol over a stream: a header with a length, then JSON.
//!
//! Whoever writes them may be broken or hostile: nothing is read that is longer than is allowed, and nothing is allocated
//! because a header says so.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};

/// The longest header, in bytes.
const HEADER: u64 = 4 << 10;
/// The longest message, in bytes.
const MESSAGE: usize = 16 << 20;

/// One message; `None` at the end of the stream.
///
/// # Errors
/// Of the stream, or where it says something that is no message.
pub(super) async fn read<R: AsyncBufRead + AsyncRead + Unpin>(from: &mut R) -> io::Result<Option<Value>> {
    let Some(length) = header(from).await? else { return Ok(None) };
    if length > MESSAGE {
        return Err(nonsense("a message is longer than 16 MiB"));
    }
    let mut body = Vec::new();
    if from.take(length as u64).read_to_end(&mut body).await? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&body).map(Some).map_err(|_| nonsense("a message is not JSON"))
}

/// The length that a header says.
async fn header<R: AsyncBufRead + Unpin>(from: &mut R) -> io::Result<Option<usize>> {
    let (mut length, mut is_first) = (None, true);
    let mut from = from.take(HEADER);
    loop {
        let mut line = Vec::new();
        let read = from.read_until(b'\n', &mut line).await?;
        let line = String::from_utf8_lossy(&line);
        match line.trim_end() {
            _ if read == 0 && is_first => return Ok(None),
            _ if !line.ends_with('\n') => return Err(nonsense("a header does not end")),
            "" => return length.map(Some).ok_or_else(|| nonsense("a header has no length")),
            field => {
                let (name, value) = field.split_once(':').ok_or_else(|| nonsense("it wrote something else"))?;
                if name.eq_ignore_ascii_case("content-length") {
                    length = Some(value.trim().parse().map_err(|_| nonsense("a length is no number"))?);
                }
            }
        }
        is_first = false;
    }
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it does not speak the protocol: {what}"))
}

/// A message as it is written.
pub(super) fn written(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn all(bytes: &[u8]) -> Result<Vec<Value>, String> {
        let (mut from, mut all) = (bytes, Vec::new());
        while let Some(message) = read(&mut from).await.map_err(|error| error.to_string())? {
            all.push(message);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_nonsense_is_an_error() {
        let (one, two) = (json!({ "id": 1, "text": "ü\r\n" }), json!([]));
        let both = [written(&one), b"content-length: 2\nContent-Type: x\n\n[]".to_vec()].concat();
        assert_eq!(all(&both).await.unwrap(), [one, two]);
        let table = [
            ("Content-Length: 99999999999\r\n\r\n", "longer than"),
            ("Content-Length: 5\r\n\r\n[]", "end of file"),
            ("Content-Length: 2\r\n\r\n{]", "not JSON"),
            ("Content-Length: x\r\n\r\n", "no number"),
            ("Content-Type: x\r\n\r\n", "no length"),
            ("hello\n", "something else"),
            ("hello", "does not end"),
        ];
        for (text, expected) in table {
            let error = all(text.as_bytes()).await.unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let endless = format!("X: {}", "x".repeat(10_000));
        assert!(all(endless.as_bytes()).await.unwrap_err().contains("does not end"));
    }
}
