//! What must hold of any message of a client, for tests and for `fuzz/`.

use super::incoming::{self, Incoming};

/// Reads `input` as one message.
///
/// # Panics
/// If what it is refused with cannot be told, or names no code of JSON-RPC.
pub fn frame(input: &[u8]) {
    let line = String::from_utf8_lossy(input);
    let error = match incoming::parse(&line) {
        Ok(Incoming::Request { method, params, .. }) => incoming::request(&method, params).err(),
        Ok(_) => None,
        Err(unreadable) => Some(unreadable.error),
    };
    if let Some(error) = error {
        assert!((-32_768..0).contains(&error.code), "{error:?}");
        assert!(!error.message.is_empty() && error.message.len() <= input.len() * 8 + 16_384, "{error:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_message_of_a_client_is_read_or_refused() {
        codex_testkit::fuzzing::each_input("frame", super::frame);
    }
}
