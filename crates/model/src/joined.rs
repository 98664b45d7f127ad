//! A request's body, put together from bytes that exist already.

use bytes::{BufMut, Bytes, BytesMut};

/// `{head,"name":[elements],tail}` of two objects and of the elements of an array, in runs between which commas are put;
/// a run may be empty.
pub(crate) fn joined(head: &[u8], name: &str, runs: &[&[u8]], tail: &[u8]) -> Bytes {
    let size: usize = runs.iter().map(|run| run.len() + 1).sum();
    let mut body = BytesMut::with_capacity(head.len() + name.len() + size + tail.len() + 8);
    body.put_slice(head.strip_suffix(b"}").unwrap_or(head));
    body.put_slice(format!(",\"{name}\":[").as_bytes());
    let start = body.len();
    for run in runs.iter().filter(|run| !run.is_empty()) {
        if body.len() > start {
            body.put_u8(b',');
        }
        body.put_slice(run);
    }
    body.put_u8(b']');
    let tail = tail.strip_prefix(b"{").unwrap_or(tail);
    if tail != b"}" {
        body.put_u8(b',');
    }
    body.put_slice(tail);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_make_one_array() {
        for (runs, tail, expected) in [
            (&[&b""[..], b""][..], &b"{}"[..], r#"{"a":1,"x":[]}"#),
            (&[b"1,2", b""], b"{}", r#"{"a":1,"x":[1,2]}"#),
            (&[b"", b"3"], br#"{"b":2}"#, r#"{"a":1,"x":[3],"b":2}"#),
            (&[b"1,2", b"3"], br#"{"b":2}"#, r#"{"a":1,"x":[1,2,3],"b":2}"#),
        ] {
            assert_eq!(joined(br#"{"a":1}"#, "x", runs, tail), expected);
        }
    }
}
